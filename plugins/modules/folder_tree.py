#!/usr/bin/python
"""A tree of folders whose NT security descriptors the Linux kernel enforces as POSIX ACLs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: folder_tree
short_description: Folders with NT security descriptors on a Linux domain member
description:
  - Runs on an FTPS server with Linux.
  - Creates a whole tree of folders and gives each one the access list from its security descriptor, in one call.
  - Samba stores the descriptor as an NT ACL (extended attribute C(security.NTACL)) and translates it into the POSIX
    access and default ACL, which the kernel enforces for every program, for example an FTP server.
  - Every run compares the entries of the stored NT ACL (type, flags, mask, SID, and the protection from the parent)
    and the POSIX ACLs, owner and mode in effect, and repairs what differs. Undeclared entries are removed.
  - The owner is always C(root:root), so that nobody else can change the permissions of a declared folder.
  - If the entries that a folder passes on have changed, for example because the directory was rebuilt and the groups
    have new SIDs, everything beneath it gets the new entries, like inheritance on NTFS. Content beneath another
    declared folder belongs to that folder. C(root:root) then owns the content too, because the numbers of the old
    owners may belong to somebody else.
  - Undeclared folders and files are never removed. Those directly in a folder that passes nothing on, where only
    declared folders belong, are returned as RV(undeclared), and a warning lists them.
  - Symbolic links are never followed. Folders are opened relative to their parent, so nobody with write access to a
    parent can make the module change something else.
options:
  root:
    description:
      - Absolute path of the top folder. Its parents must belong to root and must not be writable by others.
      - Missing parents are made with mode C(0755).
    type: path
    required: true
  folders:
    description:
      - Every folder of the tree, in any order, a list of dictionaries, or its JSON text, which for long lists is much
        faster. The parent of each one must be declared as well.
      - C(path) is relative to O(root), with C(/) between the parts. An empty text is O(root) itself.
      - C(sddl) is its DACL in SDDL, such as C(D:P(A;OICI;0x1200a9;;;S-1-5-21-1-2-3-1104)). Only entries that allow,
        hexadecimal masks, full SIDs, and the flags OICI and IO, because only those mean the same on NTFS and in a POSIX
        ACL. The owner C(root) needs no entry. The control flags C(AI) and C(AR) are accepted and not compared.
      - Other keys, such as C(purpose), are not used.
    type: json
    required: true
  sids:
    description: Names and SIDs of groups, as M(ftps.exchange.ldap_directory) returns them. Only used to show
      names in the diff.
    type: dict
    default: {}
  reapply_to_content:
    description:
      - Also compare everything beneath the folders with its inherited entries, and repair it, even if the folders
        themselves are as declared. It walks through all files; use it after a restore from a backup.
    type: bool
    default: false
  wait_seconds:
    description:
      - How long to wait for C(winbindd) to translate every SID, in seconds. New groups may not have reached the
        domain controller that it uses.
    type: int
    default: 20
requirements:
  - Samba with C(vfs_acl_xattr) and its Python binding (Debian packages C(samba) and C(python3-samba))
  - a host that is a domain member with C(winbindd) running, and C(vfs objects = acl_xattr) in C(smb.conf)
  - a file system with POSIX ACLs and security attributes
notes:
  - Must run as root.
  - Samba's Python binding is only needed when something has to be written, C(winbindd) only when a folder exists or has
    to be written. Check mode therefore works before the host has joined the domain.
  - What POSIX ACLs cannot express is refused, namely entries that deny, entries for files only or for folders only,
    and C(NP).
  - For the owner of a file, the kernel only uses the owner's entry. So the creator of a file can write to it as long
    as they can reach it, whatever the groups say.
attributes:
  check_mode: {support: full, description: Nothing is changed, the prediction is complete.}
  diff_mode: {support: full, description: 'One line for each entry, before and after, of the folders that change.'}
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Make the folders and their permissions as declared
  ftps.exchange.folder_tree:
    root: /srv/ftps-exchange
    folders:
      - path: ""
        sddl: D:P(A;;0x1200a0;;;S-1-5-21-1-2-3-1104)
      - path: homes
        sddl: D:P(A;;0x1200a0;;;S-1-5-21-1-2-3-1104)
      - path: homes/acme
        sddl: D:P(A;;0x1201bf;;;S-1-5-21-1-2-3-1105)(A;OICIIO;0x1301bf;;;S-1-5-21-1-2-3-1105)
    sids: {exchange-customers: S-1-5-21-1-2-3-1104, home-acme-write: S-1-5-21-1-2-3-1105}

- name: After a restore from a backup, give all content its inherited permissions again
  ftps.exchange.folder_tree:
    root: /srv/ftps-exchange
    folders: "{{ folders }}"
    reapply_to_content: true
"""

RETURN = r"""
created:
  description: Paths of the folders that were missing, relative to O(root).
  returned: always
  type: list
  elements: str
  sample: [homes/acme]
repaired:
  description: Paths of the folders that existed and were not as declared.
  returned: always
  type: list
  elements: str
  sample: [shares/maps]
content:
  description: How much content got new permissions (in check mode, would get).
  returned: always
  type: dict
  contains:
    folders: {description: Number of folders., type: int, returned: always}
    files: {description: Number of files., type: int, returned: always}
    skipped:
      description: Paths left as they are, because they have several hard links or lie too deep.
      type: list
      elements: str
      returned: always
undeclared:
  description: Undeclared content where only declared folders belong. It stays.
  returned: always
  type: list
  elements: str
  sample: [homes/hooli]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import (
    Folder,
    checked_root,
    declared_tree,
)
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.diff import diff_of
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.samba import Samba, respawn_with_samba
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.tree import Tree
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.winbind import Winbind, translated
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import UnixId, posix_acls


def run(module: AnsibleModule) -> dict[str, Any]:
    """Read, compare, apply, report."""
    top = declared_tree(from_json(module, "folders", list))
    tree = Tree(
        checked_root(module.params["root"]),
        top,
        reapply_to_content=module.params["reapply_to_content"],
        check_mode=module.check_mode,
    )
    tree.read()
    ids = translate(module, top, tree)
    if tree.compare() and not module.check_mode:
        respawn_with_samba()
        tree.apply(Samba())
    else:
        tree.apply(None)
    return report(module, tree, ids)


def translate(module: AnsibleModule, top: Folder, tree: Tree) -> dict[str, UnixId]:
    """The number of each SID; each folder gets its POSIX ACLs from them."""
    sids = sorted({ace.sid for folder in top.all() for ace in folder.descriptor.aces})
    ids: dict[str, UnixId] = {}
    if not module.check_mode:
        ids = translated(sids, module.params["wait_seconds"])
    elif tree.found:
        # Groups that are only about to be made have no number yet; their folders change anyway
        try:
            ids = Winbind().unix_ids(sids)
        except FolderError as error:
            module.warn(f"POSIX ACLs cannot be compared, only NT ACLs are: {error}")
    for folder in top.all():
        if all(ace.sid in ids for ace in folder.descriptor.aces):
            folder.access, folder.default = posix_acls(folder.descriptor, ids)
    return ids


def report(module: AnsibleModule, tree: Tree, ids: dict[str, UnixId]) -> dict[str, Any]:
    """The result and the warnings of the module."""
    content = tree.content
    result: dict[str, Any] = {
        "changed": bool(tree.wanting or content.folders or content.files),
        "created": [folder.path for folder in tree.wanting if folder.path not in tree.found],
        "repaired": [folder.path for folder in tree.wanting if folder.path in tree.found],
        "content": {"folders": content.folders, "files": content.files, "skipped": content.skipped},
        "undeclared": tree.undeclared,
    }
    if module._diff and tree.wanting:
        result["diff"] = diff_of(tree, module.params["sids"], ids)
    if tree.undeclared:
        module.warn(f"Undeclared content below {tree.shown('')}, not touched: {few(tree.undeclared)}")
    if content.skipped:
        module.warn(f"Kept their permissions (several hard links, or too deep): {few(content.skipped)}")
    return result


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "folders": {"type": "json", "required": True},
            "sids": {"type": "dict", "default": {}},
            "reapply_to_content": {"type": "bool", "default": False},
            "wait_seconds": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except FolderError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        module.fail_json(msg=f"{module.params['root']}: {where}{error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
