"""Rules and dashboard, judged by Debian's Prometheus: promtool's tests, and a server that scrapes and evaluates.

What it scrapes is written by the project's own code and served by Debian's node_exporter.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.ftps.exchange.plugins.module_utils import ftps_server

from ftps_exchange.diagnose import events
from ftps_exchange.notices.compute import Notice
from ftps_exchange.notices.metrics import metrics as notices_metrics
from ftps_exchange.status.output import metrics as status_metrics
from tests.unit.ftps_exchange.model_inputs import Inventory
from tests.unit.ftps_exchange.test_status import activity, made, results
from tests.unit.roles.programs import load_program

MONITORING = Path(__file__).resolve().parents[3] / "monitoring"
RULES = MONITORING / "prometheus" / "ftps_exchange.rules.yml"
CASES = MONITORING / "prometheus" / "ftps_exchange.tests.yml"
DASHBOARD = MONITORING / "grafana" / "ftps_exchange.json"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """What the dashboard asks, with Grafana's variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [text.replace("$instance", ".*").replace("$__rate_interval", "1m") for text in found]


def test_promtool_accepts_the_rules_and_every_case_of_them_passes(promtool: str) -> None:
    for command in (["check", "rules", RULES.name], ["test", "rules", CASES.name]):
        done = subprocess.run([promtool, *command], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_in_a_case_and_says_what_to_do() -> None:
    cases = yaml.safe_load(CASES.read_text("utf-8"))["tests"]
    fired = {one["alertname"] for case in cases for one in case.get("alert_rule_test", []) if one["exp_alerts"]}
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert set(alerts) == fired
    for rule in alerts.values():
        assert set(rule["annotations"]) == {"summary", "remedy"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_rules_and_dashboard_name_only_metrics_that_somebody_writes() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    written = set(re.findall(r"ftps_exchange_\w+", "\n".join(files(1))))
    written |= {"ftps_exchange_up", "ftps_exchange_verify_checks", "ftps_exchange_verify_finished_seconds"}
    for text in [*(rule["expr"] for rule in rules()), *queries()]:
        for name in re.findall(r"[\w:]*ftps_exchange_[\w:]+", text):
            assert name in recorded or name in written, f"{name} in {text}"


def load() -> ModuleType:
    """The program of the role metrics."""
    sys.modules["ftps_exchange_events"], sys.modules["ftps_exchange_server"] = events, ftps_server
    return load_program("metrics", "ftps-exchange-metrics")


PROGRAM = load()


def files(step: int, age: float = 0, inventory: Inventory | None = None) -> list[str]:
    """The three files as server and control node write them, with counters that grow with each step."""
    now = time.time()
    state = PROGRAM.new_state(now)
    state["logins"] = step * 3
    state["refused"] = {"wrong password": step}
    counts = {"transfers": {"upload ok": step * 2, "upload aborted": step}, "bytes": {"in": step * 1000, "out": 0}}
    state |= {**counts, "customers": {"acme": counts}}
    facts = {
        "now": now - age,
        "sessions": [{"customer": "acme"}],
        "bans": 0,
        "closed": False,
        "services": {"proftpd.service": "active"},
        "disk": {"bytes_free": 50, "bytes_total": 100, "files_free": 5, "files_total": 10},
        "certificate_end": now + 90 * 86400,
        "backup": {"ended": now - 3600, "max_age": 108000.0},
    }
    server = "\n".join([*PROGRAM.metrics(state, facts, {"max_sessions": 50, "per_customer": True}), ""])
    moment = datetime.datetime.now(datetime.UTC)
    found = [server, notices_metrics([Notice("pack", "outdated", "acme", "acme")], unsent=0, now=moment)]
    if inventory is not None:
        status = made(inventory, results(servers={"ftps1": activity(now=now)}))
        found.append(status_metrics(status, per_customer=True))
    else:
        found.append("ftps_exchange_status_time_seconds ftps_exchange_account_expiry_days ftps_exchange_customers ")
        found[-1] += "ftps_exchange_attention ftps_exchange_unanswered"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A Prometheus that runs."""

    def __init__(self, port: int, folder: Path, inventory: Inventory) -> None:
        self.port, self.folder, self.inventory = port, folder, inventory

    def write(self, step: int, age: float = 0) -> None:
        for name, text in zip(("server", "notices", "status"), files(step, age, self.inventory), strict=True):
            new = self.folder / f".{name}.new"
            new.write_text(text)
            new.replace(self.folder / f"{name}.prom")

    def get(self, what: str, **parameters: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
            answer = connection.getresponse()
            content = json.load(answer)
        assert answer.status == 200, f"{parameters}: {content}"
        return content["data"]

    def query(self, text: str) -> list[Any]:
        found: list[Any] = self.get("query", query=text)["result"]
        return found

    def firing(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self.get("alerts")["alerts"] if one["state"] == "firing"}

    def wait(self, condition: Callable[[], bool], seconds: float = 30) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if condition():
                    return True
            time.sleep(0.3)
        return False


@pytest.fixture(scope="module")
def server(prometheus: str, node_exporter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Prometheus and node_exporter as processes on this machine's loopback; the rules wait seconds, not minutes."""
    folder = tmp_path_factory.mktemp("prometheus")
    metrics = folder / "textfile"
    metrics.mkdir()
    inventory = Inventory(folder / "inventory")
    # Many days after the model's own day, so that no account has ended
    inventory.acme["accounts"][0]["expires"] = "2099-12-31"
    exporter_port, port = free_port(), free_port()
    whole = yaml.safe_load(RULES.read_text("utf-8"))
    for group in whole["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    (folder / "rules.yml").write_text(yaml.safe_dump(whole))
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "scrape_configs": [
                    {"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{exporter_port}"]}]}
                ],
            }
        )
    )
    found = Server(port, metrics, inventory)
    found.write(1)
    exporter = [node_exporter, "--collector.disable-defaults", "--collector.textfile"]
    exporter += [f"--collector.textfile.directory={metrics}", f"--web.listen-address=127.0.0.1:{exporter_port}"]
    main = [prometheus, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    main += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with contextlib.ExitStack() as stack:
        for command in (exporter, main):
            log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
            process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            stack.callback(process.terminate)
        logs = [path.read_text() for path in folder.glob("*.log")]
        assert found.wait(lambda: bool(found.query("ftps_exchange_metrics_time_seconds"))), logs
        yield found


def test_every_query_of_the_dashboard_has_an_answer(server: Server) -> None:
    """Counters grow, so rates are above zero; an alert that fires is what the list of alerts shows."""
    for step in (2, 3, 4):
        time.sleep(1.1)
        server.write(step, age=400)
    assert server.wait(lambda: bool(server.query('ALERTS{alertstate="firing"}')))
    empty: list[str] = []

    def answered() -> bool:
        empty[:] = [text for text in queries() if not server.query(text)]
        return not empty

    assert server.wait(answered, 15), empty
    assert not server.query("node_textfile_scrape_error > 0"), "node_exporter refused a file"
    assert float(server.query("instance:ftps_exchange_logins:rate5m")[0]["value"][1]) > 0


def test_an_alert_fires_when_the_metrics_stand_still_and_ends_when_they_go_on(server: Server) -> None:
    server.write(5)
    assert server.wait(lambda: not server.firing()), server.firing()
    # The timer stopped seven minutes ago. All other values still look fine.
    server.write(5, age=420)
    assert server.wait(lambda: server.firing() == {"FtpsExchangeMetricsStale"}), server.firing()
    server.write(6)
    assert server.wait(lambda: not server.firing()), server.firing()


def test_no_rule_has_an_error(server: Server) -> None:
    groups = server.get("rules")["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert len(found) == len(rules())
    assert server.wait(
        lambda: all(rule["health"] == "ok" for group in server.get("rules")["groups"] for rule in group["rules"])
    )
