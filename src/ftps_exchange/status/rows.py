"""Model and results of hosts -> plain rows, one per customer.

JSON, CSV, queries, the page and the metrics are made from them.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final, TypedDict

from ftps_exchange.diagnose.evidence import DirectoryAccount, Firewall, answers, read_directory, read_firewall
from ftps_exchange.model.view import FAMILIES, Account, Customer, Model

FORMAT: Final = 1
EXPIRY_DAYS: Final = 30
"""From so many days before its end an account, or the certificate, needs attention."""
FULL_PERCENT: Final = 80
"""From this part of its quota on a folder needs attention."""


class QuotaRow(TypedDict):
    """What a folder holds and may hold. null: not counted, or no limit."""

    bytes_used: int
    bytes_limit: int | None
    files_used: int | None
    files_limit: int | None


class ShareRow(TypedDict):
    """One share."""

    name: str
    quota: QuotaRow | None


METRICS_SECONDS: Final = 600
"""Metrics of a server that are older show a picture of the past."""


class AccountRow(TypedDict):
    """One account. Times are ISO 8601, UTC; null where nothing is known."""

    name: str
    access: str
    enabled: bool
    disabled_because: str | None
    expires: str | None
    days_left: int | None
    last_login: str | None
    last_address: str | None
    last_transfer: str | None
    in_directory: bool | None
    enabled_in_directory: bool | None
    locked: bool | None
    password_age_days: int | None


class CustomerRow(TypedDict):
    """One customer."""

    name: str
    state: str
    contact: str
    sources: list[str]
    shares: list[str]
    quota: QuotaRow | None
    accounts: list[AccountRow]
    last_login: str | None
    last_transfer: str | None
    uploads: int
    downloads: int
    bytes_in: int
    bytes_out: int
    failed: int
    edge_rules: int | None
    """Of the edge that has the fewest: each of two edges needs all of them."""
    edge_packets: int | None
    """Of all edges together."""
    pack_version: str | None
    pack_date: str | None
    knocks: int
    """Packets of a suspended customer that the edges refused."""
    attention: list[str]


class Status(TypedDict):
    """All of it."""

    format: int
    exchange: str
    fqdn: str
    made: str
    month: str
    complete: bool
    customers: list[CustomerRow]
    shares: list[ShareRow]
    servers: list[dict[str, Any]]
    quotas: list[dict[str, Any]]
    """What each home and share with a quota uses."""
    log_reached: str | None
    """From this time on all transfers are known; null if a server did not answer."""
    attention: list[str]
    missing: list[str]


def status(model: Model, results: Mapping[str, Mapping[str, Any]], packs: Mapping[str, Mapping[str, Any]]) -> Status:
    """Checked model, results by kind (servers, edges, directory) and host, and pack.json by customer -> the status."""
    missing: list[str] = []
    servers = dict(answers(results, "servers", "server", missing))
    all_servers = not missing
    edges = [read_firewall(host, result) for host, result in answers(results, "edges", "edge", missing)]
    refused = Counter(packet.source for edge in edges for packet in edge.refused)
    directories = [
        read_directory(result) for _, result in answers(results, "directory", "directory, asked by", missing)
    ]
    now = max((float(result["now"]) for result in servers.values()), default=None)
    moment = datetime.datetime.now(datetime.UTC) if now is None else datetime.datetime.fromtimestamp(now, datetime.UTC)
    activity = _Activity(servers.values())
    counters = [_counters(edge) for edge in edges]
    rows = [
        _customer(customer, moment, activity, directories[0] if directories else None, counters, packs, refused)
        for customer in model.customers
    ]
    shares: list[ShareRow] = [
        {"name": share.name, "quota": activity.quotas.get(f"shares/{share.name}")} for share in model.exchange.shares
    ]
    return {
        "format": FORMAT,
        "exchange": model.exchange.name,
        "fqdn": model.exchange.fqdn,
        "made": moment.isoformat(timespec="seconds"),
        "month": next((str(result["month"]) for result in servers.values()), moment.strftime("%Y-%m")),
        "complete": bool(servers) and all_servers and all(result["complete"] for result in servers.values()),
        "customers": rows,
        "shares": shares,
        "servers": [_server(host, result) for host, result in servers.items()],
        "quotas": _quotas(servers.values()),
        "log_reached": _reached(servers.values()) if all_servers else None,
        "attention": [
            *_servers_attention(servers, moment),
            *_edges_attention(edges),
            *(f"exchange.{text}" for text in model.exchange.ended_changes),
            *(f"{row['name']}: {text}" for row in rows for text in row["attention"]),
            *(f"share {row['name']} {text}" for row in shares for text in _fullness(row["quota"])),
        ],
        "missing": missing,
    }


class _Activity:
    """Logins and transfers by account, of all servers together."""

    def __init__(self, servers: Any) -> None:
        self.logins: dict[str, tuple[float, str]] = {}
        self.transfers: dict[str, dict[str, Any]] = {}
        self.banned: set[str] = set()
        self.quotas: dict[str, QuotaRow] = {}
        for result in servers:
            for account, addresses in result["seen"].items():
                for address, time in addresses.items():
                    self.logins[account] = max(self.logins.get(account, (0.0, "")), (float(time), str(address)))
            for account, counts in result["accounts"].items():
                own = self.transfers.setdefault(account, {})
                for key, value in counts.items():
                    if key == "last_transfer":
                        own[key] = max(filter(None, (own.get(key), value)), default=None)
                    else:
                        own[key] = own.get(key, 0) + int(value)
            self.banned |= {str(key) for key in result["banned"]}
            for one in result.get("quotas") or ():
                self._quota(one)

    def _quota(self, one: Mapping[str, Any]) -> None:
        """Of several servers, the one whose folder holds most."""
        known = self.quotas.get(str(one["folder"]))
        if known is None or one["bytes_used"] > known["bytes_used"]:
            self.quotas[str(one["folder"])] = {
                "bytes_used": one["bytes_used"],
                "bytes_limit": one["bytes_limit"],
                "files_used": one.get("files_used"),
                "files_limit": one.get("files_limit"),
            }


def _edges_attention(edges: Sequence[Firewall]) -> Iterator[str]:
    """Of two edges either may be the one that customers meet, so both need the same customers."""
    for edge in edges[1:]:
        differing = {(one.element, one.comment) for one in edges[0].elements} ^ {
            (one.element, one.comment) for one in edge.elements
        }
        if differing:
            names = sorted({comment for _, comment in differing})
            yield f"{edges[0].host} and {edge.host} have different rules for {', '.join(names)}: run site.yml"


def _counters(edge: Firewall) -> dict[str, list[int]]:
    """Packets of each element, by the customers that its comment names."""
    found: dict[str, list[int]] = {}
    for element in edge.elements:
        for name in element.comment.split(" and ")[0].split(", "):
            found.setdefault(name, []).append(element.packets)
    return found


def _customer(
    customer: Customer,
    now: datetime.datetime,
    activity: _Activity,
    directory: Mapping[str, DirectoryAccount | None] | None,
    counters: Sequence[Mapping[str, Sequence[int]]],
    packs: Mapping[str, Mapping[str, Any]],
    refused: Mapping[str, int],
) -> CustomerRow:
    accounts = [_account(account, now, activity, directory) for account in customer.accounts]
    totals = [activity.transfers.get(account.name, {}) for account in customer.accounts]
    own = [edge.get(customer.name, ()) for edge in counters]
    pack = packs.get(customer.name, {})
    row: CustomerRow = {
        "name": customer.name,
        "state": customer.state,
        "contact": customer.contact.email or customer.contact.name or "",
        "sources": [str(network) for network in (*customer.sources4, *customer.sources6)],
        "shares": [f"{grant.name}:{grant.access}" for grant in customer.shares],
        "quota": activity.quotas.get(f"homes/{customer.name}"),
        "accounts": accounts,
        "last_login": max(filter(None, (account["last_login"] for account in accounts)), default=None),
        "last_transfer": max(filter(None, (account["last_transfer"] for account in accounts)), default=None),
        "uploads": sum(one.get("uploads", 0) for one in totals),
        "downloads": sum(one.get("downloads", 0) for one in totals),
        "bytes_in": sum(one.get("bytes_in", 0) for one in totals),
        "bytes_out": sum(one.get("bytes_out", 0) for one in totals),
        "failed": sum(one.get("failed", 0) for one in totals),
        "edge_rules": min(map(len, own), default=None),
        "edge_packets": sum(map(sum, own)) if own else None,
        "pack_version": str(pack["version"])[:12] if pack.get("version") else None,
        "pack_date": str(pack["date"]) if pack.get("date") else None,
        "knocks": sum(number for source, number in refused.items() if _comes_from(source, customer))
        if customer.state == "suspended"
        else 0,
        "attention": [],
    }
    row["attention"] = list(_attention(customer, row, activity))
    return row


def _comes_from(source: str, customer: Customer) -> bool:
    address = ip_address(source)
    return any(address in network for family in FAMILIES for network in customer.sources(family))


def _reached(servers: Collection[Mapping[str, Any]]) -> str | None:
    """From when on the transfers of all servers are known; None if one of them had no record."""
    times = [None if result["reached"] is None else str(result["reached"]) for result in servers]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _quotas(servers: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each folder once: servers with shared storage return the same."""
    found = {
        (str(quota["kind"]), str(quota["folder"])): dict(quota) for one in servers for quota in one.get("quotas") or ()
    }
    return [found[key] for key in sorted(found)]


def _account(
    account: Account,
    now: datetime.datetime,
    activity: _Activity,
    directory: Mapping[str, DirectoryAccount | None] | None,
) -> AccountRow:
    time, address = activity.logins.get(account.name, (0.0, ""))
    state = directory.get(account.name) if directory is not None else None
    expires = datetime.date.fromisoformat(account.expires) if account.expires else None
    return {
        "name": account.name,
        "access": account.access,
        "enabled": account.enabled,
        "disabled_because": account.disabled_because,
        "expires": account.expires,
        "days_left": (expires - now.date()).days if expires else None,
        "last_login": _iso(time) if time else None,
        "last_address": address or None,
        "last_transfer": activity.transfers.get(account.name, {}).get("last_transfer"),
        "in_directory": None if directory is None else state is not None,
        "enabled_in_directory": None if state is None else state.enabled,
        "locked": None if state is None else state.locked,
        "password_age_days": None
        if state is None or state.password_set is None
        else int((now.timestamp() - state.password_set) // 86400),
    }


def _iso(time: float) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat(timespec="seconds")


def _attention(customer: Customer, row: CustomerRow, activity: _Activity) -> Iterator[str]:
    """What somebody should look at."""
    if row["knocks"]:
        yield "suspended, but its networks still try to connect"
    if customer.state != "present":
        return
    for declared, account in zip(customer.accounts, row["accounts"], strict=True):
        name, left = account["name"], account["days_left"]
        if declared.disabled_because == "expired":
            yield f"{name} expired after {account['expires']}"
        elif left is not None and left <= EXPIRY_DAYS:
            yield f"{name} expires in {left} day{'' if left == 1 else 's'}"
        if account["enabled"] and account["in_directory"] is False:
            yield f"{name} is not in the directory"
        if account["enabled"] and account["enabled_in_directory"] is False:
            yield f"{name} is disabled in the directory"
        if account["locked"]:
            yield f"{name} is locked out"
        if any(key.startswith(f"{name} ") for key in activity.banned):
            yield f"{name} is banned"
    if customer.admitted and row["edge_rules"] == 0:
        yield "no rule at the edge"
    yield from (f"the home {text}" for text in _fullness(row["quota"]))


def _fullness(quota: QuotaRow | None) -> Iterator[str]:
    """A folder that has little room left."""
    if quota is None:
        return
    for used, limit, what in (
        (quota["bytes_used"], quota["bytes_limit"], "space"),
        (quota["files_used"], quota["files_limit"], "files"),
    ):
        if limit and used is not None and used * 100 >= limit * FULL_PERCENT:
            yield f"has used {used * 100 // limit} % of its {what}"


def _server(host: str, result: Mapping[str, Any]) -> dict[str, Any]:
    disk = result["disk"]
    return {
        "name": host,
        "certificate_ends": result["certificate"].get("ends"),
        "bytes_free": disk.get("bytes_free"),
        "bytes_total": disk.get("bytes_total"),
        "services": dict(result["services"]),
        "last_backup": _moment(result["backup"]),
    }


def _moment(backup: Mapping[str, float] | None) -> str | None:
    """When the last backup ended."""
    if not backup or not backup["ended"]:
        return None
    return datetime.datetime.fromtimestamp(backup["ended"], datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _backup_attention(backup: Mapping[str, float] | None, now: datetime.datetime) -> Iterator[str]:
    """A backup that is missing or too old. Without one in the inventory there is nothing to say."""
    if backup is None:
        return
    age = now.timestamp() - backup["ended"]
    if not backup["ended"]:
        yield "it has no backup yet"
    elif age > backup["max_age"]:
        yield f"its last backup is {int(age) // 3600} hours old"


def _servers_attention(servers: Mapping[str, Mapping[str, Any]], now: datetime.datetime) -> Iterator[str]:
    for host, result in servers.items():
        for unit, state in result["services"].items():
            if state != "active":
                yield f"{host}: {unit} is {state}"
        written = result["metrics_written"]
        if written is not None and now.timestamp() - written > METRICS_SECONDS:
            yield f"{host}: its metrics are {int(now.timestamp() - written) // 60} minutes old"
        yield from (f"{host}: {text}" for text in _backup_attention(result["backup"], now))
        ends = result["certificate"].get("ends")
        if ends:
            left = (datetime.datetime.fromisoformat(str(ends)) - now).days
            if left <= EXPIRY_DAYS:
                yield f"{host}: the certificate ends in {left} days"
        free, total = result["disk"].get("bytes_free"), result["disk"].get("bytes_total")
        if free is not None and total and free * 10 < total:
            yield f"{host}: {free * 100 // total} % of the disk is free"
