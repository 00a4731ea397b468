"""CHANGES.md: what differs, what to do before and after the day, and that it stays until it is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ftps_exchange.packs import changes
from ftps_exchange.packs.changes import _without
from ftps_exchange.packs.subject import Authorities, Authority, Offer
from tests.unit.ftps_exchange.packs_folder import OFFER, pack, subject


def told(deadline: str | None = "2027-03-01", offer: Offer = OFFER, **service: Any) -> str:
    """CHANGES.md after a change of the service."""
    changed = pack(subject(offer, service=service), previous=pack(subject()), deadline=deadline)
    return changed.files["CHANGES.md"].decode()


def test_the_first_pack_tells_no_change() -> None:
    first = pack(subject())
    assert "CHANGES.md" not in first.files
    assert not first.new_change
    assert "Something changed" not in first.files["guide.md"].decode()


def test_a_longer_range_is_opened_before_and_nothing_is_closed() -> None:
    text = told(passive=(50000, 50199))
    assert "**By 2027-03-01:** open TCP 50100 to 50199 in addition." in text
    assert "close" not in text
    assert "`rules/nftables-customer.nft`" in text


def test_a_moved_range_is_opened_before_and_closed_after() -> None:
    text = told(passive=(50050, 50149))
    assert "**By 2027-03-01:** open TCP 50100 to 50149 in addition." in text
    assert "**After 2027-03-01:** close TCP 50000 to 50049." in text


def test_a_new_address() -> None:
    text = told(public4="198.51.100.11")
    assert "**By 2027-03-01:** allow `198.51.100.11` outwards in addition" in text
    assert "**After 2027-03-01:** remove `198.51.100.10` from your rules." in text


def test_former_values_have_their_own_last_days() -> None:
    text = told(
        deadline=None,
        public4="198.51.100.11",
        also_public4="198.51.100.10",
        passive=(51000, 51099),
        also_passive=(50000, 50099),
        until=(("public_ip4", "2027-04-30"), ("passive_ports", "2027-03-31")),
    )
    assert "## Newest change: by 2027-03-31" in text
    assert "**By 2027-04-30:** allow `198.51.100.11` outwards in addition" in text
    assert "**After 2027-04-30:** remove `198.51.100.10` from your rules." in text
    assert "**By 2027-03-31:** open TCP 51000 to 51099 in addition." in text
    assert "**After 2027-03-31:** close TCP 50000 to 50099." in text
    assert "you can load it now" in text


def test_a_last_day_moves_and_stays_when_the_former_value_is_gone() -> None:
    moved = {"passive": (51000, 51099)}
    also = {**moved, "also_passive": (50000, 50099)}
    first = pack(subject(service={**also, "until": (("passive_ports", "2027-03-31"),)}), previous=pack(subject()))
    assert not first.new_change, "no deadline is asked for: the day is known"
    later = pack(subject(service={**also, "until": (("passive_ports", "2027-05-31"),)}), previous=first)
    assert not later.new_change
    assert "**After 2027-05-31:** close TCP 50000 to 50099." in later.files["CHANGES.md"].decode()
    ended = pack(subject(service=moved), previous=later)
    assert "**After 2027-05-31:** close TCP 50000 to 50099." in ended.files["CHANGES.md"].decode()
    assert changes.sound_change(json.loads(ended.files["pack.json"])["changes"][0])


def test_the_guide_shows_new_and_former_values_with_the_day() -> None:
    service = {
        "public4": "198.51.100.11",
        "also_public4": "198.51.100.10",
        "passive": (50000, 50199),
        "also_passive": (50000, 50099),
        "until": (("public_ip4", "2027-03-31"), ("passive_ports", "2027-04-30")),
    }
    text = pack(subject(service=service)).files["guide.md"].decode()
    assert "| Address (IPv4) | `198.51.100.11` | `198.51.100.10` | 2027-03-31 |" in text
    assert "| Data ports | `50000-50199` | `50000-50099` | 2027-04-30 |" in text
    assert "The service is moving" not in pack(subject()).files["guide.md"].decode()


def test_a_new_authority() -> None:
    new = Offer(
        Authorities(OFFER.authorities.pem, (Authority("CN=New Root", "DD:EE:FF", "2040-01-01"),)), OFFER.contact
    )
    text = told(offer=new)
    assert "install the new `ca.pem` wherever the old one is, beside it" in text
    assert "AA:BB:CC" in text
    assert "DD:EE:FF" in text
    assert "rules/" not in text, "no rule changes"


def test_an_authority_that_joins_another_takes_nothing_away() -> None:
    both = Authorities(
        OFFER.authorities.pem, (*OFFER.authorities.certificates, Authority("CN=N", "DD:EE:FF", "2040-01-01"))
    )
    text = told(offer=Offer(both, OFFER.contact))
    assert "install the new `ca.pem`" in text
    assert "remove the earlier CA" not in text, "the server may still have its certificate from it"


def test_an_authority_that_leaves_another_is_only_removed() -> None:
    both = Authorities(
        OFFER.authorities.pem, (*OFFER.authorities.certificates, Authority("CN=N", "DD:EE:FF", "2040-01-01"))
    )
    before, after = pack(subject(Offer(both, OFFER.contact))), subject(OFFER)
    text = pack(after, previous=before, deadline="2027-03-01").files["CHANGES.md"].decode()
    assert "install the new" not in text
    assert "**After 2027-03-01:** remove the earlier CA `DD:EE:FF`." in text


def test_from_a_public_authority_to_one_of_ours_and_back() -> None:
    public = Offer(contact=OFFER.contact)
    first = pack(subject(public))
    own = pack(subject(OFFER), previous=first, deadline="2027-03-01")
    text = own.files["CHANGES.md"].decode()
    assert "| CA (SHA-256) | a public CA: none to install | `AA:BB:CC` |" in text
    assert "install the new `ca.pem` where your clients need it" in text
    text = pack(subject(public), previous=own, deadline="2027-04-01").files["CHANGES.md"].decode()
    assert "| CA (SHA-256) | `AA:BB:CC` | a public CA: none to install |" in text
    assert "**After 2027-04-01:** remove the earlier CA `AA:BB:CC`." in text


def test_a_port_that_gets_another_use_is_not_closed() -> None:
    text = told(explicit_port=990, implicit_port=None)
    assert "close TCP 990" not in text
    assert "**After 2027-03-01:** close TCP 21." in text


def test_a_port_out_of_the_earlier_range_is_not_closed() -> None:
    text = told(explicit_port=50050, passive=(51000, 51099))
    assert "**After 2027-03-01:** close TCP 50000 to 50049." in text
    assert "**After 2027-03-01:** close TCP 50051 to 50099." in text


def test_a_change_that_was_taken_back_asks_for_nothing_any_more() -> None:
    new = Offer(
        Authorities(OFFER.authorities.pem, (Authority("CN=New Root", "DD:EE:FF", "2040-01-01"),)), OFFER.contact
    )
    other = {
        "public4": "198.51.100.11",
        "explicit_port": 2121,
        "implicit_port": None,
        "passive": (50050, 50149),
        "fqdn": "new.exchange.example",
        "tls_minimum_version": "1.3",
    }
    moved = pack(subject(new, service=other), previous=pack(subject()), deadline="2027-03-01")
    text = pack(subject(), previous=moved, deadline="2027-04-01").files["CHANGES.md"].decode()
    newest, _, earlier = text.partition("## Before that")
    assert "remove `198.51.100.11` from your rules" in newest
    assert "You have nothing to do" in earlier
    # What it told to take away is in use, and what it told to allow is not
    assert "2027-03-01:**" not in earlier


def test_of_an_earlier_change_only_what_still_holds_is_asked_for() -> None:
    wide = pack(subject(service={"passive": (50050, 50199)}), previous=pack(subject()), deadline="2027-03-01")
    last = subject(service={"passive": (50020, 50149)})
    text = pack(last, previous=wide, deadline="2027-04-01").files["CHANGES.md"].decode()
    newest, _, earlier = text.partition("## Before that")
    assert "**By 2027-04-01:** open TCP 50020 to 50049 in addition." in newest
    assert "**After 2027-04-01:** close TCP 50150 to 50199." in newest
    assert "**By 2027-03-01:** open TCP 50100 to 50149 in addition." in earlier
    assert "**After 2027-03-01:** close TCP 50000 to 50019." in earlier


def test_no_implicit_port_any_more() -> None:
    assert "**After 2027-03-01:** close TCP 990." in told(implicit_port=None)


def test_without_a_day_it_says_so() -> None:
    text = told(None, passive=(50000, 50199))
    assert "day not set yet, ask us" in text
    assert "**Before the change:** " in text


def test_what_is_told_stays_until_the_next_change_and_after() -> None:
    first = pack(subject())
    second = pack(subject(service={"passive": (50000, 50199)}), previous=first, deadline="2027-03-01")
    again = pack(subject(service={"passive": (50000, 50199)}), previous=second)
    assert again.files == second.files
    assert second.new_change
    assert not again.new_change
    assert "Something changed" in second.files["guide.md"].decode()
    third = pack(
        subject(service={"passive": (50000, 50199), "explicit_port": 2121}), previous=again, deadline="2028-01-01"
    )
    text = third.files["CHANGES.md"].decode()
    assert text.index("by 2028-01-01") < text.index("by 2027-03-01")
    assert text.count("## ") == 2


def test_another_day_for_the_same_change() -> None:
    first = pack(subject())
    second = pack(subject(service={"passive": (50000, 50199)}), previous=first)
    later = pack(subject(service={"passive": (50000, 50199)}), previous=second, deadline="2027-06-01")
    assert "by 2027-06-01" in later.files["CHANGES.md"].decode()
    assert not later.new_change


def test_a_family_that_the_customer_does_not_use_is_no_change_for_it() -> None:
    before = pack(subject(sources6=()))
    after = pack(subject(service={"public6": "2001:db8:100::11"}, sources6=()), previous=before)
    assert "CHANGES.md" not in after.files


def test_a_pack_from_before_a_fact_was_known_is_read_and_tells_no_change_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    old = pack(subject())
    facts = changes.facts_of(subject())
    monkeypatch.setitem(changes._SOUND, "new_fact", lambda value: value == "x")
    assert not changes.sound_facts(facts, whole=True), "a new fact is missing, unless it is said to be one"
    monkeypatch.setattr(changes, "_LATER", frozenset({"new_fact"}))
    assert changes.sound_facts(facts, whole=True)
    assert changes.sound_facts({**facts, "new_fact": "x"}, whole=True)
    assert not changes.sound_facts({**facts, "new_fact": "y"}, whole=True)
    assert not changes.sound_facts({"new_fact": "x"}, whole=True)
    assert changes.next_changes(json.loads(old.files["pack.json"]), {**facts, "new_fact": "x"}, None) == ([], False)


def test_the_history_is_kept_short() -> None:
    last = pack(subject())
    for number in range(15):
        last = pack(subject(service={"passive": (50000, 50100 + number)}), previous=last)
    assert len(json.loads(last.files["pack.json"])["changes"]) == 10


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        ((1, 9), (1, 9), []),
        ((1, 9), (3, 5), [(1, 2), (6, 9)]),
        ((3, 5), (1, 9), []),
        ((1, 5), (3, 9), [(1, 2)]),
        ((5, 9), (1, 5), [(6, 9)]),
        ((1, 2), (3, 4), [(1, 2)]),
    ],
)
def test_what_one_range_has_and_another_has_not(
    one: tuple[int, int], other: tuple[int, int], left: list[tuple[int, int]]
) -> None:
    assert list(_without(one, other)) == left
    assert {port for first, last in left for port in range(first, last + 1)} == set(range(one[0], one[1] + 1)) - set(
        range(other[0], other[1] + 1)
    )
