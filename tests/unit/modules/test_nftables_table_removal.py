"""nftables_table in a kernel of its own: customers whose files are lost stay in the sets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.kernel import Nft
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.rollback import Rollback
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import TableError
from ansible_collections.ftps.exchange.plugins.modules import nftables_table as module

from tests.unit.ftps_exchange.namespaces import Namespace

RULES = "set customers4 {\n\ttype ipv4_addr\n\tflags interval\n\tcounter\n}\nchain forward { }"
ACME = {"element": "198.51.100.20", "comment": "acme"}
SHARED = {"element": "203.0.113.0/25", "comment": "globex, initech and 2 more"}
STRAY = {"element": "192.0.2.66"}


class Host:
    """A host with its own kernel tables."""

    def __init__(self, tmp_path: Path) -> None:
        self.network = Namespace()
        self.path = tmp_path / "table.nft"
        self.nft = Nft(self, "inet", "exchange")
        self.rollback = Rollback(self, "inet", "exchange", tmp_path / "run")

    def __call__(self, command: Sequence[str], data: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["nsenter", f"--net={self.network.path}", "--", *command],
            input=data,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def load(self, *elements: dict[str, str], check_mode: bool = False, **removal: Any) -> dict[str, Any]:
        option = {"known": "[]", "limit_percent": 50, "confirmed": False, "setting": "-e allow=true"} | removal
        params = {
            "definition": RULES,
            "path": str(self.path),
            "sets": {"customers4": list(elements)},
            "rollback_seconds": 0,
            "removal": option,
        }
        return module.load(self.nft, self.rollback, params, check_mode)

    @property
    def customers(self) -> str:
        return self.network.run("nft", "-s", "list", "set", "inet", "exchange", "customers4")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    found = Host(tmp_path)
    yield found
    found.network.close()


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_run_without_the_customers_files_stops_before_it_changes_anything(host: Host, check_mode: bool) -> None:
    host.load(ACME, SHARED)
    before = host.customers, host.path.read_text()
    with pytest.raises(TableError) as refused:
        host.load(check_mode=check_mode)
    assert str(refused.value).startswith(
        "3 of the 3 customers in table inet exchange have no file any more (100 %, the limit is 50 %): acme, globex, "
        "initech. Nothing was changed."
    )
    assert "-e allow=true" in str(refused.value)
    assert (host.customers, host.path.read_text()) == before


def test_customers_who_are_meant_to_go_and_strays_are_removed(host: Host) -> None:
    host.load(ACME, SHARED, STRAY)
    assert host.load(ACME, SHARED, limit_percent=0)["elements"]["removed"] == 1
    known = json.dumps(["Acme", "globex", "initech"])
    assert host.load(known=known, limit_percent=0)["elements"]["removed"] == 2
    assert "198.51.100.20" not in host.customers


def test_a_confirmed_removal_is_done(host: Host) -> None:
    host.load(ACME, SHARED)
    assert host.load(confirmed=True)["elements"]["removed"] == 2
