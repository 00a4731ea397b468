"""Checked model -> the folders on a server that may hold only so much."""

from __future__ import annotations

from typing import TypedDict

from .model.view import Quota, read_model


class Limit(TypedDict):
    """A folder below the root, and its limits; null where there is none."""

    path: str
    bytes_limit: int | None
    files_limit: int | None


def exchange_quotas(model: object) -> list[Limit]:
    """Checked model -> folders with a limit, homes first, each sorted by name.

    A suspended customer keeps its limits. Folders of absent customers are not listed, as in exchange_folders.
    """
    model = read_model(model)
    homes = [("homes", one.name, one.quota) for one in model.customers if one.state != "absent"]
    shares = [("shares", one.name, one.quota) for one in model.exchange.shares]
    return [_limit(f"{parent}/{name}", quota) for parent, name, quota in (*homes, *shares) if _limits(quota)]


def _limits(quota: Quota) -> bool:
    return quota.space is not None or quota.files is not None


def _limit(path: str, quota: Quota) -> Limit:
    return {"path": path, "bytes_limit": quota.space, "files_limit": quota.files}
