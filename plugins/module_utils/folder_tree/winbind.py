"""The uids and gids of SIDs, from winbindd."""

from __future__ import annotations

import ctypes
import time

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import UnixId, pack_sid


class _WbcUnixId(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("number", ctypes.c_uint32))


class Winbind:
    """The two questions to winbindd that are needed, through its C client library (Samba nsswitch/libwbclient)."""

    IS_USER, IS_GROUP = 1, 2  # enum wbcIdType; both together for id mappings such as rid
    AT_ONCE = 1000

    def __init__(self) -> None:
        """Load the library."""
        try:
            self._library = ctypes.CDLL("libwbclient.so.0")
        except OSError:
            raise FolderError("winbind is not installed (no libwbclient.so.0)") from None

    def unix_ids(self, sids: list[str]) -> dict[str, UnixId]:
        """Numbers of those SIDs that have one."""
        found: dict[str, UnixId] = {}
        for start in range(0, len(sids), self.AT_ONCE):
            some = sids[start : start + self.AT_ONCE]
            answer = (_WbcUnixId * len(some))()
            error = self._library.wbcSidsToUnixIds(b"".join(map(pack_sid, some)), len(some), answer)
            if error:
                raise FolderError(f"winbindd does not translate SIDs (libwbclient error {error}): is it running?")
            for sid, unix_id in zip(some, answer, strict=True):
                if unix_id.type & (self.IS_USER | self.IS_GROUP):
                    is_user, is_group = bool(unix_id.type & self.IS_USER), bool(unix_id.type & self.IS_GROUP)
                    found[sid] = UnixId(unix_id.number, is_user=is_user, is_group=is_group)
        return found

    def name(self, sid: str) -> str | None:
        """Who a SID is, as DOMAIN\\name."""
        domain, name, kind = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_int()
        if self._library.wbcLookupSid(pack_sid(sid), ctypes.byref(domain), ctypes.byref(name), ctypes.byref(kind)):
            return None
        text = f"{(domain.value or b'').decode()}\\{(name.value or b'').decode()}"
        for pointer in (domain, name):
            self._library.wbcFreeMemory(pointer)
        return text


def translated(sids: list[str], wait_seconds: int) -> dict[str, UnixId]:
    """The numbers of all SIDs, or an error that names those that nobody knows."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            ids = Winbind().unix_ids(sids)
            unknown = [sid for sid in sids if sid not in ids]
            if not unknown:
                return ids
            problem = f"winbindd knows no group for {few(unknown)}: does the host belong to that domain?"
        except FolderError as error:
            problem = str(error)
        if time.monotonic() >= deadline:
            raise FolderError(problem)
        time.sleep(1)
