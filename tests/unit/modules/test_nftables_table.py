"""nftables_table on a host: what is loaded, what waits for a confirmation, and who can be locked out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.kernel import Nft
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import SetChange
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.rollback import Rollback
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Element, TableError
from ansible_collections.ftps.exchange.plugins.modules import nftables_table as module

from tests.unit.module_utils.nftables.listings import DEFINITION, GOLDEN, SETS, VERSIONS


class Host:
    """Answers the commands of the module as a host would, and records those that change something."""

    def __init__(self, version: str, live: str | None) -> None:
        self.version, self.state = version, live
        self.loaded: list[str] = []
        self.armed: dict[str, str] = {}
        self.refuse_namespace = False
        self.systemd = True

    def _listing(self, state: str) -> str:
        return (GOLDEN / f"{self.version}-{state}.json").read_text()

    def __call__(self, command: Sequence[str], data: str) -> tuple[int, str, str]:
        text = (GOLDEN / f"{self.version}.txt").read_text()
        match list(command):
            case ["unshare", *_] if self.refuse_namespace:
                return 1, "", "unshare: unshare failed: Operation not permitted"
            case ["unshare", *_] if "bogus" in data:
                return 1, "", "/dev/stdin:2:1-5: Error: syntax error, unexpected string\nbogus"
            case ["unshare", *_]:
                return 0, f"{self._listing('empty').strip()}\n\n{text}", ""
            case ["nft", "-j", "list", *_] if self.state is None:
                return 1, "", "Error: No such file or directory\nlist table inet exchange"
            case ["nft", "-j", "list", *_]:
                return 0, self._listing(self.state or ""), ""
            case ["nft", "-s", "-t", "list", *_] | ["nft", "list", *_]:
                return 0, text, ""
            case ["nft", "-c", *_]:
                return 0, "", ""
            case ["nft", "-f", "-"]:
                self.loaded.append(data)
                self.state = "filled"
                return 0, "", ""
            case ["systemd-run", *options]:
                if not self.systemd:
                    return 1, "", "System has not been booted with systemd as init system"
                unit = next(option for option in options if option.startswith("--unit=")).removeprefix("--unit=")
                self.armed[f"{unit}.timer"] = Path(options[-1]).read_text()
                return 0, "", ""
            case ["systemctl", "is-active", "--quiet", unit]:
                return (0 if unit in self.armed else 3), "", ""
            case ["systemctl", "stop", unit]:
                self.armed.pop(unit, None)
                return 0, "", ""
            case ["sh", "-c", "command -v nft"]:
                return 0, "/usr/sbin/nft\n", ""
        raise AssertionError(command)


class Machine:
    def __init__(self, host: Host, tmp_path: Path) -> None:
        self.host, self.path = host, tmp_path / "etc" / "exchange.nft"
        self.waiting = tmp_path / "run"
        self.nft = Nft(host, "inet", "exchange")

    @property
    def rollback(self) -> Rollback:
        return Rollback(self.host, "inet", "exchange", self.waiting)

    def load(self, seconds: int = 60, check_mode: bool = False, definition: str = DEFINITION) -> dict[str, Any]:
        params = {"definition": definition, "path": str(self.path), "sets": SETS, "rollback_seconds": seconds}
        return module.load(self.nft, self.rollback, params, check_mode)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(version: str, tmp_path: Path) -> Machine:
    return Machine(Host(version, "filled"), tmp_path)


def test_check_mode_predicts_and_changes_nothing(machine: Machine) -> None:
    machine.host.state = None
    result = machine.load(check_mode=True)
    assert (result["changed"], result["rules_changed"], result["confirmation"]) == (True, True, "")
    assert result["elements"] == {"added": 5, "removed": 0, "updated": 0}
    assert not machine.host.loaded
    assert not machine.host.armed
    assert not machine.path.exists()


def test_new_rules_wait_for_their_confirmation(machine: Machine) -> None:
    machine.host.state = None
    result = machine.load()
    assert list(machine.host.armed.values()) == ["table inet exchange {}\ndelete table inet exchange\n"]
    assert not machine.path.exists()

    module.confirm(machine.rollback, machine.path, result["confirmation"], check_mode=False)
    assert not machine.host.armed
    assert not list(machine.waiting.iterdir())
    assert "delete table inet exchange\n" in machine.path.read_text()
    assert machine.path.stat().st_mode & 0o777 == 0o600

    again = machine.load()
    assert (again["changed"], again["confirmation"]) == (False, "")


def test_elements_need_no_confirmation(machine: Machine) -> None:
    machine.host.state = "empty"
    result = machine.load()
    assert (result["changed"], result["rules_changed"], result["confirmation"]) == (True, False, "")
    assert len(machine.host.loaded) == 1
    assert machine.path.exists()


def test_a_confirmation_that_comes_too_late_fails(machine: Machine) -> None:
    machine.host.state = None
    result = machine.load()
    machine.host.armed.clear()
    with pytest.raises(TableError, match="previous ones are active again"):
        module.confirm(machine.rollback, machine.path, result["confirmation"], check_mode=False)
    assert not machine.path.exists()


def test_an_interrupted_run_is_taken_over_by_the_next(machine: Machine) -> None:
    machine.host.state = None
    first = machine.load()["confirmation"]
    # The table is as declared, but nobody has proved that it locks nobody out.
    second = machine.load()
    assert second["changed"]
    assert second["confirmation"] not in ("", first)
    assert list(machine.host.armed.values()) == ["table inet exchange {}\ndelete table inet exchange\n"]
    module.confirm(machine.rollback, machine.path, second["confirmation"], check_mode=False)
    assert not list(machine.waiting.iterdir())


def test_what_a_rollback_left_behind_is_cleared_away(machine: Machine) -> None:
    machine.host.state = None
    machine.load(seconds=0)
    machine.waiting.mkdir()
    (machine.waiting / "nftables-rollback-inet-exchange-abc.nft").write_text("old")
    assert not machine.load()["changed"]
    assert not list(machine.waiting.iterdir())


def test_another_boot_file_is_drift_too(machine: Machine) -> None:
    machine.load(seconds=0)
    wanted = machine.path.read_text()
    machine.path.write_text("flush ruleset\n")
    result = machine.load()
    assert (result["changed"], result["rules_changed"], result["confirmation"]) == (True, False, "")
    assert result["diff"][0]["before"] == "flush ruleset\n"
    assert machine.path.read_text() == wanted
    assert not machine.load()["changed"]


def test_without_a_timer_nothing_is_loaded(machine: Machine) -> None:
    machine.host.state, machine.host.systemd = None, False
    with pytest.raises(TableError, match="is unchanged: the timer that would restore it could not be armed"):
        machine.load()
    assert not machine.host.loaded
    assert not list(machine.waiting.iterdir())


def test_errors_name_the_remedy(machine: Machine) -> None:
    with pytest.raises(TableError, match=r"nft refuses the definition of table inet exchange: .*\nbogus"):
        machine.load(definition="bogus")
    machine.host.refuse_namespace = True
    with pytest.raises(TableError, match="needs CAP_SYS_ADMIN"):
        machine.load()
    assert not machine.host.loaded


def test_a_change_that_did_not_take_is_told(machine: Machine) -> None:
    class Stubborn(Host):
        def __call__(self, command: Sequence[str], data: str) -> tuple[int, str, str]:
            answer = super().__call__(command, data)
            self.state = "empty"
            return answer

    stubborn = Machine(Stubborn(machine.host.version, "empty"), machine.path.parents[1])
    with pytest.raises(TableError, match="still differs after the change"):
        stubborn.load()


def test_check_mode_before_the_package_is_installed() -> None:
    params = {"family": "inet", "name": "exchange", "definition": DEFINITION, "sets": SETS}
    result = module.predict_without_nft(params)
    assert result["changed"]
    assert result["elements"]["added"] == 5
    assert '198.51.100.20 comment "acme"' in result["diff"][0]["after"]
    json.dumps(result)


def test_each_customer_of_a_shared_address_has_its_change() -> None:
    shared, own, nobodys = Element("192.0.2.1", "acme, globex"), Element("192.0.2.2", "acme"), Element("192.0.2.3")
    many = Element("192.0.2.4", "initech and 7 more")
    assert module.changed_customers(
        {
            "customers4": SetChange({(1, 1): shared, (3, 3): nobodys}, removed={(2, 2): own}, updated={}, kept={}),
            "customers6": SetChange(added={}, removed={(4, 4): many}, updated={(1, 1): shared}, kept={(2, 2): own}),
        }
    ) == {
        "acme": ["customers4: added 192.0.2.1", "customers4: removed 192.0.2.2"],
        "globex": ["customers4: added 192.0.2.1"],
        "initech": ["customers6: removed 192.0.2.4"],
    }


def test_a_list_of_changed_customers_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CUSTOMERS_REPORTED", 2)
    added = {(n, n): Element(f"192.0.2.{n}", f"customer-{n % 3}") for n in range(6)}
    found = module.changed_customers({"customers4": SetChange(added, {}, {}, {})})
    assert {name: len(lines) for name, lines in found.items()} == {"customer-0": 2, "customer-1": 2}


def test_the_answer_names_the_customers(machine: Machine) -> None:
    machine.host.state = None
    assert sorted(machine.load(check_mode=True)["customers"]) == ["acme", "globex", "hooli", "initech"]
    machine.host.state = "filled"
    machine.load()
    assert machine.load()["customers"] == {}
