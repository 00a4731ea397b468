"""Servers with Windows that serve the same content: which roots, addresses and files fit together.

Either every server has a folder of its own (``D:\\…``), or all of them serve one share (``\\\\server\\share``). Nobody
logs in to the share but the customers, so the folders on it are made by the file server, on its own disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..mistake import Mistake
from ..model.names import check_windows_folder, is_share, is_windows_folder
from ..model.problems import RefusedError, printable

FILE_SERVERS: Final = "iis_file_servers"

_WHERE: Final = "group_vars/iis_servers/service.yml"
_SHARE: Final = "'\\\\files.example.com\\ftps-exchange'"
_ONE_ROOT: Final = f"Give all servers with Windows the same one: set iis_root in {_WHERE}, once for all."

type Variables = Mapping[str, Mapping[str, Any]]


def pool_problems(servers: Variables, file_servers: Variables, root: object) -> Iterator[Mistake]:
    """The variables of each server with Windows and of each file server, and ``exchange.root`` -> the mistakes."""
    refused = False
    for host, variables in {**servers, **file_servers}.items():
        try:
            check_windows_folder(str(variables.get("iis_root", "D:\\ftps-exchange")))
        except RefusedError as error:
            refused = True
            yield Mistake(host, "iis_root", "", variables["iis_root"], error.message, error.remedy)
    # A wrong root would make others wrong
    if not refused:
        yield from _one_content(servers, file_servers, root)
    yield from _own_addresses(servers)
    yield from _own_files(servers)


def _one_content(servers: Variables, file_servers: Variables, root: object) -> Iterator[Mistake]:
    roots = {host: str(variables.get("iis_root", root)) for host, variables in servers.items()}
    shared = {host: share for host, share in roots.items() if is_share(share)}
    if not shared:
        for host in file_servers:
            message = f"is in {FILE_SERVERS}, and no server with Windows serves a share: nobody would use its folders."
            remedy = f"Set iis_root in {_WHERE} to the share, such as {_SHARE}, or take the host out of the group."
            yield Mistake(host, "", "", None, message, remedy)
        return
    first, share = next(iter(shared.items()))
    for host, other in roots.items():
        if other.casefold() != share.casefold():
            what = "is" if is_share(other) else "is a folder of this host, and"
            message = f"{what} not the share of {first} ({printable(share)}): customers would find other files there."
            yield Mistake(host, "iis_root", "", servers[host].get("iis_root"), message, _ONE_ROOT)
    if not file_servers:
        message = f"is a share, and the group {FILE_SERVERS} has no host that makes the folders on it."
        remedy = f"Put the file server into {FILE_SERVERS} in hosts.yml (docs/windows.md, Several servers)."
        yield Mistake(first, "iis_root", "", share, message, remedy)
    for host, variables in file_servers.items():
        own = variables.get("iis_root", root)
        # Other problems of exchange.root are the model's
        if not is_windows_folder(str(own)) or is_share(str(own)):
            given = "is" if "iis_root" in variables else "is missing, and exchange.root is"
            message = f"{given} no folder on a disk of the file server, which makes the folders there."
            remedy = f"Write in host_vars/{host}.yml the folder that the share offers: iis_root: 'D:\\ftps-exchange'."
            yield Mistake(host, "iis_root", "", variables.get("iis_root"), message, remedy)
    for host in shared:
        homes = _options(servers[host]).get("homes_below")
        if str(homes).casefold() == "localuser":
            message = f"is for accounts of the host itself, which the file server of {printable(share)} does not know."
            yield Mistake(
                host, "iis_options", "homes_below", homes, message, "Remove it: accounts of the domain reach a share."
            )


def _own_addresses(servers: Variables) -> Iterator[Mistake]:
    owners: dict[str, str] = {}
    for host, variables in servers.items():
        address = _options(variables).get("address", "*")
        if address != "*" and owners.setdefault(str(address), host) != host:
            message = f"is the address of {owners[str(address)]} too: the sites of one of them would not start."
            remedy = 'Write address: "{{ edge_server.ip4 }}", or give each server its own.'
            yield Mistake(host, "iis_options", "address", address, message, remedy)


def _own_files(servers: Variables) -> Iterator[Mistake]:
    """Each server makes its own key, so each has its own request and its own signed certificate."""
    for option in ("windows_certificate_request_copy", "windows_certificate_signed_file"):
        owners: dict[str, str] = {}
        for host, variables in servers.items():
            path = variables.get(option)
            if variables.get("windows_certificate_provider", "signed_file") != "signed_file" or not path:
                continue
            if owners.setdefault(str(path), host) != host:
                message = f"is the file of {owners[str(path)]} too, and each server has its own key."
                remedy = "Put {{ inventory_hostname }} into the path."
                yield Mistake(host, option, "", path, message, remedy)


def _options(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    options = variables.get("iis_options")
    return options if isinstance(options, Mapping) else {}
