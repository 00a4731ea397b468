"""What a task may declare."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import read_desired
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few

from tests.unit.module_utils.fake_directory import (
    DOMAIN,
    MANAGED_OU,
)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("users", 0, "dn"), f"CN=acme-up,OU=Staff,{DOMAIN}", "acme-up: CN=acme-up,OU=Staff.* does not lie in"),
        (("groups", 0, "dn"), f"CN=g,OU=Groups,OU=Not FTPS,{DOMAIN}", "does not lie in the managed OU"),
        (("ous", 1, "dn"), f"OU=Staff,{DOMAIN}", "is neither the managed OU"),
        (("groups", 0, "members"), ["jo"], "the member jo is no declared account"),
        (("groups", 0, "name"), "Acme-up", "Acme-up: is declared twice"),
        (("users",), None, "not what the filter exchange_directory gives"),
        (("users", 0, "account_expires"), "soon", "not what the filter exchange_directory gives"),
    ],
)
def test_a_declaration_that_cannot_be_meant(
    declared: dict[str, Any], path: tuple[str | int, ...], value: object, message: str
) -> None:
    part: Any = declared
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(DirectoryError, match=message):
        read_desired(declared, MANAGED_OU)


def test_long_lists_are_cut_in_messages() -> None:
    assert few([str(number) for number in range(30)], ", ").endswith("18, 19 and 10 more")
