"""The lock of an exchange: who may take it, and that only one of two runs gets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lock import (
    Holder,
    Lock,
    decide,
    lock_change,
    read_lock,
    refusal,
    released,
    taken,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ANNA = Holder("anna@control1", "site.yml", "boot-1/pid:[1]", "100:5")
BERT = Holder("bert@control2", "rotate_password.yml", "boot-2/pid:[1]", "100:5")
HELD = taken(ANNA, NOW, 120, None)


def test_nobody_has_it_at_first_and_after_a_release() -> None:
    assert decide(None, ANNA, set(), NOW).state == "free"
    assert decide(released(HELD, NOW), BERT, set(), NOW).state == "free"


def test_another_node_waits_even_if_it_has_no_such_process() -> None:
    assert decide(HELD, BERT, set(), NOW).state == "held"


def test_the_refusal_names_the_other_and_the_remedy() -> None:
    text = refusal(HELD)
    for words in ("anna@control1", "site.yml", "2026-11-30T12:00:00Z", "make unlock", "2026-11-30T14:00:00Z"):
        assert words in text


def test_it_ends_with_its_lifetime() -> None:
    assert decide(HELD, BERT, set(), NOW + timedelta(minutes=119)).state == "held"
    assert decide(HELD, BERT, set(), NOW + timedelta(minutes=120)).state == "expired"


def test_on_the_same_node_a_process_that_is_gone_holds_nothing() -> None:
    again = Holder("anna@control1", "site.yml", ANNA.node, "200:9")
    assert decide(HELD, again, {"100:5", "200:9"}, NOW).state == "held"
    assert decide(HELD, again, {"200:9"}, NOW).state == "dead"
    # The same number belongs to another process now
    assert decide(HELD, again, {"100:77", "200:9"}, NOW).state == "dead"


def test_a_run_may_take_its_own_lock_again_and_keeps_its_beginning() -> None:
    found = decide(HELD, ANNA, set(), NOW)
    assert found.state == "mine"
    later = taken(ANNA, NOW + timedelta(minutes=30), 120, found.lock)
    assert (later.since, later.until) == ("2026-11-30T12:00:00Z", "2026-11-30T14:30:00Z")


def test_what_is_written_is_what_is_read() -> None:
    assert read_lock(HELD.text()) == HELD
    assert read_lock(None) is None


@pytest.mark.parametrize("text", ["", "{", "by hand", '{"by":"x"}', HELD.text().replace("14:00", "later")])
def test_a_value_that_nobody_can_read_is_an_error(text: str) -> None:
    with pytest.raises(DirectoryError, match="changed it by hand"):
        read_lock(text)


def test_the_value_fits_the_attribute() -> None:
    with pytest.raises(DirectoryError, match="1024"):
        Lock("a" * 2000, "site.yml", "n", "1:1", HELD.since, HELD.until).text()


def test_a_change_names_the_value_that_it_replaces() -> None:
    change = lock_change("OU=X,DC=x", "the old value", HELD)
    assert change.action == "modify"
    assert change.expected == (("description", ("the old value",)),)
    assert lock_change("OU=X,DC=x", None, HELD).action == "add"
