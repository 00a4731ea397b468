"""The status as text, CSV, JSON, a page, and metrics for Prometheus."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import jmespath
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jmespath.exceptions import JMESPathError

from ftps_exchange.amounts import size
from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.problems import printable

from .request import Change
from .rows import CustomerRow, QuotaRow, Status

SHOWN: Final = 40
"""Customers in the text: nobody reads a thousand lines."""


def query_result(status: Status, query: str) -> list[str]:
    """The answer to a JMESPath query, one line per entry of a list."""
    try:
        found = jmespath.search(query, status)
    except JMESPathError as error:
        raise ExchangeError(
            f"is no JMESPath expression: {str(error).splitlines()[0]}",
            field="QUERY",
            value=query,
            remedy="For instance customers[?state==`suspended`].name (see docs/status.md)",
        ) from error
    if isinstance(found, list):
        return [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in found]
    return [found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, indent=2)]


def text(status: Status, changes: Sequence[Change]) -> list[str]:
    """A short report for a terminal."""
    return [printable(line) for line in _text(status, changes)]


def _text(status: Status, changes: Sequence[Change]) -> Iterator[str]:
    rows = status["customers"]
    states = {state: sum(row["state"] == state for row in rows) for state in ("present", "suspended", "absent")}
    counted = ", ".join(f"{number} {state}" for state, number in states.items() if number)
    yield f"{status['exchange']} ({status['fqdn']}): {len(rows)} customers, {counted or 'none'}."
    received = f"in {status['month']}"
    yield (
        f"{'customer':<24} {'state':<10} {'last login':<17} {'last transfer':<17} {received:>11} {'out':>11}  "
        f"{'home':<21} edge"
    )
    for row in rows[:SHOWN]:
        yield (
            f"{row['name']:<24} {row['state']:<10} {short(row['last_login']):<17} {short(row['last_transfer']):<17} "
            f"{size(row['bytes_in']):>11} {size(row['bytes_out']):>11}  {used(row['quota']):<21} {_edge(row)}"
        )
    if len(rows) > SHOWN:
        yield f"... and {len(rows) - SHOWN} more: see the page, or ask with QUERY."
    if not status["complete"]:
        yield "This month's transfers are not complete: the log is too long, or a server did not answer."
    for title, lines in (("Needs attention", status["attention"]), ("Did not answer", status["missing"])):
        if lines:
            yield f"{title}:"
            yield from (f"  - {line}" for line in lines[:SHOWN])
            if len(lines) > SHOWN:
                yield f"  ... and {len(lines) - SHOWN} more"
    if changes:
        yield f"For the firewall team: {len(changes)} changes since the last request. EDGE_REQUEST=1 makes a new one."


def _edge(row: CustomerRow) -> str:
    return "?" if row["edge_rules"] is None else f"{row['edge_rules']} rules, {row['edge_packets']} packets"


def used(quota: QuotaRow | None) -> str:
    """Use and limit, for people."""
    if quota is None:
        return "-"
    limit = quota["bytes_limit"]
    return f"{size(quota['bytes_used'])} of {size(limit)}" if limit else size(quota["bytes_used"])


def short(time: str | None) -> str:
    """A time for people: minutes, UTC."""
    return time[:16].replace("T", " ") if time else "-"


COLUMNS: Final = (
    *("customer", "state", "contact", "account", "access", "enabled", "disabled_because", "expires", "last_login"),
    *("last_address", "last_transfer", "customer_bytes_in", "customer_bytes_out", "edge_rules", "pack_version"),
    *("home_bytes_used", "home_bytes_limit", "home_files_used", "home_files_limit"),
)


def csv_text(status: Status) -> str:
    """One line per account; a customer without accounts has one too."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in status["customers"]:
        whole = {
            "customer": row["name"],
            "state": row["state"],
            "contact": _cell(row["contact"]),
            "customer_bytes_in": row["bytes_in"],
            "customer_bytes_out": row["bytes_out"],
            "edge_rules": row["edge_rules"],
            "pack_version": row["pack_version"],
            **{f"home_{key}": value for key, value in (row["quota"] or {}).items()},
        }
        accounts: list[dict[str, Any]] = [dict(account) for account in row["accounts"]] or [{}]
        for account in accounts:
            writer.writerow({**account, **whole, "account": account.get("name")})
    return output.getvalue()


def _cell(text: str) -> str:
    """Free text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def json_text(status: Status) -> str:
    """Everything, for programs."""
    return json.dumps(status, ensure_ascii=False, indent=1) + "\n"


def _saved(backup: str | None) -> str:
    """A server without a backup shows nothing; the list of what needs attention has one that is too old."""
    return f", saved {short(backup)}" if backup else ""


def page(status: Status, changes: Sequence[Change]) -> str:
    """The page. Whatever came from elsewhere is escaped, and nothing is fetched."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "short": short, "used": used}
    rows = status["customers"]
    tiles = [
        ("Customers", f"{sum(row['state'] == 'present' for row in rows)} present of {len(rows)}"),
        ("Accounts", f"{sum(account['enabled'] for row in rows for account in row['accounts'])} may log in"),
        (f"Received in {status['month']}", size(sum(row["bytes_in"] for row in rows))),
        (f"Sent in {status['month']}", size(sum(row["bytes_out"] for row in rows))),
    ]
    for server in status["servers"]:
        until, free = str(server["certificate_ends"])[:10], size(server["bytes_free"])
        tiles.append((server["name"], f"certificate until {until}, {free} free{_saved(server['last_backup'])}"))
    return environment.get_template("status.html.j2").render(status=status, tiles=tiles, changes=changes)


def metrics(status: Status, *, per_customer: bool) -> str:
    """The text format of Prometheus, for node_exporter's textfile collector."""
    return "\n".join([*_metrics(status, per_customer), ""])


def _metrics(status: Status, per_customer: bool) -> Iterator[str]:
    rows = status["customers"]

    def head(name: str, kind: str, about: str) -> Iterator[str]:
        yield f"# HELP ftps_exchange_{name} {about}"
        yield f"# TYPE ftps_exchange_{name} {kind}"

    yield from head("status_time_seconds", "gauge", "When the status was made.")
    yield f"ftps_exchange_status_time_seconds {_seconds(status['made'])}"
    yield from head("customers", "gauge", "Customers by state.")
    for state in ("present", "suspended", "absent"):
        yield f'ftps_exchange_customers{{state="{state}"}} {sum(row["state"] == state for row in rows)}'
    yield from head("attention", "gauge", "Findings that somebody should look at.")
    yield f"ftps_exchange_attention {len(status['attention'])}"
    yield from head("unanswered", "gauge", "Hosts that did not answer.")
    yield f"ftps_exchange_unanswered {len(status['missing'])}"
    yield from head("month_bytes", "gauge", "Bytes transferred in the current month, by direction.")
    for direction in ("in", "out"):
        yield f'ftps_exchange_month_bytes{{direction="{direction}"}} {sum(row[f"bytes_{direction}"] for row in rows)}'  # type: ignore[literal-required]
    yield from head("account_expiry_days", "gauge", "Days until an account expires, of accounts that may log in.")
    for row in rows:
        for account in row["accounts"]:
            if account["enabled"] and account["days_left"] is not None:
                labels = f'customer="{row["name"]}",account="{account["name"]}"'
                yield f"ftps_exchange_account_expiry_days{{{labels}}} {account['days_left']}"
    yield from head("certificate_expiry_seconds", "gauge", "When the certificate of a server ends.")
    for server in status["servers"]:
        if server["certificate_ends"]:
            ends = _seconds(server["certificate_ends"])
            yield f'ftps_exchange_certificate_expiry_seconds{{server="{server["name"]}"}} {ends}'
    yield from head("disk_free_ratio", "gauge", "Free part of the file system with the data.")
    for server in status["servers"]:
        if server["bytes_total"]:
            ratio = server["bytes_free"] / server["bytes_total"]
            yield f'ftps_exchange_disk_free_ratio{{server="{server["name"]}"}} {ratio:.4f}'
    yield from head("quota_used_ratio", "gauge", "Used part of the quota of a share, the fuller of space and files.")
    yield from _ratios((f'share="{row["name"]}"', row["quota"]) for row in status["shares"])
    if not per_customer:
        return
    yield from head("customer_quota_used_ratio", "gauge", "Used part of the quota of a home.")
    yield from _ratios((f'customer="{row["name"]}"', row["quota"]) for row in rows)
    yield from head("customer_month_bytes", "gauge", "Bytes of a customer in the current month, by direction.")
    for row in rows:
        for direction in ("in", "out"):
            labels = f'customer="{row["name"]}",direction="{direction}"'
            yield f"ftps_exchange_customer_month_bytes{{{labels}}} {row[f'bytes_{direction}']}"  # type: ignore[literal-required]
    yield from head("customer_last_login_seconds", "gauge", "Last login of a customer.")
    for row in rows:
        if row["last_login"]:
            yield f'ftps_exchange_customer_last_login_seconds{{customer="{row["name"]}"}} {_seconds(row["last_login"])}'


def _ratios(quotas: Iterable[tuple[str, QuotaRow | None]]) -> Iterator[str]:
    for label, quota in quotas:
        if quota is None:
            continue
        name = "quota_used_ratio" if label.startswith("share=") else "customer_quota_used_ratio"
        pairs = ((quota["bytes_used"], quota["bytes_limit"]), (quota["files_used"], quota["files_limit"]))
        ratios = [used / limit for used, limit in pairs if used is not None and limit]
        if ratios:
            yield f"ftps_exchange_{name}{{{label}}} {max(ratios):.4f}"


def _seconds(time: object) -> int:
    return int(datetime.datetime.fromisoformat(str(time)).timestamp())
