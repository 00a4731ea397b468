"""The lab, its clients, and the results of a run of the matrix."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exchange.lab import PROJECT, Lab
from tests.scenario.playbooks import Run

from . import table
from .clients import CLIENTS, VERSIONS
from .desk import Desk, built_images, clients_of, find_engine
from .service import newest_tls, newest_tls_spoken

RESULTS = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("clients", "the matrix of clients")
    group.addoption("--images", type=Path, metavar="FILE", help="the images, as playbooks/lab_clients.yml wrote them")
    group.addoption(
        "--reports", type=Path, default=PROJECT / "reports", metavar="FOLDER", help="write the results there"
    )
    group.addoption(
        "--add-to", type=Path, metavar="FILE", help="the results of an earlier run, to which these are added"
    )
    group.addoption("--pack", type=Path, metavar="FOLDER", help="use this pack instead of making one")


def pytest_configure(config: pytest.Config) -> None:
    earlier: Path | None = config.getoption("add_to")
    config.stash[RESULTS] = json.loads(earlier.read_text(encoding="utf-8")) if earlier else {"clients": {}}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The results of any run lie in reports/; a run of everything writes the documentation too."""
    results = session.config.stash[RESULTS]
    if not results["clients"] and "many" not in results:
        return
    reports: Path = session.config.getoption("reports")
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "clients.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    complete = all(
        "not_run" in (known := results["clients"].get(client.id, {}))
        or all(set(known.get("cells", {}).get(version, {})) >= set(client.modes()) for version in client.versions)
        for client in CLIENTS
    )
    if complete:
        table.write(results)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A client is tried with the versions that are declared of it, and with no others."""
    named = {item: getattr(item, "callspec", None) for item in items}
    others = [
        item
        for item, spec in named.items()
        if spec
        and {"client", "version"} <= spec.params.keys()
        and spec.params["version"] not in spec.params["client"].versions
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> dict[str, Any]:
    return pytestconfig.stash[RESULTS]


@pytest.fixture(scope="session")
def lab() -> Lab:
    path = Path(os.environ.get("FTPS_EXCHANGE_LAB", PROJECT / ".lab" / "lab.json"))
    if not path.exists():
        pytest.exit(f"{path} does not exist: run `make lab` first, or set FTPS_EXCHANGE_LAB", returncode=2)
    return Lab(path)


@pytest.fixture(scope="session")
def pack(lab: Lab, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The pack of acme, made by the playbook that operators use."""
    given: Path | None = pytestconfig.getoption("pack")
    if given:
        return given
    folder = tmp_path_factory.mktemp("packs")
    # With tickets the pack has a program in Go and one with rclone too; all else in it is the same
    service = yaml.safe_load((PROJECT / lab.data["inventory"] / "group_vars/all/exchange.yml").read_text())["exchange"]
    variables = {
        "customer_packs_dir": str(folder),
        "customer_packs_ca_file": lab.ca_file,
        "exchange": {**service, "tls_session_tickets": True},
    }
    Run(lab, "playbooks/customer_packs.yml", "--extra-vars", json.dumps(variables))
    return folder / "acme"


@pytest.fixture(scope="session")
def desk(lab: Lab, pack: Path, pytestconfig: pytest.Config) -> Iterator[Desk]:
    with clients_of(lab, pack, built_images(pytestconfig.getoption("images")), find_engine()) as desk:
        yield desk


@pytest.fixture(scope="session")
def shipped(lab: Lab, results: dict[str, Any]) -> str:
    """The newest TLS version of the service as it runs, before anything is changed."""
    results["shipped"] = newest_tls_spoken(lab)
    return str(results["shipped"])


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"TLS {version}")
def version(request: pytest.FixtureRequest, lab: Lab, shipped: str) -> Iterator[str]:
    """The newest TLS version that the service speaks meanwhile."""
    with newest_tls(lab, request.param):
        yield request.param
