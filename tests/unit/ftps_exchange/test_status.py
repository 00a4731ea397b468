"""The status: what the rows say, what every output makes of it, and what a firewall team is asked for."""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.check import check_model
from ftps_exchange.model.view import Model, read_model
from ftps_exchange.status import output, request
from ftps_exchange.status.rows import Status, status
from tests.unit.ftps_exchange.diagnose.recorded import NOW, SOURCE, account, firewall
from tests.unit.ftps_exchange.model_inputs import TODAY, Inventory


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def model(inventory: Inventory) -> Model:
    return read_model(inventory.check(TODAY))


def activity(**values: Any) -> dict[str, Any]:
    """A result of ftps_server_activity."""
    counts = {"uploads": 2, "downloads": 1, "bytes_in": 3000, "bytes_out": 10, "failed": 1}
    return {
        "now": NOW,
        "month": "2026-11",
        "complete": True,
        "accounts": {"acme-up": {**counts, "last_transfer": "2026-11-30T12:00:00.000Z"}},
        "seen": {"acme-up": {SOURCE: NOW - 60, "2001:db8:100::20": NOW - 600}},
        "banned": [],
        "disk": {"bytes_free": 5 * 10**9, "bytes_total": 10**10},
        "certificate": {"ends": "2027-11-30T00:00:00Z"},
        "services": {"proftpd.service": "active"},
        "reached": "2026-01-01T00:00:00.000Z",
        "quotas": [],
        "metrics_written": None,
        "backup": None,
        **values,
    }


def results(**kinds: Any) -> dict[str, Any]:
    accounts = {name: account() for name in ("acme-up", "acme-read", "globex-up")}
    globex = {"element": "198.51.100.30", "comment": "globex", "packets": 5, "bytes": 1}
    return {
        "servers": {"ftps1": activity()},
        "edges": {"edge1": firewall(elements=[*firewall()["elements"], globex])},
        "directory": {"ftps1": {"now": NOW, "accounts": accounts}},
        **kinds,
    }


def made(inventory: Inventory, found: dict[str, Any] | None = None, packs: Any = None) -> Status:
    return status(model(inventory), results() if found is None else found, packs or {})


def test_rows(inventory: Inventory) -> None:
    found = made(inventory, packs={"acme": {"version": "0123456789abcdef", "date": "2026-11-01"}})
    acme, globex = found["customers"]
    assert (acme["last_login"], acme["last_transfer"]) == ("2026-11-30T23:34:00+00:00", "2026-11-30T12:00:00.000Z")
    assert (acme["uploads"], acme["bytes_in"], acme["bytes_out"], acme["failed"]) == (2, 3000, 10, 1)
    assert (acme["edge_rules"], acme["edge_packets"]) == (2, 481)
    assert (acme["pack_version"], acme["pack_date"]) == ("0123456789ab", "2026-11-01")
    assert acme["accounts"][1]["last_address"] == SOURCE, "sorted by name; the latest of two addresses"
    assert (globex["last_login"], globex["bytes_in"], globex["edge_rules"], globex["pack_date"]) == (None, 0, 1, None)
    assert (found["attention"], found["missing"], found["complete"]) == ([], [], True)


def test_servers_are_added_up(inventory: Inventory) -> None:
    second = activity(seen={"acme-up": {SOURCE: NOW}})
    second["accounts"]["acme-up"]["last_transfer"] = "2026-11-30T13:00:00.000Z"
    acme = made(inventory, results(servers={"ftps1": activity(), "ftps2": second}))["customers"][0]
    assert (acme["bytes_in"], acme["last_transfer"]) == (6000, "2026-11-30T13:00:00.000Z")
    assert acme["last_login"] == "2026-11-30T23:35:00+00:00"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (account(enabled=False), "acme: acme-up is disabled in the directory"),
        (account(locked=True), "acme: acme-up is locked out"),
        (None, "acme: acme-up is not in the directory"),
    ],
)
def test_what_needs_attention_in_the_directory(inventory: Inventory, state: Any, said: str) -> None:
    found = results()
    found["directory"]["ftps1"]["accounts"]["acme-up"] = state
    assert made(inventory, found)["attention"] == [said]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"services": {"proftpd.service": "failed"}}, "ftps1: proftpd.service is failed"),
        ({"certificate": {"ends": "2026-12-05T00:00:00Z"}}, "ftps1: the certificate ends in 4 days"),
        ({"disk": {"bytes_free": 5, "bytes_total": 100}}, "ftps1: 5 % of the disk is free"),
        ({"banned": [f"acme-up {SOURCE}"]}, "acme: acme-up is banned"),
        ({"metrics_written": NOW - 3600}, "ftps1: its metrics are 60 minutes old"),
        ({"backup": {"ended": 0.0, "max_age": 108000.0}}, "ftps1: it has no backup yet"),
        ({"backup": {"ended": NOW - 112000, "max_age": 108000.0}}, "ftps1: its last backup is 31 hours old"),
    ],
)
def test_what_needs_attention_on_a_server(inventory: Inventory, values: dict[str, Any], said: str) -> None:
    assert made(inventory, results(servers={"ftps1": activity(**values)}))["attention"] == [said]


def test_a_backup_in_time_is_only_shown(inventory: Inventory) -> None:
    backup = {"ended": NOW - 107000, "max_age": 108000.0}
    found = made(inventory, results(servers={"ftps1": activity(backup=backup)}))
    assert found["attention"] == []
    assert [server["last_backup"] for server in found["servers"]] == [
        datetime.datetime.fromtimestamp(NOW - 107000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ]


def quota(folder: str, used: int, limit: int | None, files: tuple[int | None, int | None] = (None, None)) -> Any:
    """As ftps_server_activity returns it."""
    return {
        "folder": folder,
        "kind": "home",
        "bytes_used": used,
        "bytes_limit": limit,
        "files_used": files[0],
        "files_limit": files[1],
    }


def test_quotas(inventory: Inventory) -> None:
    """Of two servers the fuller folder counts."""
    one = [quota("homes/acme", 5 << 30, 10 << 30, (3, 100)), quota("shares/maps", 95, 100)]
    other = [quota("homes/acme", 8 << 30, 10 << 30, (7, 100)), quota("homes/globex", 1, 10, (80, 100))]
    found = made(inventory, results(servers={"a": activity(quotas=one), "b": activity(quotas=other)}))
    acme, _ = found["customers"]
    assert acme["quota"] == {"bytes_used": 8 << 30, "bytes_limit": 10 << 30, "files_used": 7, "files_limit": 100}
    assert {share["name"]: share["quota"] is not None for share in found["shares"]} == {"maps": True, "dropbox": False}
    assert found["attention"] == [
        "acme: the home has used 80 % of its space",
        "globex: the home has used 80 % of its files",
        "share maps has used 95 % of its space",
    ]
    assert "8.0 GiB of 10.0 GiB" in output.text(found, [])[2]
    assert "8.0 GiB of 10.0 GiB" in output.page(found, [])
    row = next(csv.DictReader(io.StringIO(output.csv_text(found))))
    assert (row["home_bytes_used"], row["home_files_limit"]) == (str(8 << 30), "100")
    text = output.metrics(found, per_customer=True)
    assert 'ftps_exchange_quota_used_ratio{share="maps"} 0.9500' in text
    assert 'ftps_exchange_customer_quota_used_ratio{customer="globex"} 0.8000' in text
    assert "customer_quota" not in output.metrics(found, per_customer=False)


def test_accounts_that_end(inventory: Inventory) -> None:
    inventory.acme["accounts"][0]["expires"] = "2026-12-02"
    inventory.globex["accounts"][0]["expires"] = "2026-06-01"
    assert made(inventory)["attention"] == [
        "acme: acme-up expires in 2 days",
        "globex: globex-up expired after 2026-06-01",
    ]


def test_a_suspended_customer_who_knocks(inventory: Inventory) -> None:
    inventory.globex["state"] = "suspended"
    packets = [{"time": NOW, "source": source, "port": 21} for source in ("198.51.100.30", "198.51.100.30", SOURCE)]
    found = made(inventory, results(edges={"edge1": firewall(refused=packets)}))
    assert [row["knocks"] for row in found["customers"]] == [0, 2], "acme is not suspended"
    assert found["attention"] == ["globex: suspended, but its networks still try to connect"]


def test_quotas_and_the_reach_of_the_logs(inventory: Inventory) -> None:
    quota = {"folder": "homes/acme", "kind": "home", "bytes_used": 8, "bytes_limit": 10}
    two = {"ftps1": activity(quotas=[quota]), "ftps2": activity(quotas=[quota], reached="2026-02-01T00:00:00.000Z")}
    found = made(inventory, results(servers=two))
    assert found["quotas"] == [quota], "servers with shared storage return the same folder"
    assert found["log_reached"] == "2026-02-01T00:00:00.000Z"
    two["ftps2"] = {"failed": True, "msg": "crashed"}
    assert made(inventory, results(servers=two))["log_reached"] is None
    assert made(inventory, results(servers={"ftps1": activity(reached=None)}))["log_reached"] is None


def test_a_customer_without_a_rule(inventory: Inventory) -> None:
    found = results(edges={"edge1": firewall(elements=[])})
    assert made(inventory, found)["attention"] == ["acme: no rule at the edge", "globex: no rule at the edge"]


def test_a_rule_of_two_edges_counts_once(inventory: Inventory) -> None:
    both = results()["edges"]["edge1"]["elements"]
    found = made(inventory, results(edges={"edge1": firewall(elements=both), "edge2": firewall(elements=both)}))
    acme, _ = found["customers"]
    assert (acme["edge_rules"], acme["edge_packets"]) == (2, 962), "rules of one, packets of both"
    assert found["attention"] == []


def test_an_edge_that_lacks_a_customer_is_named(inventory: Inventory) -> None:
    both = results()["edges"]["edge1"]["elements"]
    without = [one for one in both if one["comment"] != "globex"]
    found = made(inventory, results(edges={"edge1": firewall(elements=both), "edge2": firewall(elements=without)}))
    assert found["attention"] == [
        "edge1 and edge2 have different rules for globex: run site.yml",
        "globex: no rule at the edge",
    ]
    assert found["customers"][1]["edge_rules"] == 0


def test_what_did_not_answer_is_not_taken_for_nothing(inventory: Inventory) -> None:
    found = made(
        inventory, results(servers={"ftps1": {"unreachable": True, "msg": "timed out"}}, edges={}, directory={})
    )
    assert found["missing"] == ["server ftps1: timed out"]
    assert found["complete"] is False
    acme = found["customers"][0]
    assert (acme["edge_rules"], acme["accounts"][0]["in_directory"]) == (None, None)
    assert acme["attention"] == []
    # One of two servers is not all of the month
    two = {"ftps1": activity(), "ftps2": {"failed": True, "msg": "crashed"}}
    assert made(inventory, results(servers=two))["complete"] is False


def test_csv_has_a_line_for_each_account_and_no_formula(inventory: Inventory) -> None:
    inventory.globex["contact"] = {"name": "=HYPERLINK(1)"}
    inventory.write("hooli.yml", {"state": "absent"})
    rows = list(csv.DictReader(io.StringIO(output.csv_text(made(inventory)))))
    assert [(row["customer"], row["account"]) for row in rows] == [
        ("acme", "acme-read"),
        ("acme", "acme-up"),
        ("globex", "globex-up"),
        ("hooli", ""),
    ]
    assert rows[2]["contact"] == "'=HYPERLINK(1)"
    assert rows[1]["last_login"] == "2026-11-30T23:34:00+00:00"


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("customers[?state=='suspended'].name", ["globex"]),
        ("customers[?state==`present`].name", ["acme"]),
        ("length(customers)", ["2"]),
        ("customers[0].accounts[].[name, access]", ['["acme-read", "read"]', '["acme-up", "write"]']),
        ("fqdn", ["ftps.exchange.example"]),
        ("nothing", ["null"]),
    ],
)
def test_queries(inventory: Inventory, query: str, answer: list[str]) -> None:
    inventory.globex["state"] = "suspended"
    assert output.query_result(made(inventory), query) == answer


def test_a_wrong_query_is_one_clear_message(inventory: Inventory) -> None:
    with pytest.raises(ExchangeError, match=r"QUERY = 'customers\[': is no JMESPath expression"):
        output.query_result(made(inventory), "customers[")


class Page(HTMLParser):
    """Texts and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_shows_every_customer_escapes_everything_and_fetches_nothing(inventory: Inventory) -> None:
    inventory.acme["contact"] = {"name": "<script>alert(1)</script>"}
    page = output.page(made(inventory), request.changes(None, request.baseline(model(inventory))))
    parsed = Page(page)
    assert "script" not in [tag for tag, _ in parsed.tags]
    assert "<script>alert(1)</script>" in parsed.texts
    assert not [attributes for _, attributes in parsed.tags if {"src", "href"} & attributes.keys()]
    for text in ("acme", "globex", "2026-11-30 23:34", "2.9 KiB", "Nothing needs attention.", "first request"):
        assert text in parsed.texts, text


def test_the_text_is_short(inventory: Inventory) -> None:
    for number in range(60):
        inventory.write(f"c{number}.yml", {"state": "absent"})
    lines = output.text(made(inventory), [])
    assert lines[0] == "lab (ftps.exchange.example): 62 customers, 2 present, 60 absent."
    assert lines[-1] == "... and 22 more: see the page, or ask with QUERY."


SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"{}]*"(,[a-z]+="[^"{}]*")*\})? -?[0-9.]+')


def test_metrics(inventory: Inventory) -> None:
    inventory.acme["accounts"][0]["expires"] = "2026-12-02"
    text = output.metrics(made(inventory), per_customer=False)
    for line in text.splitlines():
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line
    assert 'ftps_exchange_account_expiry_days{customer="acme",account="acme-up"} 2' in text
    assert 'ftps_exchange_month_bytes{direction="in"} 3000' in text
    assert "ftps_exchange_customer_month_bytes" not in text
    more = output.metrics(made(inventory), per_customer=True)
    assert 'ftps_exchange_customer_month_bytes{customer="acme",direction="in"} 3000' in more
    assert text.endswith("\n")


def changes(inventory: Inventory, before: Any) -> list[tuple[str, str, str]]:
    found = request.changes(before, request.baseline(model(inventory)))
    return [(one.action, one.network, one.reason) for one in found]


def test_a_first_request_lists_everything(inventory: Inventory) -> None:
    assert changes(inventory, None) == [
        ("add", "198.51.100.20", "first request"),
        ("add", "198.51.100.30", "first request"),
        ("add", "2001:db8:100::20", "first request"),
    ]


def test_what_changed_has_its_reason(inventory: Inventory) -> None:
    before = json.loads(json.dumps(request.baseline(model(inventory))))
    assert changes(inventory, before) == []
    inventory.acme["state"] = "suspended"
    inventory.globex["sources"] = ["198.51.100.30", "203.0.113.0/28"]
    inventory.write(
        "umbrella.yml", {"sources": ["203.0.113.99"], "accounts": [{"name": "umbrella-up", "access": "write"}]}
    )
    assert changes(inventory, before) == [
        ("remove", "198.51.100.20", "acme is suspended"),
        ("remove", "2001:db8:100::20", "acme is suspended"),
        ("add", "203.0.113.0/28", "globex has a new network"),
        ("add", "203.0.113.99", "umbrella is a new customer"),
    ]
    suspended = request.baseline(model(inventory))
    inventory.acme["state"] = "present"
    (inventory.customers / "umbrella.yml").unlink()
    inventory.globex["accounts"][0]["expires"] = "2026-06-01"
    reasons = {network: f"{action}: {reason}" for action, network, reason in changes(inventory, suspended)}
    assert reasons["198.51.100.20"] == "add: acme is no longer suspended"
    assert reasons["203.0.113.99"] == "remove: umbrella has ended"
    assert reasons["198.51.100.30"] == "remove: globex has no account that may log in"


def test_other_ports_are_a_change_too(inventory: Inventory) -> None:
    before = request.baseline(model(inventory))
    inventory.exchange["passive_ports"] = [50000, 50199]
    assert changes(inventory, before) == [("ports", "all", "TCP 21, 990, 50000-50199 instead of 21, 990, 50000-50099")]


def test_a_move_is_a_change_of_ports_and_addresses(inventory: Inventory) -> None:
    before = request.baseline(model(inventory))
    inventory.exchange["also_public_ip4"] = {"address": "198.51.100.11", "until": "2027-03-31"}
    inventory.exchange["also_passive_ports"] = {"ports": [51000, 51099], "until": "2027-03-31"}
    assert changes(inventory, before) == [
        ("ports", "all", "TCP 21, 990, 50000-50099, 51000-51099 instead of 21, 990, 50000-50099"),
        (
            "addresses",
            "all",
            "198.51.100.10 198.51.100.11 2001:db8:100::10 instead of 198.51.100.10 2001:db8:100::10",
        ),
    ]


def test_a_move_that_has_ended_needs_attention(inventory: Inventory) -> None:
    inventory.exchange["also_explicit_port"] = {"port": 2121, "until": "2020-01-01"}
    (told,) = [text for text in status(model(inventory), {}, {})["attention"] if "also_explicit_port" in text]
    assert told.startswith("exchange.also_explicit_port: 2020-01-01, the last day of 2121, has passed.")


def test_the_request_of_another_exchange_is_no_basis(inventory: Inventory) -> None:
    before = {**request.baseline(model(inventory)), "exchange": "other"}
    assert {reason for _, _, reason in changes(inventory, before)} == {"first request"}


def test_the_request_is_a_table(inventory: Inventory) -> None:
    found = request.changes(None, request.baseline(model(inventory)))
    rows = list(csv.DictReader(io.StringIO(request.request_csv(found, "21, 990, 50000-50099", "198.51.100.10"))))
    assert rows[0] == {
        "action": "add",
        "source": "198.51.100.20",
        "destination": "198.51.100.10",
        "service": "TCP 21, 990, 50000-50099",
        "customers": "acme",
        "reason": "first request",
    }


def test_a_thousand_customers(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path)
    for number in range(1000):
        content = {
            "sources": [f"203.0.{number // 250}.{number % 250}"],
            "accounts": [{"name": f"c{number}-up", "access": "write"}],
        }
        inventory.write(f"c{number}.yml", content)
    found = status(read_model(check_model(inventory.exchange, inventory.customers, today=TODAY)), results(), {})
    assert len(output.page(found, [])) < 2_000_000
