"""An LDAPS connection to Active Directory (Microsoft's or Samba's) for modules that work on whole lists.

What it knows about the server, so that modules need not:

* answers come in pages (MaxPageSize is 1,000 on Microsoft's server) and long attributes in ranges (MaxValRange is
  1,500: ``member;range=0-1499``, MS-ADTS 3.1.1.3.1.3.3); both are followed to the end;
* changes are sent without waiting for each answer, but in stages: a server may work on several requests of one
  connection at once (RFC 4511, 3.1), so what needs an earlier change comes in a later stage;
* the certificate is always verified, against the given CA alone and with the name in the address; nothing turns that
  off.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

# libldap would otherwise take whatever ldap.conf, ~/.ldaprc and LDAPTLS_* of the runner say, verification included.
# It reads them once, when it is loaded.
os.environ["LDAPNOINIT"] = "1"

try:
    import ldap
    import ldap.controls
    import ldap.filter

    LDAP_IMPORT_ERROR: str | None = None
except ImportError:
    LDAP_IMPORT_ERROR = traceback.format_exc()

PAGE_SIZE: Final = 500
"""Entries a page: below the 1,000 that Microsoft's server allows, and what Samba answers in one go."""

NAMES_PER_FILTER: Final = 200
"""Terms of one ``(|…)`` filter: long enough to need few searches, short enough for every server's limits."""

MEMBERS_PER_CHANGE: Final = 1000
"""Values in one change of a member list. Microsoft advises to stay below 5,000 changes of links in one transaction."""

REQUESTS_UNDER_WAY: Final = 32
"""Changes sent without an answer yet: over a network, this saves a round trip each."""

SECONDS_TO_CONNECT: Final = 10
SECONDS_TO_ANSWER: Final = 120

PERMISSIVE_MODIFY: Final = "1.2.840.113556.1.4.1413"
"""To add a value that is there, or to remove one that is not, is no error (MS-ADTS 3.1.1.3.4.1.8)."""

ACCOUNT_DISABLED: Final = 0x2
LOCKED_OUT: Final = 0x10
PASSWORD_NOT_REQUIRED: Final = 0x20
NORMAL_ACCOUNT: Final = 0x200
PASSWORD_NEVER_EXPIRES: Final = 0x10000
SENSITIVE_NOT_DELEGATED: Final = 0x100000
PASSWORD_EXPIRED: Final = 0x800000
"""Bits of userAccountControl (MS-ADTS 2.2.16)."""

FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
NEVER: Final = frozenset({0, 2**63 - 1})
"""Both values of accountExpires that mean never."""

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


class DirectoryError(Exception):
    """What a person needs to know: what happened, where, and what to do about it."""


@dataclass(frozen=True)
class Entry:
    """An object as it stands in the directory. Attribute names are in lower case."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]] = field(default_factory=dict)

    def texts(self, name: str) -> list[str]:
        return [value.decode("utf-8", "replace") for value in self.attributes.get(name.lower(), ())]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")

    def number(self, name: str) -> int | None:
        """None when the attribute is not set, or when the account that reads may not see it."""
        value = self.text(name)
        return int(value) if value else None

    def is_a(self, object_class: str) -> bool:
        return object_class.lower() in (value.lower() for value in self.texts("objectClass"))

    @property
    def sid(self) -> str:
        return decode_sid(self.attributes["objectsid"][0]) if "objectsid" in self.attributes else ""


@dataclass(frozen=True)
class Change:
    """One request to the directory, and what a person shall read about it."""

    stage: int
    action: Literal["add", "modify", "move", "delete"]
    dn: str
    what: str
    """Names the object in messages, such as ``account acme-up``."""
    values: tuple[tuple[str, tuple[str | bytes, ...]], ...] = ()
    """add: the attributes; modify: attributes to replace (none: to clear)."""
    add_members: tuple[str, ...] = ()
    remove_members: tuple[str, ...] = ()
    to: tuple[str, str] = ("", "")
    """move: the new name and the new parent."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Lines of the diff. Never a secret."""


class Session(Protocol):
    """What the rest of the code needs of a connection; the tests have one that answers as Microsoft's server does."""

    def search_page(
        self, base: str, scope: str, text: str, attributes: Sequence[str], cookie: bytes
    ) -> tuple[list[tuple[str, dict[str, list[bytes]]]], bytes]:
        """One page of a search, and the cookie for the next (empty: this was the last). Raises NoSuchObject."""
        ...


class NoSuchObjectError(DirectoryError):
    """The base of a search does not exist."""


# -- reading -----------------------------------------------------------------------------------------------------------


def search(
    session: Session, base: str, scope: Literal["base", "subtree"], text: str, attributes: Sequence[str]
) -> list[Entry]:
    """Every entry of a search, each with the whole list of its values."""
    entries: list[Entry] = []
    cookie = b""
    while True:
        page, cookie = session.search_page(base, scope, text, attributes, cookie)
        entries += [Entry(dn, _all_values(session, dn, values)) for dn, values in page]
        if not cookie:
            return entries


def search_names(
    session: Session, base: str, keys: Mapping[str, Iterable[str]], attributes: Sequence[str]
) -> list[Entry]:
    """Entries that have one of the values, ``{"sAMAccountName": ["acme-up", …]}``: few searches for a long list."""
    terms = [f"({attribute}={escape_filter(value)})" for attribute, values in keys.items() for value in values]
    return [
        entry
        for start in range(0, len(terms), NAMES_PER_FILTER)
        for entry in search(
            session, base, "subtree", f"(|{''.join(terms[start : start + NAMES_PER_FILTER])})", attributes
        )
    ]


RANGED = re.compile(r"^(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)$", re.IGNORECASE)


def _all_values(session: Session, dn: str, values: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
    """Attribute names in lower case, and ranges followed to their end.

    A server that answers in ranges gives the plain name as well, with no value.
    """
    whole: dict[str, list[bytes]] = {}
    for key, found in values.items():
        ranged = RANGED.match(key)
        if ranged:
            whole[ranged["name"].lower()] = [*found, *_rest_of_range(session, dn, ranged["name"], ranged["last"])]
        else:
            whole.setdefault(key.lower(), []).extend(found)
    return whole


def _rest_of_range(session: Session, dn: str, name: str, last: str) -> Iterator[bytes]:
    while last != "*":
        first = int(last) + 1
        page, _cookie = session.search_page(dn, "base", "(objectClass=*)", [f"{name};range={first}-*"], b"")
        for key, found in page[0][1].items() if page else ():
            ranged = RANGED.match(key)
            if ranged and ranged["name"].lower() == name.lower() and int(ranged["first"]) == first:
                yield from found
                last = ranged["last"]
                break
        else:
            raise DirectoryError(
                f"{dn}: the server stopped in the middle of the values of {name}, at number {first}. Run again."
            )


# -- the wire ----------------------------------------------------------------------------------------------------------


class LdapsSession:
    """One bound LDAPS connection. Messages name the server; no message holds the password."""

    def __init__(self, server_uri: str, bind_dn: str, bind_password: str, ca_cert: str) -> None:
        self._where = server_uri
        check_connection_settings(server_uri, bind_dn, bind_password, ca_cert)
        connection = ldap.initialize(server_uri)
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
        self._connection = connection
        try:
            connection.simple_bind_s(bind_dn, bind_password)
        except ldap.INVALID_CREDENTIALS as error:
            reason = re.search(r"data ([0-9a-f]+)", _server_words(error))
            meaning = BIND_REFUSALS.get(reason[1] if reason else "", "the name or the password is wrong")
            raise DirectoryError(f"{server_uri} refuses the login of {bind_dn}: {meaning}.") from error
        except ldap.LDAPError as error:
            raise self._failure("connect", error) from error

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
        under_way: deque[tuple[int, Change]] = deque()
        done = 0

        def collect() -> None:
            nonlocal done
            request, change = under_way.popleft()
            try:
                self._connection.result3(request, timeout=SECONDS_TO_ANSWER)
            except ldap.LDAPError as error:
                raise self._refusal(change, error) from error
            done += 1

        try:
            stage: int | None = None
            for change in sorted(changes, key=lambda change: change.stage):
                while under_way and (change.stage != stage or len(under_way) >= REQUESTS_UNDER_WAY):
                    collect()
                stage = change.stage
                try:
                    under_way.append((self._send(change), change))
                except ldap.LDAPError as error:
                    raise self._refusal(change, error) from error
            while under_way:
                collect()
        except DirectoryError as failure:
            others = 0
            while under_way:
                try:
                    collect()
                except DirectoryError:
                    others += 1
            more = f" {others} more that were under way failed too." if others else ""
            raise DirectoryError(
                f"{failure}{more} {done} of {len(changes)} changes were made; run again to make the rest."
            ) from failure

    def modify_each(self, changes: Sequence[Change]) -> dict[str, str]:
        """Send independent changes, all of them. Returns what was refused: ``{what: the server's reason}``."""
        refused: dict[str, str] = {}
        under_way: deque[tuple[int, Change]] = deque()
        for change in [*changes, None]:
            while under_way and (change is None or len(under_way) >= REQUESTS_UNDER_WAY):
                request, sent = under_way.popleft()
                try:
                    self._connection.result3(request, timeout=SECONDS_TO_ANSWER)
                except (ldap.SERVER_DOWN, ldap.TIMEOUT) as error:
                    raise self._failure(f"change {sent.what}", error) from error
                except ldap.LDAPError as error:
                    refused[sent.what] = _server_words(error)
            if change is not None:
                try:
                    under_way.append((self._send(change), change))
                except ldap.LDAPError as error:
                    raise self._failure(f"change {change.what}", error) from error
        return refused

    def _send(self, change: Change) -> int:
        connection = self._connection
        if change.action == "add":
            attributes = [(name, [_bytes(value) for value in values]) for name, values in change.values]
            return int(connection.add_ext(change.dn, attributes))
        if change.action == "delete":
            return int(connection.delete_ext(change.dn))
        if change.action == "move":
            return int(connection.rename(change.dn, change.to[0], change.to[1]))
        modifications: list[tuple[int, str, list[bytes] | None]] = [
            (ldap.MOD_REPLACE, name, [_bytes(value) for value in values] or None) for name, values in change.values
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


def check_connection_settings(server_uri: str, bind_dn: str, bind_password: str, ca_cert: str) -> None:
    """Settings that a library would quietly take for something less safe than was meant."""
    addresses = server_uri.split()
    if not addresses or not all(re.fullmatch(r"ldaps://[^/?\s]+/?", address, re.IGNORECASE) for address in addresses):
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


# -- values and their forms --------------------------------------------------------------------------------------------


def normalise_dn(dn: str) -> str:
    """A form in which two spellings of one name are equal: case, blanks round separators, kind of escape (RFC 4514)."""
    parts = []
    for part in split_dn(dn):
        name, _equals, value = part.partition("=")
        value = _unescape_value(value) if "\\" in value else value.strip()
        parts.append(f"{name.strip()}={re.sub(ESCAPED, _as_hex, value)}")
    return ",".join(parts).casefold()


def split_dn(dn: str) -> list[str]:
    """The parts of a name, first one first; an escaped comma does not separate."""
    parts = re.findall(r"(?:\\.|[^,\\])+", dn, re.DOTALL) if "\\" in dn else dn.split(",")
    return [part for part in parts if part.strip()]


def parent_dn(dn: str) -> str:
    return ",".join(split_dn(dn)[1:])


def is_below(dn: str, ancestor: str) -> bool:
    """Whether ``dn`` lies in ``ancestor``, at any depth, and is not itself."""
    return normalise_dn(dn).endswith("," + normalise_dn(ancestor))


ESCAPED: Final = re.compile(r"[,\\]|^ | $")
"""What would be read as something else where it stands unescaped."""


def _as_hex(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):02x}"


def _unescape_value(value: str) -> str:
    trimmed = re.sub(r"(?<!\\)\s+$", "", value.lstrip())
    whole = re.sub(
        rb"\\([0-9a-fA-F]{2}|.)",
        lambda match: bytes.fromhex(match[1].decode()) if len(match[1]) == 2 else match[1],
        trimmed.encode(),
        flags=re.DOTALL,
    )
    return whole.decode("utf-8", "replace")


def escape_filter(value: str) -> str:
    """A value as it stands in a search filter (RFC 4515, section 3)."""
    return re.sub(r"[\\*()\0]", lambda match: f"\\{ord(match[0]):02x}", value)


def decode_sid(packed: bytes) -> str:
    """objectSid -> ``S-1-5-21-…`` (MS-DTYP 2.4.2.2)."""
    count = packed[1]
    authority = int.from_bytes(packed[2:8], "big")
    return "-".join(
        [
            "S",
            str(packed[0]),
            str(authority),
            *(str(part) for part in struct.unpack(f"<{count}I", packed[8 : 8 + 4 * count])),
        ]
    )


def filetime_to_datetime(value: int) -> datetime:
    """A FILETIME (units of 100 ns since 1601, UTC). The last moments of the calendar stand for everything later."""
    try:
        return FILETIME_EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def parse_generalised_time(text: str) -> datetime:
    """``20261123161252.0Z`` (RFC 4517, 3.3.13, as Active Directory writes it)."""
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def read_root(session: Session) -> tuple[str, datetime]:
    """The name of the domain, and the controller's own idea of the time."""
    (root,) = search(session, "", "base", "(objectClass=*)", ["defaultNamingContext", "currentTime"])
    if not root.text("defaultNamingContext"):
        raise DirectoryError(
            "The server is not an Active Directory controller: it names no domain (defaultNamingContext)."
        )
    return root.text("defaultNamingContext"), parse_generalised_time(root.text("currentTime"))


def connection_arguments() -> dict[str, Any]:
    """The options that every module has which speaks to the directory."""
    return {
        "server_uri": {"type": "str", "required": True},
        "bind_dn": {"type": "str", "required": True},
        "bind_password": {"type": "str", "required": True, "no_log": True},
        "ca_cert": {"type": "str", "required": True},
        "managed_ou": {"type": "str", "required": True},
    }
