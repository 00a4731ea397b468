"""Packs the long lists of win_iis_settings on the control node; the module itself runs on the Windows host."""

from __future__ import annotations

from ansible_collections.ftps.exchange.plugins.plugin_utils.packing import PackingAction


class ActionModule(PackingAction):
    """The action ``win_iis_settings``; what it takes and returns is in plugins/modules/win_iis_settings.yml."""

    LISTS = ("settings",)
