"""Problems of the inventory, in the format of the model's problems."""

from __future__ import annotations

from ftps_exchange.model.problems import ModelError


class InventoryError(ModelError):
    """The inventory cannot be used. Contains all problems found."""

    subject = "inventory"
