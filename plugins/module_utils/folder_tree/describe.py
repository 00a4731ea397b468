"""A folder and its permissions as lines of text, as declared and as found."""

from __future__ import annotations

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import Folder
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.found import Found
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import (
    Descriptor,
    PosixAcl,
    decode_posix_acl,
    format_ace,
    format_posix_acl,
    mode_of,
)


def describe(folder: Folder, names: dict[str, str], numbers: dict[int, str]) -> list[str]:
    """As declared; ``names`` by SID, ``numbers`` by uid or gid."""
    lines = _describe_descriptor(folder.descriptor, names)
    if folder.access is None:
        return lines
    return [f"owner 0:0 mode {mode_of(folder.access):04o}", *lines, *_acl_lines("access", folder.access, numbers)] + (
        _acl_lines("default", folder.default, numbers) if folder.default else []
    )


def describe_found(found: Found, names: dict[str, str], numbers: dict[int, str]) -> list[str]:
    """As found."""
    lines = [f"owner {found.owner}:{found.group} mode {found.mode:04o}"]
    descriptor = found.descriptor
    if descriptor is not None:
        lines += _describe_descriptor(descriptor, names)
    else:
        lines.append("no NT ACL" if found.nt_acl is None else "an unreadable NT ACL")
    for kind, data in (("access", found.access), ("default", found.default)):
        if data is not None:
            lines += _acl_lines(kind, decode_posix_acl(data), numbers)
    return lines


def _describe_descriptor(descriptor: Descriptor, names: dict[str, str]) -> list[str]:
    protection = "protected from the parent's entries" if descriptor.protected else "takes the parent's entries"
    return [protection, *(f"NT {format_ace(ace, names)}" for ace in sorted(descriptor.aces))]


def _acl_lines(kind: str, acl: PosixAcl, numbers: dict[int, str]) -> list[str]:
    return [f"POSIX {kind} {line}" for line in format_posix_acl(acl, numbers)]
