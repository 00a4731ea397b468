"""Problems of the inventory, told like those of the model."""

from __future__ import annotations

from ftps_exchange.model.problems import ModelError


class InventoryError(ModelError):
    """The inventory is not usable: every problem that was found."""

    subject = "inventory"
