"""Lists for win_iis_settings that resemble those of the filter, in any size, without a model."""

from __future__ import annotations

from typing import Any

SITES = "system.applicationHost/sites"
AUTHORIZATION = "system.ftpServer/security/authorization"
IP_SECURITY = "system.ftpServer/security/ipSecurity"
REQUEST_FILTERING = "system.ftpServer/security/requestFiltering"
FIREWALL = "system.ftpServer/firewallSupport"
SITE = "FTPS Exchange"
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


def form(element: str, *keys: str, columns: list[str] | None = None, **other: Any) -> dict[str, Any]:
    """What is true of every collection of a kind; everything in it is owned unless said otherwise."""
    made: dict[str, Any] = {"element": element, "keys": list(keys), "purge": True, "clear": False, "ordered": False}
    if columns is not None:
        made["columns"] = columns
    made.update(other)
    return made


FORMS: dict[str, Any] = {
    "site": form("site", "name", purge=False),
    "binding": form(
        "binding",
        "protocol",
        "bindingInformation",
        columns=["protocol", "bindingInformation"],
        stored=["protocol", "bindingInformation", "sslFlags"],
    ),
    "application": form("application", "path"),
    "directory": form(
        "virtualDirectory", "path", columns=["path", "physicalPath"], constants={"allowSubDirConfig": False}
    ),
    "command": form("add", "command", columns=["command"], constants={"allowed": False}),
    "segment": form("add", "segment", columns=["segment"], purge=False),
    "rule": form(
        "add", "roles", "permissions", columns=["roles", "permissions"], clear=True, constants={"accessType": "Allow"}
    ),
    "network": form(
        "add", "ipAddress", "subnetMask", columns=["ipAddress", "subnetMask"], clear=True, constants={"allowed": True}
    ),
    "ordered": form("add", "fileExtension", columns=["fileExtension", "allowed"], clear=True, ordered=True),
}


def node(attributes: dict[str, Any] | None = None, collection: dict[str, Any] | None = None, **elements: Any) -> Any:
    """An element of the list."""
    made = {"attributes": attributes, "elements": elements, "collection": collection}
    return {name: value for name, value in made.items() if value}


def section(path: str, location: str | list[str], **content: Any) -> dict[str, Any]:
    """A section of the list."""
    return {"section": path, "location": location, **content}


def site(name: str, port: int, directories: str | list[Any] = "directories") -> Any:
    """A site as the filter makes one, cut to what shows every kind of value and of element."""
    return node(
        {"name": name, "serverAutoStart": True},
        {"form": "application", "items": [node({"path": "/"}, {"form": "directory", "rows": directories})]},
        bindings=node(collection={"form": "binding", "rows": [["ftp", f"*:{port}:"]]}),
        ftpServer=node(
            {"allowUTF8": True, "serverAutoStart": True},
            connections=node({"controlChannelTimeout": 300, "maxConnections": 4000000000}),
            security=node(
                commandFiltering=node(
                    {"maxCommandLine": 4096, "allowUnlisted": True}, {"form": "command", "rows": [["SITE"], ["PORT"]]}
                ),
                ssl=node(
                    {
                        "serverCertHash": THUMBPRINT,
                        "serverCertStoreName": "MY",
                        "controlChannelPolicy": "SslRequire",
                        "dataChannelPolicy": "SslRequire",
                    }
                ),
                authentication=node(
                    anonymousAuthentication=node({"enabled": False}), basicAuthentication=node({"enabled": True})
                ),
            ),
            userIsolation=node({"mode": "IsolateAllDirectories"}),
            directoryBrowse=node({"showFlags": "DisplayVirtualDirectories"}),
            logFile=node({"period": "Daily", "selectiveLogging": "LogSuccessful, LogError, LogInfrastructure"}),
        ),
    )


def generated(customers: int, accounts: int = 2, shares: int = 2) -> dict[str, Any]:
    """A list with so many customers, each with accounts and a virtual directory for every share of each account."""
    directories: list[list[Any]] = [["/", "D:\\ftps-exchange"]]
    rules = []
    networks = []
    for number in range(customers):
        customer = f"gen{number:05d}"
        networks.append([f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}", "255.255.255.255"])
        for account in range(accounts):
            home = f"/CORP/{customer}-{account}"
            directories.append([home, f"D:\\ftps-exchange\\homes\\{customer}"])
            directories += [[f"{home}/share{share}", f"D:\\ftps-exchange\\shared\\{share}"] for share in range(shares)]
            rows = [[f"CORP\\{customer}-write", "Read, Write"], [f"CORP\\{customer}-read", "Read"]]
            rules.append(section(AUTHORIZATION, f"*{home}", collection={"form": "rule", "rows": rows[account % 2 :]}))
    return {
        "sites": [SITE],
        "forms": FORMS,
        "rows": {"directories": directories},
        "sections": [
            section(FIREWALL, "", attributes={"lowDataChannelPort": 50000, "highDataChannelPort": 50099}),
            section(
                "system.ftpServer/security/authentication",
                "",
                elements={
                    "denyByFailure": node({"enabled": True, "maxFailure": 10, "entryExpiration": "00:05:00"}),
                },
            ),
            section(SITES, "", collection={"form": "site", "items": [site(SITE, 21)]}),
            section(AUTHORIZATION, "*", collection={"form": "rule", "rows": []}),
            section(
                IP_SECURITY,
                "*",
                attributes={"allowUnlisted": False, "enableReverseDns": False},
                collection={"form": "network", "rows": networks},
            ),
            section(
                REQUEST_FILTERING,
                "*",
                attributes={"allowHighBitCharacters": True},
                elements={
                    "hiddenSegments": node(collection={"form": "segment", "rows": [["_private"]]}),
                    "requestLimits": node({"maxUrl": 1024}),
                },
            ),
            *rules,
        ],
        "purge": [{"section": path, "below": "*"} for path in (AUTHORIZATION, IP_SECURITY, REQUEST_FILTERING)],
    }
