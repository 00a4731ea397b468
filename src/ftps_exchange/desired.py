"""Checked model -> arguments for directory, servers and edge, computed once per run.

Each target gets one JSON text (options of type ``json``), because Ansible searches structures for templates at every
step, which takes seconds with 10,000 customers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypedDict

from .directory import exchange_directory
from .edge import exchange_host_sets, require_sources
from .events import Flow, exchange_event_flows, exchange_event_receivers
from .folders import exchange_folders
from .iis.settings import exchange_iis_problems, exchange_iis_settings
from .model.view import Access, effective_access, read_model
from .quotas import exchange_quotas
from .retention import Keep, exchange_retention
from .service_ports import ServicePorts, exchange_service_ports
from .wire import wire_text


class AccountAccess(TypedDict):
    """An account that may log in, its networks, IPv4 first, and its rights."""

    name: str
    customer: str
    networks: list[str]
    home: Access
    shares: dict[str, Access]


class AccessList(TypedDict):
    """Every account that may log in, sorted by name."""

    accounts: list[AccountAccess]


def exchange_access(model: object) -> AccessList:
    """Checked model -> the enabled accounts of present customers, each with at least one network, and their rights.

    This is the server's own check behind the edge's. The edge knows addresses, not accounts: to it, every customer's
    addresses are alike. Only the server knows whether an account is used from an address of its own customer. The
    rights follow from the directory's groups at each login; they are here so that open sessions with more can be ended.
    """
    accounts: list[AccountAccess] = []
    for customer in read_model(model).admitted:
        require_sources(customer)
        networks = [str(network) for network in (*customer.sources4, *customer.sources6)]
        accounts.extend(
            {
                "name": account.name,
                "customer": customer.name,
                "networks": networks,
                "home": account.access,
                "shares": {grant.name: effective_access(account, grant) for grant in customer.shares},
            }
            for account in customer.enabled
        )
    return {"accounts": sorted(accounts, key=lambda account: account["name"])}


class Desired(TypedDict):
    """Texts for modules, and what templates of roles look into."""

    directory: str
    """JSON of what exchange_directory gives."""
    customer_sets: str
    """JSON of what exchange_edge_sets gives."""
    host_sets: str
    """JSON of what exchange_host_sets gives."""
    known_customers: str
    """JSON list: who has a file, whatever the state is. Guards against mass removal compare with it."""
    some_sources: list[str]
    """A few networks of customers in each family: is there a way back to them?"""
    accounts: list[AccountAccess]
    """What exchange_access gives; empty unless asked for."""
    retention: list[Keep]
    """What exchange_retention gives."""
    event_receivers: list[dict[str, Any]]
    """What exchange_event_receivers gives."""
    event_flows: list[Flow]
    """What exchange_event_flows gives."""
    service: ServicePorts
    """What exchange_service_ports gives."""
    quotas: str
    """JSON of what exchange_quotas gives."""


def exchange_desired(model: object, accounts: bool = True) -> Desired:
    """Checked model -> arguments of modules, as texts; ``accounts`` only for servers that keep them in files."""
    model = read_model(model)
    sets = exchange_host_sets(model)
    directory = exchange_directory(model)
    return {
        "directory": _json(directory),
        "customer_sets": _json({name: sets[name] for name in ("customers4", "customers6")}),
        "host_sets": _json(sets),
        "some_sources": [item["element"] for name in ("customers4", "customers6") for item in sets[name][:8]],
        "known_customers": _json(directory["known_customers"]),
        "accounts": exchange_access(model)["accounts"] if accounts else [],
        "retention": exchange_retention(model),
        "event_receivers": exchange_event_receivers(model),
        "event_flows": exchange_event_flows(model),
        "service": exchange_service_ports(model),
        "quotas": _json(exchange_quotas(model)),
    }


def exchange_desired_folders(model: object, sids: object, platform: str = "posix") -> str:
    """Checked model and the groups' SIDs -> JSON of what exchange_folders gives."""
    return _json(exchange_folders(model, sids, platform))


def exchange_desired_iis(model: object, options: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Checked model and the options of each host with IIS -> JSON of what exchange_iis_settings gives, by host.

    Computed once for all hosts with the same options, which mostly are all of them.
    """
    model = read_model(model)
    texts: dict[str, str] = {}
    for chosen in options.values():
        if (key := wire_text(chosen)) not in texts:
            texts[key] = _json(exchange_iis_settings(model, chosen))
    return {str(host): texts[wire_text(chosen)] for host, chosen in options.items()}


def exchange_desired_iis_problems(model: object, options: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Checked model and the options of each host with IIS -> what exchange_iis_problems reports, each sentence once."""
    model = read_model(model)
    different = {wire_text(chosen): chosen for chosen in options.values()}
    return list(dict.fromkeys(found for chosen in different.values() for found in exchange_iis_problems(model, chosen)))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
