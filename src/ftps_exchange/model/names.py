"""Which names are safe everywhere they end up.

The name of a customer, an account or a share becomes a folder on Linux and on Windows, part of a group in Active
Directory, a comment in a firewall, a word in a log; an account is a login as well. One strict rule for all of them
is easier to remember than the sum of what each place would allow.

Sources: Microsoft, "Naming Files, Paths, and Namespaces" (device names, trailing dot) and "Naming conventions in
Active Directory for computers, domains, sites, and OUs" (NetBIOS names, reserved words); sAMAccountName of a user:
20 characters; Debian base-passwd and systemd for system accounts; RFC 1123 §2.1 for host names; RFC 4514 for DNs;
access.conf(5); YAML 1.1, "Language-Independent Types"; the languages of the packs (src/ftps_exchange/packs).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from ftps_exchange.model.problems import RefusedError, printable

NameKind = Literal["customer", "account", "share"]

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9._-]*[a-z0-9_])?$"
NAME_LENGTHS: dict[NameKind, int] = {"customer": 32, "account": 20, "share": 32}

_NAME_RULE = "lower-case letters, digits, '.', '_' and '-', the first a letter or digit, the last not '.' or '-'"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Windows opens a device for these names in every folder, with any extension ("nul.txt" too).
_WINDOWS_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}) | {
    f"{device}{number}" for device in ("com", "lpt") for number in "0123456789"
}

SHARED: Final = "shared"
"""Below a home: where customers find their shares, on every platform."""

_FOLDERS_OF_THE_SERVICE = frozenset({SHARED, "homes", "shares", "localuser", "public"})

# A local account wins over one of the domain (nsswitch: files first), so a login by such a name would be another's.
_UNIX = _words(
    """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats _apt nobody nogroup
    adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev
    staff users input sgx kvm render crontab netdev ssl-cert lpadmin scanner bluetooth wheel halt shutdown toor
    messagebus dbus polkitd polkituser rtkit uuidd tss tcpdump syslog rsyslog usbmux avahi avahi-autoipd colord
    dnsmasq geoclue pulse saned statd rpc rpcuser landscape pollinate fwupd-refresh lxd docker podman libvirt
    ssh sshd _ssh ftp ftpd ftps sftp tftp proftpd vsftpd pureftpd pure-ftpd ftpuser anonymous
    samba smb smbd nmbd winbind winbindd winbindd_priv sambashare sssd nslcd kerberos krb5 ldap openldap slapd
    postfix postdrop exim dovecot smmsp mysql mariadb postgres redis mongodb memcached nginx apache apache2 httpd http
    haproxy keepalived bind named unbound chrony _chrony ntp ntpsec ntpd snmp nagios zabbix telegraf prometheus
    ansible puppet vagrant debian ubuntu admin ec2-user cloud-user opc pi
    """
)

_ACTIVE_DIRECTORY = _words(
    """
    administrator administrators guest guests krbtgt defaultaccount wdagutilityaccount wsiaccount helpassistant
    support_388945a0 aspnet iusr iwam iis_iusrs system localsystem localservice networkservice local network service
    everyone world self batch dialup interactive restricted builtin nt null server domain domains computer computers
    user replicator dnsadmins dnsupdateproxy azureadssoacc azureadkerberos none
    """
)

_RESERVED_PREFIXES = ("systemd-", "debian-", "krbtgt_", "krbtgt-", "msol_", "aad_", "iusr_", "iwam_", "healthmailbox")

# Words of a language in which names end up: each would mean something else there, at worst everybody. (Those of IIS are
# '*' and '?', which no name has; SDDL is written with SIDs only; what Windows calls everybody is in the list above.)
_WORDS_OF_LANGUAGES: dict[str, frozenset[str]] = {
    # access.conf(5), in any case of letters
    "pam_access": _words("all except local none"),
    # Where a rule of a customer's or provider's firewall names who may pass
    "firewalls": _words("all any any4 any6 permit deny"),
    # What YAML 1.1 reads as something else than a text
    "YAML": _words("true false yes no on off null"),
    # The realm's service for changes of passwords
    "Kerberos": _words("kadmin"),
}

# Words that Windows does not accept as the NetBIOS name of a domain (those that the pattern would let through).
_NETBIOS_RESERVED = _words(
    """
    ANONYMOUS BATCH BUILTIN DIALUP DOMAIN ENTERPRISE INTERACTIVE INTERNET LOCAL NETWORK NULL PROXY RESTRICTED SELF
    SERVER SERVICE SYSTEM USERS WORLD
    """
)


def check_name(kind: NameKind, name: str) -> str:
    """Return the name if it is safe as a folder, an account and a part of a group name."""
    longest = NAME_LENGTHS[kind]
    if not name:
        raise RefusedError("is empty.", f"Give the {kind} a name of 1 to {longest} characters: {_NAME_RULE}.")
    if len(name) > longest:
        reason = " (Active Directory's limit for a login)" if kind == "account" else ""
        raise RefusedError(
            f"is {len(name)} characters long.", f"The name of {_a(kind)} has at most {longest} characters{reason}."
        )
    if not re.fullmatch(NAME_PATTERN, name):
        if re.fullmatch(NAME_PATTERN, name.lower()) and name.isascii():
            raise RefusedError(
                "has upper-case letters.",
                f"Write '{name.lower()}': Windows does not distinguish upper and lower case, Linux does.",
            )
        odd = sorted({c for c in name if not re.fullmatch(r"[a-z0-9._-]", c)})
        what = (
            f"contains {', '.join(repr(c) if c.isprintable() else printable(c) for c in odd[:5])}"
            if odd
            else "begins or ends with a character that is not safe there"
        )
        raise RefusedError(f"{what}.", f"The name of {_a(kind)} has only {_NAME_RULE}.")
    if ".." in name:
        raise RefusedError("contains '..'.", "Use single dots: '..' is the folder above in every path.")
    if name.split(".", 1)[0] in _WINDOWS_DEVICES:
        raise RefusedError(
            "is the name of a device on Windows, where it cannot be a folder.",
            f"Choose another name, for instance '{name.split('.', 1)[0]}-files'.",
        )
    if name in _FOLDERS_OF_THE_SERVICE:
        raise RefusedError("is the name of a folder of the service itself.", f"Choose another name for the {kind}.")
    if name in _UNIX or name in _ACTIVE_DIRECTORY or name.startswith(_RESERVED_PREFIXES):
        own = f"acme-{name}" if len(name) + 5 <= longest else "acme-up"
        raise RefusedError(
            "is reserved: a server or a directory already has a meaning for it.",
            f"Choose a name that is the {kind}'s own, for instance '{own}'.",
        )
    languages = [language for language, words in _WORDS_OF_LANGUAGES.items() if name in words]
    if languages:
        own = f"acme-{name}" if len(name) + 5 <= longest else "acme-up"
        raise RefusedError(
            f"is a word of {', '.join(languages)} and would not be taken for a name there.",
            f"Choose a name that is the {kind}'s own, for instance '{own}'.",
        )
    if kind == "account" and name.isdigit():
        raise RefusedError("has only digits.", "Add a letter: Linux tools take a login of digits for a user id.")
    return name


def check_host_name(name: str) -> str:
    """Return a fully qualified host name (RFC 1123), lower case, without a final dot."""
    example = "Write it like ftps.example.com: lower case, at least two labels."
    if name != name.lower():
        raise RefusedError("has upper-case letters.", f"Write '{printable(name.lower())[:253]}'.")
    if name.endswith("."):
        raise RefusedError("ends with a dot.", "Remove the final dot.")
    if len(name) > 253:
        raise RefusedError(f"is {len(name)} characters long.", "A host name has at most 253 characters (RFC 1123).")
    labels = name.split(".")
    if len(labels) < 2:
        raise RefusedError("is not fully qualified.", example)
    for label in labels:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label):
            raise RefusedError(
                f"has the label '{printable(label)[:70]}', which RFC 1123 does not allow.",
                "A label has 1 to 63 letters, digits and '-', and neither begins nor ends with '-'.",
            )
    if labels[-1].isdigit():
        raise RefusedError("is an address, or ends in a number.", example)
    return name


def check_netbios_name(name: str) -> str:
    """Return the NetBIOS name of a domain."""
    remedy = "Use the domain's own: 1 to 15 upper-case letters, digits and '-', for instance CORP."
    if not re.fullmatch(r"[A-Z0-9]([A-Z0-9-]{0,13}[A-Z0-9])?", name):
        what = f"is {len(name)} characters long." if len(name) > 15 else "is not a NetBIOS domain name."
        raise RefusedError(what, remedy)
    if name.isdigit() or name in _NETBIOS_RESERVED:
        raise RefusedError("is a name that Windows does not accept for a domain.", remedy)
    return name


def check_group_prefix(prefix: str) -> str:
    """Return the prefix of the names of all groups of the service."""
    # The longest group name is prefix + "share-" + 32 + "-write"; a common name in Active Directory has at most 64.
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,18}-", prefix):
        raise RefusedError(
            "is not usable as the beginning of group names.",
            "Give 2 to 20 lower-case letters, digits and '-', the first a letter and the last a '-': 'ftpsx-'.",
        )
    return prefix


def parse_dn(text: str) -> list[tuple[str, str]]:
    """Return the parts of a distinguished name (RFC 4514) as (type, escaped value); one attribute a part."""
    parts: list[tuple[str, str]] = []
    for part in _split_at_commas(text):
        kind, equals, value = part.partition("=")
        if part != part.strip() or kind != kind.strip() or value != value.strip():
            raise RefusedError("has spaces around ',' or '='.", "Remove them (RFC 4514): OU=Exchange,DC=corp.")
        if not equals or not value or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", kind):
            raise RefusedError(
                f"has the part '{printable(part)[:60]}', which is not 'TYPE=value'.",
                "Write a distinguished name (RFC 4514): 'OU=FTPS Exchange,DC=corp,DC=example'.",
            )
        if not re.fullmatch(
            r'(?:[^\x00-\x1f\x7f"+,;<>\\=#]|\\(?:[ "#+,;<=>\\]|[0-9A-Fa-f]{2}))+', value.replace("\\ ", "\\20")
        ):
            raise RefusedError(
                f"has the part '{printable(part)[:60]}' with a character that must be escaped.",
                r"Escape it with a backslash (RFC 4514), for instance '\,' for a comma; or choose a plainer name.",
            )
        parts.append((kind.upper(), value))
    return parts


def _split_at_commas(dn: str) -> list[str]:
    """Return the parts between commas that are not escaped."""
    parts = [""]
    for piece in re.findall(r"\\.|[^\\]|\\", dn, re.DOTALL):
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def check_managed_ou(text: str) -> str:
    """Return the DN of the managed OU in one canonical form (types in upper case)."""
    if len(text) > 400:
        raise RefusedError(f"is {len(text)} characters long.", "Choose an OU nearer to the root of the domain.")
    parts = parse_dn(text)
    kinds = [kind for kind, _ in parts]
    organisational = [value for kind, value in parts if kind == "OU"]
    if not organisational or kinds != ["OU"] * len(organisational) + ["DC"] * (len(parts) - len(organisational)):
        raise RefusedError(
            "is not an organisational unit of the domain.",
            "Begin with OU=..., end with the domain's DC=... parts, nothing else: all accounts in it are managed.",
        )
    if any(value.lower() == "domain controllers" for value in organisational):
        raise RefusedError(
            "is, or lies in, the OU of the domain controllers.",
            "Create a separate OU: everything in it is managed.",
        )
    if any(len(value) > 64 for value in organisational):
        raise RefusedError("has an OU name of more than 64 characters.", "Choose a shorter name.")
    return ",".join(f"{kind}={value}" for kind, value in parts)


def domain_of_dn(dn: str) -> str:
    """Return the DNS name that the DC parts of a DN stand for."""
    return ".".join(value for kind, value in parse_dn(dn) if kind == "DC").lower()


_POSIX_SYSTEM_TREES = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/lost+found",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",  # noqa: S108 - named in order to refuse it
    "/usr",
    "/var/backups",
    "/var/cache",
    "/var/lib/ftps-exchange",
    "/var/lib/samba",
    "/var/lock",
    "/var/log",
    "/var/mail",
    "/var/run",
    "/var/spool",
    "/var/tmp",  # noqa: S108
)
_POSIX_SYSTEM_FOLDERS = ("/home", "/media", "/mnt", "/opt", "/srv", "/var", "/var/lib", "/var/www", "/var/local")
_WINDOWS_SYSTEM_TREES = (
    "windows",
    "program files",
    "program files (x86)",
    "programdata",
    "users",
    "perflogs",
    "recovery",
    "system volume information",
    "$recycle.bin",
)


def check_root(path: str) -> str:
    """Return the root folder of the data: an absolute path, and a folder of the service's own."""
    own = "Give a folder of the service's own, such as /srv/ftps-exchange or D:\\ftps-exchange."
    if len(path) > 100:
        raise RefusedError(f"is {len(path)} characters long.", "Use at most 100: Windows limits whole paths.")
    if is_windows_folder(path):
        return _check_windows_root(path, own)
    if is_share(path):
        raise RefusedError(
            "is a share, and the root is a folder on a disk.",
            "Give the folder that the share offers, and set iis_root for the servers with Windows to the share.",
        )
    if not path.startswith("/"):
        raise RefusedError("is not an absolute path.", own)
    parts = path.split("/")[1:]
    if any(part in ("", ".", "..") for part in parts):
        raise RefusedError("is '/', ends with '/', or has an empty, '.' or '..' part.", own)
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", part) for part in parts):
        raise RefusedError("has a character that is not safe in every tool.", "Use letters, digits, '.', '_' and '-'.")
    if path in _POSIX_SYSTEM_FOLDERS or any(
        path == tree or path.startswith(f"{tree}/") for tree in _POSIX_SYSTEM_TREES
    ):
        raise RefusedError("belongs to the operating system, whose permissions would be replaced.", own)
    return path


def _check_windows_root(path: str, own: str) -> str:
    if not path[2:].startswith("\\") or "/" in path:
        right = path[:2] + "\\" + path[2:].lstrip("\\/").replace("/", "\\")
        raise RefusedError("is not an absolute Windows path.", f"Write '{printable(right)}'.")
    parts = path[3:].split("\\")
    if any(part in ("", ".", "..") for part in parts):
        raise RefusedError("is a whole drive, ends with '\\', or has an empty, '.' or '..' part.", own)
    _check_windows_parts(parts, own)
    if parts[0].lower() in _WINDOWS_SYSTEM_TREES:
        raise RefusedError("belongs to the operating system, whose permissions would be replaced.", own)
    return path


def _check_windows_parts(parts: Sequence[str], own: str) -> None:
    for part in parts:
        if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9 ()._-]*[A-Za-z0-9)_-])?", part):
            raise RefusedError("has a character that is not safe in a path.", "Use letters, digits, '.', '_', '-'.")
        if part.split(".", 1)[0].lower() in _WINDOWS_DEVICES:
            raise RefusedError("has the name of a Windows device in it.", own)


def is_windows_folder(path: str) -> bool:
    """Whether a path begins with a drive of Windows."""
    return re.match(r"[A-Za-z]:", path) is not None


def is_share(path: str) -> bool:
    """Whether a path begins with the name of another host, as Windows writes it (UNC)."""
    return path.startswith("\\\\")


_SHARE_REMEDY = "Give a share of a file server, such as '\\\\files.example.com\\ftps-exchange'."
# Windows makes them, for administrators alone
_ADMINISTRATIVE_SHARE = re.compile(r"(?:[a-z]|admin|ipc|print)\$", re.IGNORECASE)


def check_windows_folder(path: str) -> str:
    """Return where the content is for a host with Windows: a folder on a drive, or a share."""
    if is_windows_folder(path):
        return check_root(path)
    if is_share(path):
        return _check_share(path)
    if path.startswith(("//", "\\")):
        right = "\\\\" + path.lstrip("\\/").replace("/", "\\")
        raise RefusedError(
            "does not begin with two backslashes.",
            f"Write '{printable(right)}', in single quotes: in double ones YAML reads two backslashes as one.",
        )
    raise RefusedError("is not a folder of a Windows host.", "Give one such as D:\\ftps-exchange, or a share.")


def _check_share(path: str) -> str:
    server, _, rest = path[2:].partition("\\")
    parts = rest.split("\\")
    if len(path) > 100:
        raise RefusedError(f"is {len(path)} characters long.", "Use at most 100: Windows limits whole paths.")
    if re.fullmatch(r"[0-9.]+", server):
        raise RefusedError(
            "names the file server by its address, for which nobody has a Kerberos ticket.",
            "Write its name, as the domain knows it.",
        )
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", server) or server.lower() == "localhost":
        raise RefusedError("does not begin with the name of a file server.", _SHARE_REMEDY)
    if "/" in path or any(part in ("", ".", "..") for part in parts):
        raise RefusedError("has no share, ends with '\\', or has an empty, '.' or '..' part.", _SHARE_REMEDY)
    if _ADMINISTRATIVE_SHARE.fullmatch(parts[0]):
        raise RefusedError(
            "is an administrative share, which opens for administrators only.", "Make a share for this service."
        )
    _check_windows_parts([parts[0].removesuffix("$"), *parts[1:]], _SHARE_REMEDY)
    return path


def check_service_name(name: str) -> str:
    """Return the short id of the whole service."""
    if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?", name):
        raise RefusedError(
            "is not usable as a short id.",
            "Give 1 to 20 lower-case letters, digits and '-', the first a letter, the last not '-'.",
        )
    return name


def check_line(text: str, longest: int = 200) -> str:
    """Return text for display: one line, no invisible characters."""
    if not text.strip() or text != text.strip():
        raise RefusedError("is blank, or begins or ends with a space.", "Write it without them, or remove the key.")
    if len(text) > longest:
        raise RefusedError(f"is {len(text)} characters long.", f"Use at most {longest}.")
    if not text.isprintable():
        raise RefusedError("contains a line break or an invisible character.", "Write one line of visible characters.")
    return text


def check_email(text: str) -> str:
    """Return an e-mail address that looks like one."""
    check_line(text, 254)
    if not re.fullmatch(r"[^@\s<>()\[\]\\,;:\"]+@[^@\s<>()\[\]\\,;:\"]+\.[^@\s<>()\[\]\\,;:\".]+", text):
        raise RefusedError("is not an e-mail address.", "Write one address, like jo@acme.example.")
    return text


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
