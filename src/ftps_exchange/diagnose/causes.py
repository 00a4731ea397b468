"""Every cause that can be named: the verdict, what the operator does, and what the service desk can send to the
customer.

Texts are templates for ``str.format``. The customer's sentence contains nothing internal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause, in the words for both sides."""

    id: str
    verdict: str
    remedy: str
    sentence: str


_ALL: Final = (
    Cause(
        "absent",
        "The customer is absent: its accounts are disabled and its addresses are closed.",
        "If that is not meant, set state: present in the customer file and run site.yml.",
        "Your access to {fqdn} has ended. Please contact us if you still need it.",
    ),
    Cause(
        "suspended",
        "The customer is suspended: its accounts are disabled and its addresses are closed.",
        "If that is not meant any more, set state: present in the customer file and run site.yml.",
        "Your access to {fqdn} is suspended. Please contact us to have it opened again.",
    ),
    Cause(
        "account unknown",
        "Account {account} is not an account of this customer.",
        "Check the spelling with the customer. Its accounts are: {accounts}.",
        "The account name {account} is not one of yours at {fqdn}. Your accounts are: {accounts}.",
    ),
    Cause(
        "service down",
        "The service does not run: {detail}.",
        "Look at the journal of that unit, and run site.yml.",
        "{fqdn} is out of service at the moment. We are working on it; please try again later.",
    ),
    Cause(
        "directory down",
        "The directory does not answer, so the service refuses all connections.",
        "Check the domain controllers. The service opens again within seconds after one answers.",
        "{fqdn} is out of service at the moment. We are working on it; please try again later.",
    ),
    Cause(
        "certificate ended",
        "The certificate of the service ended on {detail}.",
        "Renew it: playbooks/renew_certificate.yml.",
        "The certificate of {fqdn} has ended on our side. We are renewing it; please try again later.",
    ),
    Cause(
        "disk full",
        "The disk of the data is full: {detail}.",
        "Make space on the file system of the exchange's root folder.",
        "Your upload failed because storage on our side was full. We are making space; please send the file again "
        "later.",
    ),
    Cause(
        "quota used up",
        "A quota is used up: {detail}.",
        "Ask the customer to delete files, or raise the quota.",
        "Your upload failed because your space on {fqdn} is used up. Please delete files that are no longer needed.",
    ),
    Cause(
        "account missing",
        "Account {account} is declared, but not in the directory.",
        "Run site.yml.",
        "Your account {account} is not ready yet. We are setting it up and will contact you.",
    ),
    Cause(
        "account expired",
        "Account {account} has expired ({detail}).",
        "To keep it, set a later day in expires of the customer file and run site.yml.",
        "Your account {account} expired ({detail}). Please contact us if you still need it.",
    ),
    Cause(
        "account disabled",
        "Account {account} is disabled in the directory, although the model enables it.",
        "Somebody disabled it by hand, or site.yml did not finish. Find out which, then run site.yml.",
        "Your account {account} is disabled. We are looking into it and will contact you.",
    ),
    Cause(
        "locked out",
        "Account {account} is locked out in the directory {detail}, after too many wrong passwords.",
        "Unlock it, or wait. Find the client that sends the old password; rotate_password.yml also lifts the lock.",
        "Your account {account} was locked after several wrong passwords ({detail}). Please check the password that "
        "is stored "
        "in your programs, and try again after that.",
    ),
    Cause(
        "groups differ",
        "Account {account} does not have its groups on the server: {detail}.",
        "Run site.yml. If the directory is right and the server is not, check winbind there.",
        "The rights of your account {account} are not complete on our side. We are correcting that.",
    ),
    Cause(
        "not deployed",
        "The firewall {detail} does not have the customer's networks as the model has them.",
        "Run site.yml.",
        "Your address is not open on our side yet. We are completing the change and will contact you.",
    ),
    Cause(
        "wrong source address",
        "The address {address} is not one of the customer's networks{detail}.",
        "Ask the customer whether the address is theirs. If so, add it to sources, run site.yml, and make the pack "
        "again.",
        "You connect from {address}, which is not one of the addresses that you gave us ({networks}). Please connect "
        "from "
        "one of those, or confirm that the new address is yours.",
    ),
    Cause(
        "banned",
        "{account} is banned until {detail} after too many wrong passwords.",
        "Find the client with the wrong password first. ftps-exchange-guard permit ACCOUNT lifts the ban on the "
        "server.",
        "Access from your address was blocked until {detail} because of too many wrong passwords. Please check the "
        "password "
        "that is stored in your programs, and try again after that.",
    ),
    Cause(
        "wrong password",
        "The password for {account} is wrong.",
        "The customer corrects it. If it is lost: playbooks/rotate_password.yml.",
        "The password for {account} was refused. Please type it again by hand. If it is lost, we send you a new one.",
    ),
    Cause(
        "spelling",
        "The account name was typed as {detail}, and must be {account}.",
        "Nothing: the customer corrects the name.",
        "Please write the account name exactly as {account}, in lower case and without a domain.",
    ),
    Cause(
        "session refused",
        "The server could not build the session: {detail}.",
        "Look at journalctl -t ftps-exchange-session on the server, and run site.yml.",
        "The login failed because of a fault on our side. We are correcting it and will contact you.",
    ),
    Cause(
        "groups incomplete",
        "At the login the server got no complete answer about {account} from the directory. This is temporary.",
        "Nothing, if the next login works. If it happens often, check winbind and the controllers.",
        "The login failed because of a temporary fault on our side. Please try again now.",
    ),
    Cause(
        "session limit",
        "Too many sessions of account {account} at the same time (at most {detail}).",
        "The customer's program opens too many, or does not close them. Raise max_sessions_per_account only if they "
        "need more.",
        "Your program opens more than {detail} connections at the same time with {account}. Please limit it to fewer.",
    ),
    Cause(
        "address limit",
        "Too many connections from {address} at the same time (at most {detail}).",
        "The customer's programs open too many, or do not close them.",
        "Your address {address} opens more than {detail} connections at the same time. Please limit your programs to "
        "fewer.",
    ),
    Cause(
        "server full",
        "The server has all the sessions that it accepts ({detail}).",
        "See who uses them (ftpwho on the server). Raise exchange.max_sessions if the load is real.",
        "{fqdn} was busy with its maximum number of connections. Please try again in a few minutes.",
    ),
    Cause(
        "no TLS",
        "The client does not use TLS.",
        "Nothing: the customer sets explicit TLS in the client (AUTH TLS), see clients/ in the pack.",
        'Your program connects without encryption. Please set it to "FTP with explicit TLS" (FTPES), as in our guide.',
    ),
    Cause(
        "TLS version",
        "Client and server have no TLS version or cipher in common.",
        "The customer needs a newer client. The service accepts TLS {detail}.",
        "Your program or system is too old for the encryption that {fqdn} uses (TLS {detail}). Please use a newer one.",
    ),
    Cause(
        "certificate refused",
        "The client does not trust the certificate of the service.",
        "The customer needs ca.pem of the pack, and the name {fqdn}. If they have both, something inspects TLS on "
        "their side.",
        "Your program does not trust our certificate. Please install ca.pem from the folder that we sent you, and "
        "connect "
        "to {fqdn} by that name. If you did, your firewall inspects TLS: please exclude {fqdn} from that.",
    ),
    Cause(
        "TLS cut",
        "The TLS handshake was cut or damaged on the way.",
        "FTP or TLS inspection on the customer's side is the usual cause.",
        "Something between your program and {fqdn} breaks the TLS handshake. Please exclude {fqdn} from FTP and TLS "
        "inspection in your firewall, and disable any FTP helper (ALG) for it.",
    ),
    Cause(
        "session not resumed",
        "The data connection did not resume the TLS session of the login, so the server refused it (425).",
        "The customer needs a client that does, such as those in clients/ of the pack.",
        "Your program does not resume the TLS session for data connections. Please switch that on, or use one of the "
        "programs and profiles in the folder that we sent you.",
    ),
    Cause(
        "two addresses",
        "Control and data connections come from two addresses: {address} and {detail}.",
        "The customer's firewall or load balancer spreads connections over several exits. They need one exit per "
        "client.",
        "Your control connection comes from {address}, your data connection from {detail}. Please let your firewall "
        "send both "
        "through the same address.",
    ),
    Cause(
        "port blocked",
        "A data connection does not arrive: the server waits for it at port {detail}.",
        "The customer's firewall does not let the whole passive range out, or sends data connections through another "
        "address, which the edge refuses.",
        "Your firewall does not let data connections to {fqdn} out. Please allow TCP to ports {passive} there, from "
        "the same "
        "address as the login.",
    ),
    Cause(
        "share withdrawn",
        "The customer has no right to {detail}.",
        "If it should have, add the share to the customer file and run site.yml.",
        "Your access does not include {detail}. Please contact us if you need it.",
    ),
    Cause(
        "reader writes",
        "Account {account} may only read there: {detail}.",
        "If it should write, change access in the customer file and run site.yml.",
        "Your account {account} may only read there. Please use an account that may upload, or contact us.",
    ),
    Cause(
        "nothing arrives",
        "No packet of the customer's networks has reached the edge since its counters began.",
        "The customer's firewall blocks the service, or they come from another address. Ask for the output of "
        "selftest.sh.",
        "Nothing from your addresses ({networks}) reaches us. Please allow TCP to {fqdn}, ports {ports} and "
        "{passive}, and "
        "check that you leave through one of these addresses.",
    ),
    Cause(
        "not known",
        "No cause found, but not every server was asked or answered.",
        "See what was not looked at, and ask again when those servers answer. A server with Windows has its own logs.",
        "We are looking into it and will contact you.",
    ),
    Cause(
        "no login",
        "Packets arrive, but there was no login and no error{detail}.",
        "Ask the customer for the exact time and message, and for the output of selftest.sh.",
        "We see no attempt to log in. Please run selftest.sh from the folder that we sent you, and send us its output.",
    ),
    Cause(
        "no fault",
        "No fault found{detail}.",
        "If the customer still reports one, ask for the exact time and message.",
        "We see no fault: your last login was accepted. If something does not work, please send us the exact time and "
        "the message of your program.",
    ),
)

CAUSES: Final[dict[str, Cause]] = {cause.id: cause for cause in _ALL}
