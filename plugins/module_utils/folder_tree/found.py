"""The state of an existing folder, and whether it is as declared."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import Folder
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.handles import (
    ACCESS_ACL,
    DEFAULT_ACL,
    NT_ACL,
    get_attribute,
)
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import (
    AclError,
    Descriptor,
    encode_posix_acl,
    mode_of,
    parse_nt_acl_xattr,
)


@dataclass(frozen=True)
class Found:
    """The state of an existing folder."""

    owner: int
    group: int
    mode: int
    nt_acl: bytes | None
    access: bytes | None
    default: bytes | None

    @classmethod
    def read(cls, fd: int) -> Found:
        """Read everything through one open descriptor."""
        status = os.fstat(fd)
        return cls(
            owner=status.st_uid,
            group=status.st_gid,
            mode=stat.S_IMODE(status.st_mode),
            nt_acl=get_attribute(fd, NT_ACL),
            access=get_attribute(fd, ACCESS_ACL),
            default=get_attribute(fd, DEFAULT_ACL),
        )

    @property
    def descriptor(self) -> Descriptor | None:
        """The stored NT ACL, or nothing where it is missing or unreadable."""
        if self.nt_acl is None:
            return None
        try:
            return parse_nt_acl_xattr(self.nt_acl)
        except AclError:
            return None

    def is_as(self, folder: Folder) -> bool:
        """Whether it is as declared; without translated SIDs only the NT side can be compared."""
        descriptor = self.descriptor
        if (
            descriptor is None
            or descriptor.protected != folder.descriptor.protected
            or sorted(descriptor.aces) != sorted(folder.descriptor.aces)
            or (self.owner, self.group) != (0, 0)
        ):
            return False
        if folder.access is None:
            return True
        return (
            self.access == encode_posix_acl(folder.access)
            and self.passes_on_as(folder)
            and self.mode == mode_of(folder.access)
        )

    def passes_on_as(self, folder: Folder) -> bool:
        """Whether new content gets what is declared."""
        return self.default == (None if folder.default is None else encode_posix_acl(folder.default))
