"""Checked model -> who gets a report of each complete file, and what the edge opens for that."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final, TypedDict

from .model.receiving import split_url
from .model.view import EventReceiver, read_model

_TLS_PORT: Final = 443


class Flow(TypedDict):
    """An outgoing connection of the servers, as the edge's variable edge_receivers has them."""

    purpose: str
    to: list[str]
    protocol: str
    ports: list[str]


def exchange_event_receivers(model: object) -> list[dict[str, Any]]:
    """Checked model -> the receivers, each as the role events takes it: its kind and its settings on one level."""
    return [
        {
            "name": receiver.name,
            "kind": receiver.kind,
            "complete": receiver.complete,
            "quiet_seconds": receiver.quiet_seconds,
            "temporary_names": list(receiver.temporary_names),
            "customers": _names(receiver.customers),
            "accounts": _names(receiver.accounts),
            "homes": receiver.homes,
            "shares": _names(receiver.shares),
            "batch_files": receiver.batch_files,
            "batch_seconds": receiver.batch_seconds,
            **receiver.settings,
        }
        for receiver in read_model(model).exchange.event_receivers
    ]


def exchange_event_flows(model: object) -> list[Flow]:
    """Checked model -> what the edge opens for the servers: the addresses of each receiver and its port, no more.

    A receiver on the server itself needs nothing.
    """
    return [
        {"purpose": f"events for {receiver.name}", "to": to, "protocol": "tcp", "ports": [str(_port(receiver))]}
        for receiver in read_model(model).exchange.event_receivers
        if (to := [str(text) for text in receiver.addresses if not ip_address(text).is_loopback])
    ]


def _port(receiver: EventReceiver) -> int:
    if receiver.kind == "mail":
        return int(receiver.settings["port"])
    # http is for loopback addresses only
    return split_url(receiver.settings["url"]).port or _TLS_PORT


def _names(chosen: tuple[str, ...] | None) -> list[str] | None:
    return None if chosen is None else list(chosen)
