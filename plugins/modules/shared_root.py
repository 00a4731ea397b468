#!/usr/bin/python
"""Leave a marker in a folder that several servers share, and compare what each of them sees of all markers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_root
short_description: Checks that several servers see the same file system at a path
description:
  - Runs on a host with Linux.
  - Each of the servers calls it twice. The first call leaves a marker of the server. The second one gets the results of
    the first calls on all servers, and looks for their markers.
  - A marker is recognised by its inode number, so a copy of the folder on a local disk is not taken for the shared one.
  - The markers have a POSIX ACL and an attribute of the namespace C(security), which the rights of the folders need
    (Samba's C(security.NTACL)). A server that does not see these is an error.
options:
  path:
    description: The folder, which must be a mount point.
    type: path
    required: true
  server:
    description: Name of this server.
    type: str
    required: true
  expected:
    description: Results of the first call on all servers, by name of the server. Without it, the call only makes the
      marker.
    type: dict
attributes:
  check_mode:
    support: full
    details: Markers that are not there yet are not looked for.
  diff_mode:
    support: none
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Leave a marker in the shared folder
  ftps.exchange.shared_root:
    path: /srv/ftps-exchange
    server: "{{ inventory_hostname }}"
  register: marker

- name: Look for the markers of all servers
  ftps.exchange.shared_root:
    path: /srv/ftps-exchange
    server: "{{ inventory_hostname }}"
    expected: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'marker'))) }}"
"""

RETURN = r"""
source:
  description: What is mounted there.
  returned: always
  type: str
  sample: 10.20.40.21:/exchange
filesystem:
  description: Type of the file system.
  returned: always
  type: str
  sample: fuse.glusterfs
inode:
  description: Inode number of this server's marker; 0 if there is none yet (check mode).
  returned: always
  type: int
"""

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

FOLDER = ".ftps-exchange-servers"
ATTRIBUTE = "security.ftps-exchange"
ACL = "system.posix_acl_access"
# <linux/posix_acl_xattr.h>: version 2; then tag, permissions and id of each entry. The group 0 may read.
ACL_VALUE = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, permissions, number)
    for tag, permissions, number in (
        (0x01, 6, 0xFFFFFFFF),
        (0x04, 4, 0xFFFFFFFF),
        (0x08, 4, 0),
        (0x10, 4, 0xFFFFFFFF),
        (0x20, 4, 0xFFFFFFFF),
    )
)


class RootError(Exception):
    """An error for the user: what, where, remedy."""


class Mount(NamedTuple):
    """What is mounted at a path."""

    source: str
    filesystem: str


def mounted(path: str, mountinfo: str) -> Mount | None:
    """The last mount at a path, from the text of /proc/self/mountinfo (proc(5))."""
    found = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")
        if point == path:
            filesystem, source = after.split()[:2]
            found = Mount(source, filesystem)
    return found


def attributes_of(marker: Path) -> Iterator[str]:
    """What a marker lacks."""
    for name, value, what in ((ACL, ACL_VALUE, "POSIX ACL"), (ATTRIBUTE, b"1", "attribute of the namespace security")):
        try:
            kept = os.getxattr(marker, name) == value
        except OSError:
            kept = False
        if not kept:
            yield what


def leave(path: Path, server: str, check_mode: bool) -> tuple[bool, int]:
    """Make the marker of this server; whether that changed something, and its inode number."""
    marker = path / FOLDER / server
    if marker.is_file() and not list(attributes_of(marker)):
        return False, marker.stat().st_ino
    if check_mode:
        return True, 0
    marker.parent.mkdir(mode=0o755, exist_ok=True)
    marker.parent.chmod(0o755)
    marker.write_text(f"{server}\n")
    marker.chmod(0o644)
    for name, value in ((ACL, ACL_VALUE), (ATTRIBUTE, b"1")):
        try:
            os.setxattr(marker, name, value)
        except OSError as error:
            raise RootError(
                f"the file system at {path} does not take {name} ({error.strerror}). Permissions need POSIX ACLs and "
                "extended attributes: mount it with them (GlusterFS: option acl; ceph-fuse: client_acl_type=posix_acl)"
            ) from error
    return True, marker.stat().st_ino


def differences(path: Path, server: str, expected: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What this server does not see as the others do."""
    for name, result in expected.items():
        inode = int(result.get("inode", 0))
        if not inode:
            continue
        marker = path / FOLDER / name
        if not marker.is_file() or marker.stat().st_ino != inode:
            yield (
                f"{server} and {name} see different files at {path}. Mount the same shared file system there on both "
                f"({name} has {result.get('source')}, {result.get('filesystem')})"
            )
        elif lacking := list(attributes_of(marker)):
            yield (
                f"{server} does not see the {' and '.join(lacking)} that {name} set at {path}. Mount the file system "
                "with the same options on both"
            )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "server": {"type": "str", "required": True},
            "expected": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    path, server = Path(module.params["path"]), module.params["server"]
    mount = mounted(os.path.realpath(path), Path("/proc/self/mountinfo").read_text())
    if mount is None:
        module.fail_json(
            msg=f"{path} is not a mount point on {server}. Several servers need the same file system there: mount the "
            "shared storage, also at boot, and run this again."
        )
        return
    try:
        changed, inode = leave(path, server, module.check_mode)
    except RootError as error:
        module.fail_json(msg=f"{server}: {error}.")
    found = list(differences(path, server, module.params["expected"] or {}))
    if found:
        module.fail_json(msg=". ".join(found) + ".")
    module.exit_json(changed=changed, inode=inode, source=mount.source, filesystem=mount.filesystem)


if __name__ == "__main__":
    main()
