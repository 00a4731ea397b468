"""Searches come whole: pages, ranges, long lists of names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError, Entry
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.search import search, search_names

from tests.unit.module_utils.fake_directory import DOMAIN, FakeDirectory


def directory_with_group(members: int, **limits: int) -> FakeDirectory:
    directory = FakeDirectory(**limits)
    dns = []
    for number in range(members):
        dn = f"CN=user{number:05d},OU=Exchange,{DOMAIN}"
        directory.add(dn, objectClass=("user",), sAMAccountName=f"user{number:05d}", userAccountControl="514")
        dns.append(dn)
    directory.add(f"CN=all,OU=Exchange,{DOMAIN}", objectClass=("group",), sAMAccountName="all", members=dns)
    return directory


@pytest.mark.parametrize("members", [0, 1, 9, 10, 11, 20, 21, 35])
def test_a_long_list_of_members_comes_whole_from_a_server_that_answers_in_ranges(members: int) -> None:
    directory = directory_with_group(members, values=10)
    (group,) = search(directory, f"CN=all,OU=Exchange,{DOMAIN}", "base", "(objectClass=*)", ["member"])
    assert group.texts("member") == [f"CN=user{number:05d},OU=Exchange,{DOMAIN}" for number in range(members)]


def test_ranges_of_microsofts_server_are_followed() -> None:
    directory = directory_with_group(3200)
    (group,) = search(directory, f"CN=all,OU=Exchange,{DOMAIN}", "base", "(objectClass=*)", ["member"])
    assert len(set(group.texts("member"))) == 3200
    asked = [attributes for _base, _scope, attributes in directory.requests]
    assert asked == [("member",), ("member;range=1500-*",), ("member;range=3000-*",)]


def test_a_range_that_stops_in_the_middle_is_an_error_and_no_short_list() -> None:
    class Forgetful(FakeDirectory):
        def search_page(self, base: str, scope: str, text: str, attributes: Any, cookie: bytes) -> Any:
            if any(";range=" in name for name in attributes):
                return [(base, {})], b""
            return super().search_page(base, scope, text, attributes, cookie)

    directory = Forgetful(values=10)
    directory.things = directory_with_group(11).things
    with pytest.raises(DirectoryError, match="stopped in the middle of the values of member, at number 10"):
        search(directory, f"CN=all,OU=Exchange,{DOMAIN}", "base", "(objectClass=*)", ["member"])


def test_a_search_is_read_to_its_last_page() -> None:
    directory = directory_with_group(25, page=10)
    found = search(directory, DOMAIN, "subtree", "(objectClass=user)", ["sAMAccountName"])
    assert len({entry.text("sAMAccountName") for entry in found}) == 25
    assert len(directory.requests) == 3


def test_many_names_take_few_searches() -> None:
    directory = directory_with_group(450)
    names = [f"user{number:05d}" for number in range(450)] + ["nobody"]
    found = search_names(directory, DOMAIN, {"sAMAccountName": names}, ["sAMAccountName"])
    assert sorted(entry.text("sAMAccountName") for entry in found) == sorted(names[:-1])
    assert len(directory.requests) == 3


def test_an_entry_without_an_attribute() -> None:
    assert Entry("CN=a").number("pwdLastSet") is None
    assert Entry("CN=a").text("company") == ""
    assert Entry("CN=a").sid == ""
