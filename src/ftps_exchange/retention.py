"""Checked model -> the folders on a server whose files are removed after some days without a change."""

from __future__ import annotations

from typing import TypedDict

from .model.view import read_model


class Keep(TypedDict):
    """A folder below the root, and the days for which it keeps a file."""

    path: str
    keep_days: int


def exchange_retention(model: object) -> list[Keep]:
    """Checked model -> folders with a limit, homes first, each sorted by name.

    A suspended customer keeps everything, and so does one that is absent.
    """
    model = read_model(model)
    homes: list[Keep] = [
        {"path": f"homes/{customer.name}", "keep_days": customer.keep_days}
        for customer in model.customers
        if customer.state == "present" and customer.keep_days is not None
    ]
    shares: list[Keep] = [
        {"path": f"shares/{share.name}", "keep_days": share.keep_days}
        for share in model.exchange.shares
        if share.keep_days is not None
    ]
    return [*homes, *shares]
