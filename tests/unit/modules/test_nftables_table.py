"""nftables_table: what has to change, as which transaction, and who can be locked out.

golden/nftables_table/ holds what two versions of nft printed for DEFINITION (-empty.json, .txt) and for the same table
with elements in its sets (-filled.json).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import nftables_table as module
from ansible_collections.ftps.exchange.plugins.modules.nftables_table import Element, Plan, Rollback, Table, TableError
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = Path(__file__).parents[1] / "golden" / "nftables_table"
DEFINITION = "chain forward { }"
ACME = {"element": "198.51.100.20", "comment": "acme"}
GLOBEX = {"element": "203.0.113.0/25", "comment": "globex, initech"}
HOOLI = {"element": "203.0.113.200-203.0.113.209", "comment": "hooli"}
SIX = [
    {"element": "2001:db8:100::20", "comment": "acme"},
    {"element": "2001:db8:2::/48", "comment": "globex, initech"},
]
SETS: dict[str, list[dict[str, str]]] = {"customers4": [ACME, GLOBEX, HOOLI], "customers6": SIX}


def listing(version: str, state: str) -> Table:
    return module.read_table((GOLDEN / f"{version}-{state}.json").read_text(), (GOLDEN / f"{version}.txt").read_text())


@pytest.fixture(params=["1.0.6", "1.1.3"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live(version: str) -> Table:
    return listing(version, "filled")


@pytest.fixture
def desired(version: str) -> Table:
    return listing(version, "empty")


def plan(live: Table | None, desired: Table, sets: dict[str, list[dict[str, str]]]) -> Plan:
    return module.make_plan(live, desired, module.declared_elements(sets))


def transaction(plan: Plan) -> str:
    return module.transaction("inet", "exchange", DEFINITION, plan)


# ---------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("version", ["1.0.6", "1.1.3"])
def test_what_the_traffic_puts_into_a_set_is_nobodys_drift(version: str) -> None:
    """Both versions' own output; 1.0.6 does not tell in JSON that the set is dynamic."""
    quiet, busy = (
        module.read_table(
            (GOLDEN / f"{version}-dynamic-{state}.json").read_text(), (GOLDEN / f"{version}-dynamic.txt").read_text()
        )
        for state in ("empty", "filled")
    )
    assert not plan(busy, quiet, {}).changed
    assert "set connections4" in plan(busy, Table(), {}).stale


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("10.0.0.1", (32, (0x0A000001, 0x0A000001))),
        ("10.0.0.1/32", (32, (0x0A000001, 0x0A000001))),
        ("10.0.0.0/25", (32, (0x0A000000, 0x0A00007F))),
        ("10.0.0.0-10.0.0.127", (32, (0x0A000000, 0x0A00007F))),
        ("2001:db8::/127", (128, (0x20010DB8 << 96, (0x20010DB8 << 96) + 1))),
        ("2001:0DB8:0::1", (128, ((0x20010DB8 << 96) + 1,) * 2)),
    ],
)
def test_the_same_addresses_are_the_same_interval(text: str, interval: tuple[int, tuple[int, int]]) -> None:
    assert module.parse_interval(text) == interval


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1/24", "'10.0.0.1/24' has host bits set"),
        ("10.0.0.9-10.0.0.1", "'10.0.0.9-10.0.0.1' ends before it begins"),
        ("10.0.0.0/33", "'10.0.0.0/33' is neither"),
        ("10.0.0.0/-1", "neither"),
        ("10.0.0.0-2001:db8::1", "neither"),
        ("example.org", "'example.org' is neither"),
        ("10.1", "neither"),
        ("1.2.3.4 } accept", "neither"),
        ("", "neither"),
    ],
)
def test_what_is_no_element_is_refused(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        module.parse_interval(text)


def test_a_listing_gives_elements_with_comments_and_counters(live: Table) -> None:
    assert live.set_types == {"customers4": "ipv4_addr", "customers6": "ipv6_addr", "offices": "ipv4_addr"}
    assert list(live.elements["customers4"].values()) == [
        Element("198.51.100.20", "acme", packets=7, bytes=420),
        Element("203.0.113.0/25", "globex, initech"),
        Element("203.0.113.200-203.0.113.209", "hooli"),
    ]
    assert {element.comment for element in live.elements["customers6"].values()} == {"acme", "globex, initech"}
    assert set(live.blocks) == {"set customers4", "set customers6", "set offices", "chain forward", "chain refuse"}


def test_the_order_in_which_things_were_made_is_no_difference() -> None:
    one = "table inet x {\n\tset a {\n\t\ttype ipv4_addr\n\t}\n\n\tchain b {\n\t\taccept\n\t}\n}\n"
    other = "table inet x {\n\tchain b {\n\t\taccept\n\t}\n\n\tset a {\n\t\ttype ipv4_addr\n\t}\n}\n"
    assert module.split_blocks(one) == module.split_blocks(other)


# -------------------------------------------------------------------------------------------------------- declaring


def test_all_problems_of_a_declaration_are_told_at_once() -> None:
    sets: dict[str, list[dict[str, Any]]] = {
        "customers4": [
            ACME,
            {"element": "198.51.100.0/24", "comment": "globex"},
            {"element": "10.0.0.1/8", "comment": "hooli"},
            {"comment": "nobody"},
            {"element": "192.0.2.1", "comment": 'a "quote"'},
            {"element": "192.0.2.2", "comment": "é" * 65},
            {"element": "192.0.2.3", "comment": "two\nlines"},
        ]
    }
    with pytest.raises(TableError) as error:
        module.declared_elements(sets)
    problems = str(error.value).split("; ")
    assert len(problems) == 6
    assert "sets.customers4: 198.51.100.0/24  globex and 198.51.100.20  acme overlap" in problems
    assert all(problem.startswith("sets.customers4: ") for problem in problems)


def test_the_same_element_twice_is_refused() -> None:
    with pytest.raises(TableError, match=r"'198\.51\.100\.20/32' is given twice"):
        module.declared_elements({"customers4": [ACME, {"element": "198.51.100.20/32", "comment": "globex"}]})


def test_ranges_that_share_one_address_overlap() -> None:
    sets = {"customers4": [{"element": "10.0.0.0-10.0.0.9"}, {"element": "10.0.0.9"}]}
    with pytest.raises(TableError, match=r"10\.0\.0\.0-10\.0\.0\.9 and 10\.0\.0\.9 overlap"):
        module.declared_elements(sets)


def test_a_comment_may_use_all_that_nft_keeps() -> None:
    declared = module.declared_elements({"s": [{"element": "192.0.2.1", "comment": "x" * 128}]})
    assert [element.comment for element in declared["s"].values()] == ["x" * 128]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"customers5": []}, "declares no set of that name"),
        ({"customers6": [ACME]}, r"'198\.51\.100\.20' is no element for a set of ipv6_addr"),
        ({"customers4": SIX}, "is no element for a set of ipv4_addr"),
    ],
)
def test_elements_that_the_definition_has_no_place_for_are_refused(
    desired: Table, sets: dict[str, list[dict[str, str]]], message: str
) -> None:
    with pytest.raises(TableError, match=message):
        module.check_sets(desired, module.declared_elements(sets))


# --------------------------------------------------------------------------------------------------------- planning


def test_nothing_to_do(live: Table, desired: Table) -> None:
    done = plan(live, desired, SETS)
    assert not done.changed
    assert transaction(done) == ""


def test_a_missing_table_is_loaded_with_all_its_elements(desired: Table) -> None:
    new = plan(None, desired, {"customers4": [ACME], "customers6": []})
    assert (new.changed, new.rules_changed) == (True, True)
    assert transaction(new) == (
        "table inet exchange {\n\tchain forward { }\n}\n"
        'add element inet exchange customers4 {\n\t198.51.100.20 comment "acme"\n}\n'
    )


def test_onboarding_touches_nobody_else(live: Table, desired: Table) -> None:
    newcomer = {"element": "192.0.2.8/30", "comment": "newco"}
    change = plan(live, desired, {**SETS, "customers4": [*SETS["customers4"], newcomer]})
    assert not change.rules_changed
    assert transaction(change) == 'add element inet exchange customers4 {\n\t192.0.2.8/30 comment "newco"\n}\n'


def test_offboarding_and_strays_are_deleted(live: Table, desired: Table) -> None:
    change = plan(live, desired, {**SETS, "customers4": [ACME]})
    assert not change.rules_changed
    assert transaction(change) == (
        "delete element inet exchange customers4 {\n\t203.0.113.0/25,\n\t203.0.113.200-203.0.113.209\n}\n"
    )


def test_another_comment_keeps_the_counter(live: Table, desired: Table) -> None:
    renamed = {**ACME, "comment": "acme, newco"}
    change = plan(live, desired, {**SETS, "customers4": [renamed, GLOBEX, HOOLI]})
    assert [change.count(kind) for kind in ("added", "removed", "updated")] == [0, 0, 1]
    assert transaction(change) == (
        "delete element inet exchange customers4 {\n\t198.51.100.20\n}\n"
        'add element inet exchange customers4 {\n\t198.51.100.20 counter packets 7 bytes 420 comment "acme, newco"\n}\n'
    )


def test_a_network_cut_in_two_is_deleted_before_its_halves_are_added(live: Table, desired: Table) -> None:
    halves = [{"element": f"203.0.113.{n}/26", "comment": "globex"} for n in (0, 64)]
    change = plan(live, desired, {**SETS, "customers4": [ACME, HOOLI, *halves]})
    lines = transaction(change).splitlines()
    assert lines.index("\t203.0.113.0/25") < lines.index('\t203.0.113.0/26 comment "globex",')


def test_many_deletions_fill_the_set_again_with_the_counters_it_had(live: Table, desired: Table) -> None:
    strays = [f"10.0.{n}.0/24" for n in range(module.MOST_DELETIONS + 1)]
    for text in strays:
        live.elements["customers4"][module.parse_interval(text)[1]] = Element(text, "stray", packets=1)
    change = plan(live, desired, {**SETS, "customers4": [ACME, {**GLOBEX, "comment": "globex"}]})
    assert not change.rules_changed
    assert set(transaction(change).splitlines()) == {
        "flush set inet exchange customers4",
        "add element inet exchange customers4 {",
        '\t203.0.113.0/25 comment "globex",',
        '\t198.51.100.20 counter packets 7 bytes 420 comment "acme"',
        "}",
    }
    assert len(module.make_diff("t", live, desired, change)[0]["before"].splitlines()) == len(strays) + 2


@pytest.mark.parametrize("header", ["chain forward", "chain refuse"])
def test_other_rules_replace_the_chains_and_keep_the_sets(live: Table, desired: Table, header: str) -> None:
    live.blocks[header] = live.blocks[header].replace("drop", "accept")
    change = plan(live, desired, SETS)
    assert change.rules_changed
    assert transaction(change) == (
        "flush table inet exchange\n"
        "delete chain inet exchange forward\n"
        "delete chain inet exchange refuse\n"
        "table inet exchange {\n\tchain forward { }\n}\n"
    )


def test_what_nobody_declared_goes(live: Table, desired: Table) -> None:
    live.blocks["chain bad"] = "\tchain bad {\n\t}\n"
    live.blocks["set bad"] = "\tset bad {\n\t\ttype ipv4_addr\n\t}\n"
    live.blocks["ct helper ftp"] = '\tct helper ftp {\n\t\ttype "ftp" protocol tcp\n\t}\n'
    text = transaction(plan(live, desired, SETS))
    assert "delete chain inet exchange bad\ndelete set inet exchange bad\ndelete ct helper inet exchange ftp\n" in text


def test_an_element_in_a_set_that_the_definition_fills_is_a_change_of_the_rules(live: Table, desired: Table) -> None:
    live.contents["set offices"].append('"8.8.8.8"')
    change = plan(live, desired, SETS)
    assert change.rules_changed
    assert "delete set inet exchange offices\n" in transaction(change)
    rules = module.make_diff("t", live, desired, change)[0]
    assert '"8.8.8.8"' in rules["before"]
    assert '"8.8.8.8"' not in rules["after"]


def test_a_set_declared_otherwise_is_made_anew_with_the_counters_it_had(live: Table, desired: Table) -> None:
    live.blocks["set customers4"] = live.blocks["set customers4"].replace("interval", "interval,auto-merge")
    text = transaction(plan(live, desired, {**SETS, "customers4": [ACME, GLOBEX]}))
    assert "delete set inet exchange customers4\n" in text
    assert "delete element" not in text
    assert text.endswith(
        "add element inet exchange customers4 {\n"
        '\t198.51.100.20 counter packets 7 bytes 420 comment "acme",\n\t203.0.113.0/25 comment "globex, initech"\n}\n'
    )


def test_a_set_that_no_longer_counts_gets_no_counters_back(live: Table, desired: Table) -> None:
    desired.blocks["set customers4"] = desired.blocks["set customers4"].replace("\t\tcounter\n", "")
    assert "packets" not in transaction(plan(live, desired, SETS))


def test_a_table_switched_off_by_hand_is_replaced_as_a_whole(live: Table, desired: Table) -> None:
    live.blocks["table"] = "\tflags dormant\n"
    text = transaction(plan(live, desired, SETS))
    assert text.startswith("delete table inet exchange\ntable inet exchange {\n")
    assert "delete element" not in text
    assert '198.51.100.20 counter packets 7 bytes 420 comment "acme"' in text
    assert "2001:db8:2::/48" in text


def test_the_diff_names_who_comes_and_who_goes(live: Table, desired: Table) -> None:
    newcomer = {"element": "192.0.2.8/30", "comment": "newco"}
    change = plan(live, desired, {**SETS, "customers4": [newcomer, GLOBEX, HOOLI]})
    assert module.make_diff("table inet exchange", live, desired, change) == [
        {
            "before_header": "table inet exchange, elements of customers4",
            "after_header": "table inet exchange, elements of customers4",
            "before": "198.51.100.20  acme\n",
            "after": "192.0.2.8/30  newco\n",
        }
    ]


elements = st.dictionaries(st.integers(0, 30), st.sampled_from(["acme", "globex", ""]), max_size=12).map(
    lambda d: {(k, k): Element(f"10.0.0.{k}", comment) for k, comment in d.items()}
)


@given(elements, elements, st.booleans())
def test_a_change_leads_from_any_set_to_any_other(before: module.Elements, after: module.Elements, kept: bool) -> None:
    change = module._set_change(before, after, survives=kept, counts=True)
    rest = {} if not kept else {k: e for k, e in before.items() if k not in change.removed | change.updated}
    assert not rest.keys() & (change.added | change.updated).keys()
    assert rest | change.added | change.updated == after
    assert bool(change) == (before != after) or not kept


def test_the_boot_file_replaces_whatever_is_there() -> None:
    text = module.boot_file("inet", "exchange", "chain a { }", module.declared_elements({"customers4": [ACME]}))
    assert text.endswith(
        "table inet exchange {}\ndelete table inet exchange\ntable inet exchange {\n\tchain a { }\n}\n"
        'add element inet exchange customers4 {\n\t198.51.100.20 comment "acme"\n}\n'
    )


# --------------------------------------------------------------------------------------------------------- the host


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
        self.nft = module.Nft(host, "inet", "exchange")

    @property
    def rollback(self) -> Rollback:
        return Rollback(self.host, "inet", "exchange", self.waiting)

    def load(self, seconds: int = 60, check_mode: bool = False, definition: str = DEFINITION) -> dict[str, Any]:
        params = {"definition": definition, "path": str(self.path), "sets": SETS, "rollback_seconds": seconds}
        return module.load(self.nft, self.rollback, params, check_mode)


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
    with pytest.raises(TableError, match="previous ones are back in force"):
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
