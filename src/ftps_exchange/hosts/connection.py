"""Why Ansible could not look at a host: its words, or those of ssh and sudo -> a finding with a remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ftps_exchange.hosts.findings import Finding

_ASK = "-K with ansible-playbook, ANSIBLE_BECOME_ASK_PASS=true with make"

# The first that matches: pattern, what, found, remedy
_CAUSES: Final[Sequence[tuple[str, str, str, str]]] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "host key",
        "has another key than the known one: it was installed again, or another host answers.",
        "Make sure that it is your host, then: ssh-keygen -R {address}; ssh {user}{address}",
    ),
    (
        r"[Hh]ost key verification failed|host key is not (known|cached)|No (ED25519|ECDSA|RSA) host key is known",
        "host key",
        "has a key that this machine does not know.",
        "Log in once and compare the fingerprint: ssh {user}{address}",
    ),
    (
        r"Could not resolve hostname|[Nn]ame or service not known|Temporary failure in name resolution",
        "name",
        "has no address: the name does not resolve on this machine.",
        "Correct the name in hosts.yml or the DNS, or set ansible_host to its address.",
    ),
    (
        r"Connection refused",
        "SSH",
        "refuses connections: no SSH server at this port.",
        "Start it (systemctl enable --now ssh), or correct ansible_port.",
    ),
    (
        r"waiting for privilege escalation prompt",
        "sudo",
        "does not answer in time{as_user}: it waits for a name server or for the domain.",
        "Check /etc/resolv.conf there and the way to the domain controllers: ssh {user}{address} sudo true. "
        "A run waits longer with --timeout 60.",
    ),
    (
        r"timed out|No route to host|Network is unreachable|unreachable\b.*route",
        "SSH",
        "does not answer.",
        "Check that it is up, its address (ansible_host), and that firewalls let this machine in.",
    ),
    (
        r"Permission denied \(",
        "user",
        "refuses the login{as_user}.",
        "Put your key into the account's authorized_keys (ssh-copy-id {user}{address}), or correct ansible_user. "
        "With a password: --ask-pass.",
    ),
    (
        r"[Mm]issing (sudo|become|su|doas) password|a password is required|password is required",
        "sudo",
        "asks for a password, and none was given.",
        f"Give it: {_ASK}.",
    ),
    (
        r"[Ii]ncorrect (sudo|become|su|doas) password|Sorry, try again",
        "sudo",
        "refuses the password.",
        f"Give the password of the account on that host: {_ASK}.",
    ),
    (
        r"not in the sudoers file|may not run sudo|not allowed to (execute|run)",
        "sudo",
        "does not let the account become root{as_user}.",
        "Add it to the group sudo there, or write a rule with visudo.",
    ),
    (
        r"sudo: (command )?not found|sudo: No such file|become .*not found",
        "sudo",
        "has no sudo.",
        "Install it (apt install sudo) and let the account use it, or log in as root.",
    ),
    (
        r"interpreter .*not found|python3?: (command )?not found|python3?: No such file|No python interpreters found",
        "Python",
        "has no Python 3.",
        "Install it: apt install python3.",
    ),
    (
        r"No space left on device",
        "disk",
        "has no free space.",
        "Make space; df -h shows where.",
    ),
    (
        r"Failed to create temporary directory|Read-only file system",
        "disk",
        "has no place where the account may write.",
        "Check the account's home and /tmp: their owner, and whether they are mounted read-only.",
    ),
    (
        r"no such container|no container with name|exec sessions on running containers|container state improper",
        "container",
        "is a container that is not running.",
        "Build the lab: make lab.",
    ),
    (
        r"Data could not be sent to remote host|[Cc]onnection (reset|closed) by",
        "SSH",
        "ends the connection before Ansible can use it.",
        "Try it by hand, and look at the host's journal: ssh {user}{address}",
    ),
    (
        r"sshpass",
        "SSH",
        "is entered with a password, and this machine lacks sshpass.",
        "Use a key (ssh-copy-id {user}{address}), or install sshpass.",
    ),
)


def unlooked(host: str, reason: str, user: str = "", address: str = "") -> Finding:
    """Say why a host could not be looked at."""
    places = {
        "user": f"{user}@" if user else "",
        "address": address or host,
        "as_user": f" as {user}" if user else "",
    }
    for pattern, what, found, remedy in _CAUSES:
        if re.search(pattern, reason):
            return Finding(host, what, "problem", found.format(**places), remedy.format(**places))
    first = next((line.strip() for line in reason.splitlines() if line.strip()), "no reason given")
    return Finding(
        host,
        "connection",
        "problem",
        f"cannot be looked at: {first[:300]}",
        f"Try it by hand: ssh {places['user']}{places['address']} sudo python3 --version",
    )
