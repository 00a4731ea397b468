"""Samba, which writes the descriptors."""

from __future__ import annotations

from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError


def respawn_with_samba() -> None:
    """Continue with the system's Python, which has Samba's binding."""
    try:
        import samba  # noqa: F401
    except ImportError:
        interpreter = probe_interpreters_for_module(["/usr/bin/python3"], "samba")
        if interpreter and not has_respawned():
            respawn_module(interpreter)
        raise FolderError("Samba's Python binding is missing: install python3-samba on the host") from None


class Samba:
    """Writes descriptors the way smbd does, NT ACL and POSIX ACLs together."""

    def __init__(self) -> None:
        """Load Samba's Python binding and its configuration."""
        from samba.auth_util import system_session_unix
        from samba.dcerpc import security
        from samba.samba3 import param, smbd

        configuration = param.get_context()
        configuration.load_default()
        self._security = security
        self._smbd = smbd
        self._session = system_session_unix()
        # Only matters for abbreviations such as DA, which are refused before
        self._domain = security.dom_sid("S-1-5-21-0-0-0")

    def set_descriptor(self, fd: int, sddl: str) -> None:
        """Give an open folder its descriptor; through /proc, so that nobody can exchange the folder meanwhile."""
        descriptor = self._security.descriptor.from_sddl(sddl, self._domain)
        self._smbd.set_nt_acl(f"/proc/self/fd/{fd}", self._security.SECINFO_DACL, descriptor, self._session)
