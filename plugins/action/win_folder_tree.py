"""Packs the long lists of win_folder_tree on the control node; the module itself runs on the Windows host."""

from __future__ import annotations

from ansible_collections.ftps.exchange.plugins.plugin_utils.packing import PackingAction


class ActionModule(PackingAction):
    """The action ``win_folder_tree``; what it takes and returns is in plugins/modules/win_folder_tree.yml."""

    LISTS = ("folders", "sids")
