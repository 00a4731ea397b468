"""Which inventory a folder of packs belongs to.

Packs name their exchange, so those of another exchange are left alone. Two inventories with one name of the exchange, a
copy and its original, would take each other's packs for those of customers who are gone.
"""

from __future__ import annotations

import json
import os
from typing import Final

from ftps_exchange.errors import ExchangeError

OWNERS: Final = ".inventories.json"


def claim(folder: str, exchange: str, inventory: str, *, check_mode: bool) -> None:
    """Write down that these packs are this inventory's; fail where they are another one's."""
    own = os.path.relpath(inventory, os.path.dirname(folder))
    path = os.path.join(folder, OWNERS)
    owners = _read(path)
    if owners.get(exchange, own) != own:
        raise ExchangeError(
            f"contains the packs of another inventory with the same exchange.name, {owners[exchange]}: each would "
            "remove the other's",
            field="packs",
            value=folder,
            remedy=f"Give this service a name of its own (exchange.name) or its packs a folder of their own "
            f"(customer_packs_dir); if the inventory was only renamed, remove {path}",
        )
    if exchange in owners or check_mode:
        return
    os.makedirs(folder, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**owners, exchange: own}, file, indent=2, sort_keys=True)
        file.write("\n")


def _read(path: str) -> dict[str, str]:
    """What the file says; a file that cannot be read is as good as none."""
    try:
        with open(path, encoding="utf-8") as file:
            owners = json.load(file)
    except (OSError, ValueError):
        return {}
    return {str(name): str(owner) for name, owner in owners.items()} if isinstance(owners, dict) else {}
