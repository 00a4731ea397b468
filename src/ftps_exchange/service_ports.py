"""Checked model -> the addresses and ports of the service for each target, also while customers change to new ones.

Everybody may use old and new: edge, host firewall and server serve both. Two things exist only once, and are chosen
here. A server uses one passive range at a time: the former one until its last day, because every customer has that one
open. And it announces in answer to PASV the address to which the client came, which a server behind a translation does
not see: connections to the former IPv4 address therefore arrive at ports that are used for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from .model.rules import INNER_PORTS, Ports, merged
from .model.view import read_model


class MorePort(TypedDict):
    """A port at which a server listens besides those of the service."""

    port: int
    implicit: bool
    public_ip4: NotRequired[str]
    """What it announces there, if that is not the service's address."""


class TranslatedPort(TypedDict):
    """A port of a public address that leads to another port of the servers."""

    address: str
    port: int
    to: int


class ServicePorts(TypedDict):
    """What targets must know besides the service's own keys."""

    public_addresses: list[str]
    """All of them."""
    control: list[int]
    """All control ports that customers use."""
    inner: list[int]
    """Control ports of the servers that only the edge uses."""
    passive: list[list[int]]
    """All passive ports, in ranges that do not touch."""
    announced: list[int]
    """The passive range that servers use."""
    more: list[MorePort]
    translated: list[TranslatedPort]


def exchange_service_ports(model: object) -> ServicePorts:
    """Checked model -> addresses and ports, also former ones that are still served."""
    exchange = read_model(model).exchange
    more: list[MorePort] = [{"port": port, "implicit": False} for port in exchange.explicit_ports[1:]]
    more += [{"port": port, "implicit": True} for port in exchange.implicit_ports[1:]]
    translated: list[TranslatedPort] = []
    if exchange.also_public_ip4 is not None:
        address = str(exchange.also_public_ip4.value)
        kinds = (("explicit_port", exchange.explicit_ports), ("implicit_port", exchange.implicit_ports))
        for key, ports in kinds:
            if ports:
                inner = INNER_PORTS[key]
                more.append({"port": inner, "implicit": key == "implicit_port", "public_ip4": address})
                translated += [{"address": address, "port": port, "to": inner} for port in ports]
    return {
        "public_addresses": [str(address) for address in exchange.public_addresses],
        "control": [*exchange.explicit_ports, *exchange.implicit_ports],
        "inner": [port["port"] for port in more if "public_ip4" in port],
        "passive": [list(range_) for range_ in exchange.passive_ranges],
        "announced": list(exchange.announced_ports),
        "more": more,
        "translated": translated,
    }


def passive_port_ranges(passive_ports: Sequence[int], also: Sequence[Sequence[int]] | None = None) -> list[str]:
    """First and last passive port, and more such ranges -> all these ports as nft and the modules write them."""
    first, last = (int(port) for port in passive_ports)
    more: list[Ports] = [(int(low), int(high)) for low, high in also or ()]
    return [f"{low}-{high}" for low, high in merged([(first, last), *more])]
