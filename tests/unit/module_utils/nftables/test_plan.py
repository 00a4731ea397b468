"""What has to change, as which transaction, and how --diff shows it."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.diff import make_diff
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import (
    MOST_DELETIONS,
    Plan,
    _set_change,
    transaction,
)
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import (
    Element,
    Elements,
    Table,
    parse_interval,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.nftables.listings import ACME, DEFINITION, GLOBEX, HOOLI, SETS, plan


def text_of(plan: Plan) -> str:
    return transaction("inet", "exchange", DEFINITION, plan)


def test_nothing_to_do(live: Table, desired: Table) -> None:
    done = plan(live, desired, SETS)
    assert not done.changed
    assert text_of(done) == ""


def test_a_missing_table_is_loaded_with_all_its_elements(desired: Table) -> None:
    new = plan(None, desired, {"customers4": [ACME], "customers6": []})
    assert (new.changed, new.rules_changed) == (True, True)
    assert text_of(new) == (
        "table inet exchange {\n\tchain forward { }\n}\n"
        'add element inet exchange customers4 {\n\t198.51.100.20 comment "acme"\n}\n'
    )


def test_onboarding_touches_nobody_else(live: Table, desired: Table) -> None:
    newcomer = {"element": "192.0.2.8/30", "comment": "newco"}
    change = plan(live, desired, {**SETS, "customers4": [*SETS["customers4"], newcomer]})
    assert not change.rules_changed
    assert text_of(change) == 'add element inet exchange customers4 {\n\t192.0.2.8/30 comment "newco"\n}\n'


def test_offboarding_and_strays_are_deleted(live: Table, desired: Table) -> None:
    change = plan(live, desired, {**SETS, "customers4": [ACME]})
    assert not change.rules_changed
    assert text_of(change) == (
        "delete element inet exchange customers4 {\n\t203.0.113.0/25,\n\t203.0.113.200-203.0.113.209\n}\n"
    )


def test_another_comment_keeps_the_counter(live: Table, desired: Table) -> None:
    renamed = {**ACME, "comment": "acme, newco"}
    change = plan(live, desired, {**SETS, "customers4": [renamed, GLOBEX, HOOLI]})
    assert [change.count(kind) for kind in ("added", "removed", "updated")] == [0, 0, 1]
    assert text_of(change) == (
        "delete element inet exchange customers4 {\n\t198.51.100.20\n}\n"
        'add element inet exchange customers4 {\n\t198.51.100.20 counter packets 7 bytes 420 comment "acme, newco"\n}\n'
    )


def test_a_network_cut_in_two_is_deleted_before_its_halves_are_added(live: Table, desired: Table) -> None:
    halves = [{"element": f"203.0.113.{n}/26", "comment": "globex"} for n in (0, 64)]
    change = plan(live, desired, {**SETS, "customers4": [ACME, HOOLI, *halves]})
    lines = text_of(change).splitlines()
    assert lines.index("\t203.0.113.0/25") < lines.index('\t203.0.113.0/26 comment "globex",')


def test_many_deletions_fill_the_set_again_with_the_counters_it_had(live: Table, desired: Table) -> None:
    strays = [f"10.0.{n}.0/24" for n in range(MOST_DELETIONS + 1)]
    for text in strays:
        live.elements["customers4"][parse_interval(text)[1]] = Element(text, "stray", packets=1)
    change = plan(live, desired, {**SETS, "customers4": [ACME, {**GLOBEX, "comment": "globex"}]})
    assert not change.rules_changed
    assert set(text_of(change).splitlines()) == {
        "flush set inet exchange customers4",
        "add element inet exchange customers4 {",
        '\t203.0.113.0/25 comment "globex",',
        '\t198.51.100.20 counter packets 7 bytes 420 comment "acme"',
        "}",
    }
    assert len(make_diff("t", live, desired, change)[0]["before"].splitlines()) == len(strays) + 2


@pytest.mark.parametrize("header", ["chain forward", "chain refuse"])
def test_other_rules_replace_the_chains_and_keep_the_sets(live: Table, desired: Table, header: str) -> None:
    live.blocks[header] = live.blocks[header].replace("drop", "accept")
    change = plan(live, desired, SETS)
    assert change.rules_changed
    assert text_of(change) == (
        "flush table inet exchange\n"
        "delete chain inet exchange forward\n"
        "delete chain inet exchange refuse\n"
        "table inet exchange {\n\tchain forward { }\n}\n"
    )


def test_what_nobody_declared_goes(live: Table, desired: Table) -> None:
    live.blocks["chain bad"] = "\tchain bad {\n\t}\n"
    live.blocks["set bad"] = "\tset bad {\n\t\ttype ipv4_addr\n\t}\n"
    live.blocks["ct helper ftp"] = '\tct helper ftp {\n\t\ttype "ftp" protocol tcp\n\t}\n'
    text = text_of(plan(live, desired, SETS))
    assert "delete chain inet exchange bad\ndelete set inet exchange bad\ndelete ct helper inet exchange ftp\n" in text


def test_an_element_in_a_set_that_the_definition_fills_is_a_change_of_the_rules(live: Table, desired: Table) -> None:
    live.contents["set offices"].append('"8.8.8.8"')
    change = plan(live, desired, SETS)
    assert change.rules_changed
    assert "delete set inet exchange offices\n" in text_of(change)
    rules = make_diff("t", live, desired, change)[0]
    assert '"8.8.8.8"' in rules["before"]
    assert '"8.8.8.8"' not in rules["after"]


def test_a_set_declared_otherwise_is_made_anew_with_the_counters_it_had(live: Table, desired: Table) -> None:
    live.blocks["set customers4"] = live.blocks["set customers4"].replace("interval", "interval,auto-merge")
    text = text_of(plan(live, desired, {**SETS, "customers4": [ACME, GLOBEX]}))
    assert "delete set inet exchange customers4\n" in text
    assert "delete element" not in text
    assert text.endswith(
        "add element inet exchange customers4 {\n"
        '\t198.51.100.20 counter packets 7 bytes 420 comment "acme",\n\t203.0.113.0/25 comment "globex, initech"\n}\n'
    )


def test_a_set_that_no_longer_counts_gets_no_counters_back(live: Table, desired: Table) -> None:
    desired.blocks["set customers4"] = desired.blocks["set customers4"].replace("\t\tcounter\n", "")
    assert "packets" not in text_of(plan(live, desired, SETS))


def test_a_table_switched_off_by_hand_is_replaced_as_a_whole(live: Table, desired: Table) -> None:
    live.blocks["table"] = "\tflags dormant\n"
    text = text_of(plan(live, desired, SETS))
    assert text.startswith("delete table inet exchange\ntable inet exchange {\n")
    assert "delete element" not in text
    assert '198.51.100.20 counter packets 7 bytes 420 comment "acme"' in text
    assert "2001:db8:2::/48" in text


def test_the_diff_names_who_comes_and_who_goes(live: Table, desired: Table) -> None:
    newcomer = {"element": "192.0.2.8/30", "comment": "newco"}
    change = plan(live, desired, {**SETS, "customers4": [newcomer, GLOBEX, HOOLI]})
    assert make_diff("table inet exchange", live, desired, change) == [
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
def test_a_change_leads_from_any_set_to_any_other(before: Elements, after: Elements, kept: bool) -> None:
    change = _set_change(before, after, survives=kept, counts=True)
    rest = {} if not kept else {k: e for k, e in before.items() if k not in change.removed | change.updated}
    assert not rest.keys() & (change.added | change.updated).keys()
    assert rest | change.added | change.updated == after
    assert bool(change) == (before != after) or not kept
