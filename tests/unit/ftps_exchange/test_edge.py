"""The edge's sets: who may reach the service, from where, and to whom an element belongs."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.edge import HIGHEST_MARK, LONGEST_COMMENT, Element, exchange_edge_sets, exchange_host_sets
from ftps_exchange.errors import ExchangeError
from tests.unit.ftps_exchange.desired_state import (
    Json,
    account,
    assert_golden,
    customer,
    golden,
    model,
    models,
    reordered,
    without,
)

FAMILIES = (("customers4", "sources4"), ("customers6", "sources6"))


def admitted(whole: Json) -> Iterator[Json]:
    for one in whole["customers"]:
        if one["state"] == "present" and any(account["enabled"] for account in one["accounts"]):
            yield one


def elements(whole: Json, name: str) -> list[Element]:
    sets = exchange_edge_sets(whole)
    return sets["customers4"] if name == "customers4" else sets["customers6"]


def addresses(networks: list[str]) -> set[int]:
    """Every address, one by one: the networks of generated models are small."""
    found: set[int] = set()
    for network in networks:
        first, last = int(ip_network(network)[0]), int(ip_network(network)[-1])
        assert last - first < 256, f"{network} is in nobody's sources"
        found.update(range(first, last + 1))
    return found


def owners_by_address(whole: Json, name: str) -> dict[int, str]:
    return {address: one["comment"] for one in elements(whole, name) for address in addresses([one["element"]])}


def test_the_lab() -> None:
    assert_golden("edge_sets", exchange_edge_sets(golden("model")))


@given(models())
def test_elements_cover_exactly_the_sources_of_those_who_may_log_in(whole: Json) -> None:
    for name, field in FAMILIES:
        wanted = addresses([network for one in admitted(whole) for network in one[field]])
        assert addresses([one["element"] for one in elements(whole, name)]) == wanted


@given(models())
def test_elements_are_disjoint_sorted_and_written_as_nft_lists_them(whole: Json) -> None:
    for name, _field in FAMILIES:
        previous = -1
        for one in elements(whole, name):
            network = ip_network(one["element"])
            assert int(network[0]) > previous
            previous = int(network[-1])
            single = network.prefixlen == network.max_prefixlen
            assert one["element"] == (str(network[0]) if single else str(network))


@given(models())
def test_a_comment_names_exactly_those_who_own_the_address(whole: Json) -> None:
    for name, field in FAMILIES:
        sources = {one["name"]: addresses(one[field]) for one in admitted(whole)}
        for address, comment in owners_by_address(whole, name).items():
            assert comment.split(", ") == sorted(owner for owner in sources if address in sources[owner])


@given(models(), st.integers())
def test_order_of_input_changes_nothing_and_the_input_stays(whole: Json, seed: int) -> None:
    before = copy.deepcopy(whole)
    assert exchange_edge_sets(reordered(whole, seed)) == exchange_edge_sets(whole)
    assert whole == before


@given(models(), st.data())
def test_removing_a_customer_removes_its_addresses_and_its_name_and_nothing_else(
    whole: Json, data: st.DataObject
) -> None:
    if not whole["customers"]:
        return
    leaving = data.draw(st.sampled_from(whole["customers"]))["name"]
    for name, _field in FAMILIES:
        expected = {
            address: ", ".join(owner for owner in comment.split(", ") if owner != leaving)
            for address, comment in owners_by_address(whole, name).items()
            if comment != leaving
        }
        assert owners_by_address(without(whole, leaving), name) == expected


@given(models(), st.integers(1, 6))
def test_how_a_customer_cuts_its_networks_changes_nothing(whole: Json, finer_by: int) -> None:
    def cut(network: str) -> list[str]:
        parsed = ip_network(network)
        return [
            str(part) for part in parsed.subnets(prefixlen_diff=min(finer_by, parsed.max_prefixlen - parsed.prefixlen))
        ]

    finer = copy.deepcopy(whole)
    for one in finer["customers"]:
        for _name, field in FAMILIES:
            # Some of it twice: a customer's own networks may overlap as well.
            one[field] = [part for network in one.get(field, []) for part in [*cut(network), network]]
    assert exchange_edge_sets(finer) == exchange_edge_sets(whole)


def test_a_shared_exit_is_cut_where_its_owners_change() -> None:
    whole = model(
        customer("acme", sources4=["198.51.100.0/24"]),
        customer("globex", sources4=["198.51.100.64/26"]),
        customer("initech", sources4=["198.51.100.64/32", "203.0.113.0/24"]),
    )
    assert [(one["element"], one["comment"]) for one in elements(whole, "customers4")] == [
        ("198.51.100.0/26", "acme"),
        ("198.51.100.64", "acme, globex, initech"),
        ("198.51.100.65", "acme, globex"),
        ("198.51.100.66/31", "acme, globex"),
        ("198.51.100.68/30", "acme, globex"),
        ("198.51.100.72/29", "acme, globex"),
        ("198.51.100.80/28", "acme, globex"),
        ("198.51.100.96/27", "acme, globex"),
        ("198.51.100.128/25", "acme"),
        ("203.0.113.0/24", "initech"),
    ]


def test_neighbours_are_not_joined_although_their_networks_touch() -> None:
    whole = model(customer("acme", sources4=["198.51.100.0/25"]), customer("globex", sources4=["198.51.100.128/25"]))
    assert [one["comment"] for one in elements(whole, "customers4")] == ["acme", "globex"]


@pytest.mark.parametrize("count", [1, 4, 5, 100, 1000])
def test_a_comment_names_as_many_as_fit_and_counts_the_others(count: int) -> None:
    names = [f"customer-{number:04}-with-a-long-name" for number in range(count)]
    (element,) = elements(model(*(customer(name, sources4=["198.51.100.0/24"]) for name in names)), "customers4")
    comment = element["comment"]
    assert len(comment) <= LONGEST_COMMENT
    shown, _and, others = comment.partition(" and ")
    assert shown.split(", ") == names[: len(shown.split(", "))]
    assert others == (f"{count - len(shown.split(', '))} more" if count > 4 else "")
    if count > len(shown.split(", ")):
        one_more = len(shown) + len(f", {names[0]} and {count} more")
        assert one_more > LONGEST_COMMENT, "another name would have fitted"


def test_a_comment_uses_every_byte_and_no_more() -> None:
    def comment(length_of_last: int) -> str:
        names = ["a" * 32, "b" * 32, "c" * 32, "d" * length_of_last]
        (element,) = elements(model(*(customer(name, sources4=["198.51.100.0/24"]) for name in names)), "customers4")
        return element["comment"]

    assert comment(26) == ", ".join(["a" * 32, "b" * 32, "c" * 32, "d" * 26])
    assert len(comment(26)) == LONGEST_COMMENT
    assert comment(27) == ", ".join(["a" * 32, "b" * 32, "c" * 32]) + " and 1 more"


@pytest.mark.parametrize("name", ['acme" }', "acme\n", "acme;", "a b", "ACME", "ä"])
def test_nothing_but_a_name_gets_into_a_comment(name: str) -> None:
    with pytest.raises(ExchangeError, match="holds a character that no name may have"):
        exchange_edge_sets(model(customer(name, sources4=["198.51.100.0/24"])))


def test_nobody_comes_in_who_cannot_log_in() -> None:
    source = {"sources4": ["198.51.100.0/24"]}
    whole = model(
        customer("expired", accounts=[account("expired-up", enabled=False)], **source),
        customer("suspended", state="suspended", **source),
        customer("nobody", accounts=[], **source),
        {"name": "absent", "state": "absent", **source},
    )
    assert exchange_edge_sets(whole) == {"customers4": [], "customers6": []}


def test_an_empty_list_is_an_error_and_never_anybody() -> None:
    with pytest.raises(
        ExchangeError, match=r"customer acme: sources = \[\]: .* never means 'from anywhere'.*suspended"
    ):
        exchange_edge_sets(model(customer("acme")))


@pytest.mark.parametrize(
    ("field", "network"),
    [
        ("sources4", "198.51.100.1/24"),
        ("sources4", "2001:db8::/64"),
        ("sources4", "198.51.100.0/33"),
        ("sources4", ""),
        ("sources6", "198.51.100.0/24"),
        ("sources6", "2001:db8::1/64"),
        ("sources6", "any"),
    ],
)
def test_what_is_no_network_of_the_family_is_an_error(field: str, network: str) -> None:
    with pytest.raises(ExchangeError, match=rf"customer acme: {field} = .*: is no IPv{field[-1]} network"):
        exchange_edge_sets(model(customer("acme", **{field: [network]})))


@pytest.mark.parametrize(
    ("field", "whole_family"), [("sources4", IPv4Network("0.0.0.0/0")), ("sources6", IPv6Network("::/0"))]
)
def test_the_ends_of_the_address_space(field: str, whole_family: IPv4Network | IPv6Network) -> None:
    ends = [str(ip_network(whole_family[0])), str(ip_network(whole_family[-1]))]
    name = field.replace("sources", "customers")
    assert [one["element"] for one in elements(model(customer("acme", **{field: ends})), name)] == [
        str(whole_family[0]),
        str(whole_family[-1]),
    ]
    # The check of the model refuses it; the arithmetic has no edge there.
    assert [one["element"] for one in elements(model(customer("acme", **{field: [str(whole_family)]})), name)] == [
        str(whole_family)
    ]


@given(models())
def test_a_mark_stands_for_the_same_owners_in_both_families_and_for_nobody_else(whole: Json) -> None:
    sets = exchange_host_sets(whole)
    marks: dict[str, set[int]] = {}
    for family in ("4", "6"):
        assert sets[f"customers{family}"] == elements(whole, f"customers{family}")  # type: ignore[literal-required]
        budgets = sets[f"budgets{family}"]  # type: ignore[literal-required]
        assert [(one["element"], one["comment"]) for one in budgets] == [
            (one["element"], one["comment"]) for one in elements(whole, f"customers{family}")
        ]
        for one in budgets:
            marks.setdefault(one["comment"], set()).add(one["value"])
    values = [value for one in marks.values() for value in one]
    assert all(len(one) == 1 for one in marks.values())
    assert len(set(values)) == len(values)
    assert all(0 < value <= HIGHEST_MARK for value in values)


def test_a_mark_stays_when_other_customers_come() -> None:
    def mark(*customers: Json) -> int:
        [value] = {
            one["value"] for one in exchange_host_sets(model(*customers))["budgets4"] if one["comment"] == "acme"
        }
        return value

    acme = customer("acme", sources4=["198.51.100.20/32"])
    other = customer("aaa", sources4=["198.51.100.21/32"])
    assert mark(acme) == mark(other, acme)
