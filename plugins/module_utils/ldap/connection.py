"""An LDAPS connection to Active Directory (Microsoft's or Samba's) for modules that work on whole lists.

Changes are sent without waiting for each answer, but in stages: a server may work on several requests of one connection
at once (RFC 4511, 3.1), so what needs an earlier change comes in a later stage.

The certificate is always verified, against the given CA alone and with the name in the address; nothing turns that off.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import ssl
import tempfile
import traceback
import urllib.parse
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import (
    Change,
    DirectoryError,
    NoSuchObjectError,
)

# Otherwise ldap.conf, ~/.ldaprc and LDAPTLS_* of the runner could change settings, also the verification.
# It reads them once, when it is loaded.
os.environ["LDAPNOINIT"] = "1"

try:
    import ldap
    import ldap.controls

    LDAP_IMPORT_ERROR: str | None = None
except ImportError:
    LDAP_IMPORT_ERROR = traceback.format_exc()

PAGE_SIZE: Final = 500
"""Entries a page: below the 1,000 that Microsoft's server allows, and what Samba answers in one go."""

REQUESTS_UNDER_WAY: Final = 32
"""Changes sent without an answer yet: over a network, this saves a round trip each."""

LDAPS_PORT: Final = 636

MANY_CHANGES: Final = 100
"""From here on further connections are worth their TLS handshakes."""

SECONDS_TO_CONNECT: Final = 10
"""For each address, the TLS handshake included: after that the next one is tried."""

SECONDS_TO_ANSWER: Final = 120

PERMISSIVE_MODIFY: Final = "1.2.840.113556.1.4.1413"
"""Adding an existing value or removing a missing one is not an error (MS-ADTS 3.1.1.3.4.1.8)."""

BIND_REFUSALS: Final = {
    "525": "there is no such account",
    "52e": "the password is wrong, or there is no such account",
    "530": "the account may not log on at this time",
    "531": "the account may not log on from this host",
    "532": "its password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "its password must be changed first",
    "775": "the account is locked out",
}
"""Windows error codes behind ``data`` in the server's refusal of a bind (winerror.h, in hexadecimal)."""


class UnreachableError(DirectoryError):
    """This controller does not answer; another one may."""


class LdapsSession:
    """Bound LDAPS connections to one controller: one, and more for many changes.

    Messages name the server; no message holds the password.
    """

    def __init__(self, server_uri: str, bind_dn: str, bind_password: str, ca_cert: str, connections: int = 1) -> None:
        self._most = connections
        check_connection_settings(server_uri, bind_dn, bind_password, ca_cert)
        self._login = (bind_dn, bind_password, ca_cert)
        failures: list[str] = []
        for address in server_uri.split():
            self._where = address
            try:
                self._connections = [self._connect()]
                return
            except UnreachableError as error:
                failures.append(str(error))
        raise DirectoryError(" ".join(failures))

    @property
    def _connection(self) -> Any:
        return self._connections[0]

    def _connect(self) -> Any:
        """One more connection to the same controller. Two controllers would not see each other's changes at once."""
        bind_dn, bind_password, ca_cert = self._login
        check_alive(self._where)
        connection = ldap.initialize(self._where)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, SECONDS_TO_CONNECT)
        connection.set_option(ldap.OPT_TIMEOUT, SECONDS_TO_ANSWER)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        with tempfile.NamedTemporaryFile("w", prefix="directory-ca-", suffix=".pem") as file:
            file.write(ca_cert)
            file.flush()
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, file.name)
            try:
                connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
            except (ValueError, ldap.LDAPError) as error:
                raise DirectoryError(
                    "The CA certificate given for the directory cannot be loaded. Give PEM text, one or "
                    "several certificates."
                ) from error
        try:
            connection.simple_bind_s(bind_dn, bind_password)
        except ldap.INVALID_CREDENTIALS as error:
            reason = re.search(r"data ([0-9a-f]+)", _server_words(error))
            meaning = BIND_REFUSALS.get(reason[1] if reason else "", "the name or the password is wrong")
            raise DirectoryError(f"{self._where} refuses the login of {bind_dn}: {meaning}.") from error
        except ldap.LDAPError as error:
            raise UnreachableError(str(self._failure("connect", error))) from error
        return connection

    def search_page(
        self, base: str, scope: str, text: str, attributes: Sequence[str], cookie: bytes
    ) -> tuple[list[tuple[str, dict[str, list[bytes]]]], bytes]:
        scopes = {"base": ldap.SCOPE_BASE, "subtree": ldap.SCOPE_SUBTREE}
        controls = (
            [] if scope == "base" else [ldap.controls.SimplePagedResultsControl(True, size=PAGE_SIZE, cookie=cookie)]
        )
        try:
            request = self._connection.search_ext(base, scopes[scope], text, list(attributes), serverctrls=controls)
            _kind, found, _id, answered = self._connection.result3(request, timeout=SECONDS_TO_ANSWER)
        except ldap.NO_SUCH_OBJECT as error:
            raise NoSuchObjectError(f"{self._where}: {base} does not exist.") from error
        except ldap.LDAPError as error:
            raise self._failure(f"search below {base}", error) from error
        # A search from the top of a domain also yields references to other partitions: no name, no attributes.
        entries = [(dn, values) for dn, values in found if dn is not None]
        next_cookie = next(
            (control.cookie for control in answered if isinstance(control, ldap.controls.SimplePagedResultsControl)),
            b"",
        )
        return entries, next_cookie or b""

    def apply(self, changes: Sequence[Change]) -> None:
        """Send the changes, stage by stage. After a refusal nothing new is sent; what is under way is waited for."""
        done = 0
        refused: list[tuple[Change, Exception]] = []
        for change, error in self._answers(sorted(changes, key=lambda change: change.stage), stop=True):
            if error is None:
                done += 1
            else:
                refused.append((change, error))
        if refused:
            more = f" {len(refused) - 1} more that were under way failed too." if len(refused) > 1 else ""
            raise DirectoryError(
                f"{self._refusal(*refused[0])}{more} {done} of {len(changes)} changes were made; run again to make the "
                "rest."
            ) from refused[0][1]

    def compare_and_set(self, change: Change) -> bool:
        """Send an add, or a change with expected values. False: somebody else was faster. Raises for other refusals."""
        try:
            self._connection.result3(self._send(change, self._connection), timeout=SECONDS_TO_ANSWER)
        except (ldap.ALREADY_EXISTS, ldap.NO_SUCH_ATTRIBUTE, ldap.NO_SUCH_OBJECT, ldap.TYPE_OR_VALUE_EXISTS):
            return False
        except ldap.LDAPError as error:
            raise self._refusal(change, error) from error
        return True

    def modify_each(self, changes: Sequence[Change]) -> dict[str, str]:
        """Send independent changes, all of them. Returns what was refused: ``{what: the server's reason}``."""
        refused: dict[str, str] = {}
        for change, error in self._answers(changes, stop=False):
            if isinstance(error, (ldap.SERVER_DOWN, ldap.TIMEOUT)):
                raise self._failure(f"change {change.what}", error) from error
            if error is not None:
                refused[change.what] = _server_words(error)
        return refused

    def _answers(self, changes: Sequence[Change], *, stop: bool) -> Iterator[tuple[Change, Exception | None]]:
        """Each change with its refusal, if any. Sends ahead within a stage; ``stop``: nothing new after a refusal."""
        while len(changes) >= MANY_CHANGES and len(self._connections) < self._most:
            self._connections.append(self._connect())
        # Whoever is next gets the next request: the answers come in this order too, closely enough
        turns = itertools.cycle(self._connections)
        most = REQUESTS_UNDER_WAY * len(self._connections)
        waiting = deque(changes)
        under_way: deque[tuple[Any, int, Change]] = deque()
        while waiting or under_way:
            error: Exception | None = None
            same_stage = waiting and (not under_way or under_way[0][2].stage == waiting[0].stage)
            try:
                if same_stage and len(under_way) < most:
                    change = waiting.popleft()
                    connection = next(turns)
                    under_way.append((connection, self._send(change, connection), change))
                    continue
                connection, request, change = under_way.popleft()
                connection.result3(request, timeout=SECONDS_TO_ANSWER)
            except ldap.LDAPError as failure:
                error = failure
                if stop:
                    waiting.clear()
            yield change, error

    def _send(self, change: Change, connection: Any) -> int:
        if change.action == "add":
            attributes = [(name, [_bytes(value) for value in values]) for name, values in change.values]
            return int(connection.add_ext(change.dn, attributes))
        if change.action == "delete":
            return int(connection.delete_ext(change.dn))
        if change.action == "move":
            return int(connection.rename(change.dn, change.to[0], change.to[1]))
        compared = dict(change.expected)
        modifications: list[tuple[int, str, list[bytes] | None]] = [
            (ldap.MOD_DELETE, name, [_bytes(value) for value in values]) for name, values in change.expected
        ]
        modifications += [
            (ldap.MOD_ADD if name in compared else ldap.MOD_REPLACE, name, [_bytes(value) for value in values] or None)
            for name, values in change.values
        ]
        if change.remove_members:
            modifications.append((ldap.MOD_DELETE, "member", [_bytes(dn) for dn in change.remove_members]))
        if change.add_members:
            modifications.append((ldap.MOD_ADD, "member", [_bytes(dn) for dn in change.add_members]))
        permissive = (
            [ldap.controls.RequestControl(PERMISSIVE_MODIFY, True)]
            if change.add_members or change.remove_members
            else []
        )
        return int(connection.modify_ext(change.dn, modifications, serverctrls=permissive))

    def _failure(self, doing: str, error: Exception) -> DirectoryError:
        words = _server_words(error)
        remedy = "Check the address, the port and the firewalls in between."
        if "certificate" in words.lower() or "hostname" in words.lower():
            remedy = "Give the CA of the controller's certificate, and the controller's name as the certificate has it."
        elif isinstance(error, ldap.TIMEOUT):
            remedy = f"It gave no answer for {SECONDS_TO_ANSWER} s; run again."
        elif not isinstance(error, (ldap.SERVER_DOWN, ldap.CONNECT_ERROR)):
            remedy = "Run again; if it stays, the controller's event log says more."
        return DirectoryError(f"{self._where}: cannot {doing}: {words}. {remedy}")

    def _refusal(self, change: Change, error: Exception) -> DirectoryError:
        remedies = {
            ldap.ALREADY_EXISTS: "An object with that name was created there in the meantime.",
            ldap.NO_SUCH_OBJECT: "The object, or its parent, was removed in the meantime.",
            ldap.INSUFFICIENT_ACCESS: "The bind account lacks the right to do this.",
            ldap.UNWILLING_TO_PERFORM: "The server's policy does not allow it.",
            ldap.NOT_ALLOWED_ON_NONLEAF: "It contains other objects.",
        }
        if isinstance(error, (ldap.SERVER_DOWN, ldap.TIMEOUT)):
            return self._failure(f"{change.action} {change.what}", error)
        remedy = next((f" {text}" for kind, text in remedies.items() if isinstance(error, kind)), "")
        return DirectoryError(
            f"{self._where} refuses to {change.action} {change.what} ({change.dn}): {_server_words(error)}.{remedy}"
        )


def check_alive(address: str) -> None:
    """Raise if a controller does not finish a TLS handshake in time.

    libldap limits the time of the TCP connection alone: where a controller hangs, it would wait for the handshake
    for ever.
    """
    host, port = split_address(address)
    # Nothing is sent over it. libldap verifies the certificate of the connection that is used
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=SECONDS_TO_CONNECT) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return
    except TimeoutError as error:
        words = f"no answer for {SECONDS_TO_CONNECT} s"
        cause: OSError = error
    except OSError as error:
        words, cause = error.strerror or str(error), error
    raise UnreachableError(
        f"{address}: cannot connect: {words}. Check the address, the port and the firewalls in between."
    ) from cause


def split_address(address: str) -> tuple[str, int]:
    """``ldaps://[fd00::1]:3269/`` -> ``("fd00::1", 3269)``."""
    parts = urllib.parse.urlsplit(address)
    return parts.hostname or "", parts.port or LDAPS_PORT


def is_address(address: str) -> bool:
    """Whether it is ldaps:// with a host and, if any, a port."""
    try:
        host, _port = split_address(address)
        # As the resolver does it: empty and too long parts of a name are errors
        host.encode("idna")
    except ValueError:
        return False
    return bool(host and re.fullmatch(r"ldaps://[^/?\s]+/?", address, re.IGNORECASE))


def check_connection_settings(server_uri: str, bind_dn: str, bind_password: str, ca_cert: str) -> None:
    """Reject settings that a library would silently treat as less secure."""
    addresses = server_uri.split()
    if not addresses or not all(map(is_address, addresses)):
        raise DirectoryError(
            f"{server_uri!r} is not the address of a directory: give ldaps://<name of the controller>, several "
            "separated by blanks."
        )
    if not bind_dn or not bind_password:
        # RFC 4513, 5.1.2: a name without a password "succeeds" as nobody.
        raise DirectoryError(f"{server_uri}: a bind needs a name and a password; one of them is empty.")
    if "-----BEGIN CERTIFICATE-----" not in ca_cert:
        raise DirectoryError(
            f"{server_uri}: the CA certificate is not PEM text. The controller's certificate is always verified; "
            "give the CA that signed it."
        )


def _server_words(error: Exception) -> str:
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    words = " - ".join(str(details[key]).strip().rstrip(".\0") for key in ("desc", "info") if details.get(key))
    return words or str(error) or type(error).__name__


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def ldap_arguments() -> dict[str, Any]:
    """The options of all modules that connect to the directory."""
    return {
        "server_uri": {"type": "str", "required": True},
        "bind_dn": {"type": "str", "required": True},
        "bind_password": {"type": "str", "required": True, "no_log": True},
        "ca_cert": {"type": "str", "required": True},
        "managed_ou": {"type": "str", "required": True},
    }
