"""The diff of a run, with names for the SIDs."""

from __future__ import annotations

import contextlib
import itertools

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.describe import describe, describe_found
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.tree import Tree
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.winbind import Winbind
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import UnixId

MOST_NAMES_ASKED = 50


def diff_of(tree: Tree, sids: dict[str, str], ids: dict[str, UnixId]) -> dict[str, str]:
    """Every entry of every changing folder on a line of its own, with the folder's name in it."""
    names = {sid: name for name, sid in sids.items()}
    strays = {
        ace.sid
        for folder in tree.wanting
        if (found := tree.found.get(folder.path)) and (descriptor := found.descriptor)
        for ace in descriptor.aces
    } - set(names)
    if strays:
        with contextlib.suppress(FolderError):
            winbind = Winbind()
            for sid in itertools.islice(sorted(strays), MOST_NAMES_ASKED):
                names[sid] = winbind.name(sid) or sid
    numbers = {unix_id.number: names[sid] for sid, unix_id in ids.items() if sid in names}
    before, after = [], []
    for folder in tree.wanting:
        shown = tree.shown(folder.path)
        if folder.path in tree.found:
            before += [f"{shown}: {line}" for line in describe_found(tree.found[folder.path], names, numbers)]
        after += [f"{shown}: {line}" for line in describe(folder, names, numbers)]
    return {
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
        "before_header": "folders and their permissions",
        "after_header": "folders and their permissions",
    }
