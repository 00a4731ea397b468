"""Every single value of an IIS host, with its reason: the tables in docs/iis.md are made from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .schema import CERTIFICATE, THUMBPRINT, Value
from .service import Service

SITES: Final = "system.applicationHost/sites"
AUTHORIZATION: Final = "system.ftpServer/security/authorization"
IP_SECURITY: Final = "system.ftpServer/security/ipSecurity"
REQUEST_FILTERING: Final = "system.ftpServer/security/requestFiltering"


@dataclass(frozen=True, slots=True)
class Setting:
    """One attribute, its value, and why that one. ``source`` names where a computed value comes from."""

    element: str
    attribute: str
    value: Value | Callable[[Service], Value]
    reason: str
    source: str | None = None


SERVER_SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "system.ftpServer/firewallSupport": (
        Setting(
            "",
            "lowDataChannelPort",
            lambda service: service.exchange.announced_ports[0],
            "one small range, the same on the server, the edge and the customers' firewalls; a change restarts ftpsvc",
            "first of `exchange.passive_ports`",
        ),
        Setting(
            "",
            "highDataChannelPort",
            lambda service: service.exchange.announced_ports[1],
            "the end of the range; with 0, IIS uses the system's dynamic range, 49152 to 65535",
            "last of `exchange.passive_ports`",
        ),
    ),
    "system.ftpServer/log": (
        Setting("", "centralLogFileMode", "Site", "our logs contain our sites only, whatever else the host serves"),
        Setting("", "logInUTF8", True, "file names are UTF-8; the code page of the host would garble them"),
    ),
    "system.ftpServer/caching": (
        Setting(
            "credentialsCache",
            "enabled",
            True,
            "clients open several connections; without the cache each would query a domain controller",
        ),
        Setting(
            "credentialsCache",
            "flushInterval",
            60,
            "an old password, or that of a disabled account, works this long; the default of 15 minutes is too long",
        ),
    ),
    "system.ftpServer/serverRuntime": (
        Setting(
            "hostNameSupport",
            "useDomainNameAsHostName",
            False,
            "in `DOMAIN\\account` the first part is the domain, never the name of a virtual host",
        ),
    ),
    "system.ftpServer/security/authentication": (
        Setting("denyByFailure", "enabled", True, "an address that guesses passwords is refused"),
        Setting(
            "denyByFailure", "maxFailure", 15, "many people may share one public address; the same number as on Linux"
        ),
        Setting(
            "denyByFailure",
            "entryExpiration",
            "00:10:00",
            "failures count for this long, and so does the refusal of the address",
        ),
        Setting("denyByFailure", "loggingOnlyMode", False, "refuse the address, do not only log it"),
    ),
}
"""What holds for every FTP site of the host: IIS has these for the server only."""

SITE_SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("", "allowUTF8", True, "file names are UTF-8 (RFC 2640)"),
    Setting("", "serverAutoStart", True, "the site starts with the service"),
    Setting(
        "connections",
        "unauthenticatedTimeout",
        60,
        "enough for a password manager, too short to hold a session for nothing",
    ),
    Setting("connections", "controlChannelTimeout", 600, "idle sessions end after the same time as on Linux"),
    Setting(
        "connections", "dataChannelTimeout", 300, "a stalled transfer frees its port after the same time as on Linux"
    ),
    Setting(
        "connections",
        "disableSocketPooling",
        lambda service: service.address != "*",
        "if an address is set, the service uses its port on that address only",
        "true when `iis_options.address` is set",
    ),
    Setting("connections", "serverListenBacklog", 60, "connections waiting to be accepted: the default is enough"),
    Setting("connections", "minBytesPerSecond", 240, "a very slow transfer keeps one of few ports busy"),
    Setting(
        "connections",
        "maxConnections",
        lambda service: service.sessions_of_a_site,
        "never more sessions than data ports; IIS counts per site, so each of two sites gets at most half of the ports",
        "`exchange.max_sessions`, at most half of `passive_ports` with two sites",
    ),
    Setting("connections", "resetOnMaxConnections", False, "a client over the limit gets a reply"),
    Setting(
        "security/dataChannelSecurity",
        "matchClientAddressForPort",
        True,
        "no data connection to a third party (active mode is refused anyway)",
    ),
    Setting(
        "security/dataChannelSecurity",
        "matchClientAddressForPasv",
        True,
        "a data connection comes from the address of its control connection; nobody else can take the file",
    ),
    Setting("security/commandFiltering", "maxCommandLine", 4096, "long enough for the longest path"),
    Setting("security/commandFiltering", "allowUnlisted", True, "the list names the commands that are refused"),
    Setting(
        "security/ssl",
        CERTIFICATE,
        lambda _service: THUMBPRINT,
        "the certificate that the run checked and installed on this host",
        "the role `windows_certificate`",
    ),
    Setting(
        "security/ssl",
        "serverCertStoreName",
        lambda service: service.store,
        "the machine store in which the role installs it",
        "`iis_options.store`",
    ),
    Setting("security/ssl", "ssl128", True, "no weaker cipher, even if the system offers one"),
    Setting("security/ssl", "controlChannelPolicy", "SslRequire", "TLS before USER, and no way back to plain text"),
    Setting("security/ssl", "dataChannelPolicy", "SslRequire", "PROT P, or no transfer"),
    Setting(
        "security/sslClientCertificates", "clientCertificatePolicy", "CertIgnore", "accounts log in with passwords"
    ),
    Setting(
        "security/authentication/anonymousAuthentication",
        "enabled",
        False,
        "known customers only; explicit, because the defaults for all sites may differ",
    ),
    Setting("security/authentication/basicAuthentication", "enabled", True, "accounts of the domain, over TLS only"),
    Setting(
        "security/authentication/basicAuthentication",
        "defaultLogonDomain",
        lambda service: service.exchange.directory.netbios_name,
        "customers log in with the bare name of their account",
        "`exchange.directory.netbios_name`",
    ),
    Setting(
        "security/authentication/basicAuthentication",
        "logonMethod",
        "ClearText",
        "Microsoft's default; the only one that works with a root on a file server",
    ),
    Setting("security/authentication/clientCertAuthentication", "enabled", False, "one way to log in"),
    Setting(
        "security/customAuthorization/provider",
        "enabled",
        False,
        "the rules of IIS decide; a provider would replace them",
    ),
    Setting("messages", "exitMessage", "", "no message is needed"),
    Setting("messages", "greetingMessage", "", "no message is needed: no machine reads it"),
    Setting(
        "messages",
        "bannerMessage",
        lambda service: service.exchange.fqdn,
        "the name in the certificate",
        "`exchange.fqdn`",
    ),
    Setting(
        "messages", "maxClientsMessage", "Too many sessions. Try again later.", "says that a later attempt may work"
    ),
    Setting("messages", "suppressDefaultBanner", True, "the server does not reveal its product"),
    Setting(
        "messages", "allowLocalDetailedErrors", True, "an operator on the host itself sees the cause; nobody else does"
    ),
    Setting("messages", "expandVariables", False, "no message repeats what a client sent"),
    Setting("fileHandling", "keepPartialUploads", True, "a broken upload can be resumed"),
    Setting(
        "fileHandling", "allowReplaceOnRename", True, "upload under a temporary name, then rename: common practice"
    ),
    Setting("fileHandling", "allowReadUploadsInProgress", False, "nobody downloads half a file"),
    Setting(
        "firewallSupport",
        "externalIp4Address",
        lambda service: str(service.exchange.public_ip4),
        "the address in the reply to PASV; inside TLS no NAT can correct it",
        "`exchange.public_ip4`",
    ),
    Setting(
        "userIsolation",
        "mode",
        "IsolateAllDirectories",
        "each account sees its home and what is mounted below it; no directory of the site is global",
    ),
    Setting(
        "directoryBrowse",
        "showFlags",
        "StyleUnix, DisplayVirtualDirectories, UseGmtTime",
        "the listing that all clients parse; it shows shares, and UTC as MDTM does, but not the free space",
    ),
    Setting(
        "directoryBrowse",
        "virtualDirectoryTimeout",
        5,
        "seconds to find the date of a share for a listing: the default",
    ),
    Setting(
        "logFile",
        "directory",
        lambda service: service.log_dir,
        "IIS creates a folder for each site below it",
        "`iis_options.log_dir`",
    ),
    Setting("logFile", "enabled", True, "shows who did what, and from where"),
    Setting("logFile", "period", "Daily", "one file per day, easy to keep and to remove"),
    Setting("logFile", "localTimeRollover", False, "UTC, like the entries"),
    Setting(
        "logFile",
        "selectiveLogging",
        "LogSuccessful, LogError, LogInfrastructure",
        "includes the data connections: most support calls are about them",
    ),
    Setting(
        "logFile",
        "logExtFileFlags",
        "Date, Time, ClientIP, UserName, SiteName, ComputerName, ServerIP, Method, UriStem, FtpStatus, Win32Status, "
        "BytesSent, BytesRecv, TimeTaken, ServerPort, FtpSubStatus, Session, FullPath, Info, ClientPort",
        "all but Host; beyond the default: bytes and duration of a transfer, port behind a NAT, site and node, and the "
        "text that explains an error",
    ),
)
"""Below ``ftpServer`` of each of our sites."""

TOP_SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = {
    IP_SECURITY: (
        Setting("", "allowUnlisted", False, "an address that is not listed is refused"),
        Setting("", "enableReverseDns", False, "addresses decide, not names from someone else's name server"),
    ),
    REQUEST_FILTERING: (
        Setting("", "allowHighBitCharacters", True, "file names are UTF-8"),
        Setting(
            "fileExtensions", "allowUnlisted", True, "customers exchange files of any type; nothing is executed here"
        ),
        Setting("requestLimits", "maxAllowedContentLength", 0, "no limit: files of any size"),
        Setting("requestLimits", "maxUrl", 4096, "long enough for the longest path"),
    ),
}
"""At the top of each of our sites."""

HOME_SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = {
    IP_SECURITY: (Setting("", "allowUnlisted", False, "an account works only from its own customer's networks"),),
}
"""At the home of each account."""

DENIED_COMMANDS: Final[Mapping[str, str]] = {
    "PORT": "active mode: the server would connect to the client",
    "EPRT": "active mode, the newer command",
    "CCC": "would remove the protection of the control connection",
    "REIN": "would start over without TLS (RFC 4217)",
}

HIDDEN_SEGMENTS: Final[Mapping[str, str]] = {
    "web.config": "IIS reads a file of this name as configuration; an uploaded file must never be that",
}
