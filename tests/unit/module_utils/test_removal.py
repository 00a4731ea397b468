"""Lost customer files look like customers who left: when a run stops, and what it says."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.removal import Removal, read_removal, refusal


def removal(*known: str, limit: int = 50, confirmed: bool = False) -> Removal:
    found = read_removal(
        {"known": list(known), "limit_percent": limit, "confirmed": confirmed, "setting": "-e allow=true"}
    )
    assert found is not None
    return found


def test_the_message_names_who_would_go_the_limit_and_the_setting() -> None:
    assert refusal(["globex", "acme", "initech"], ["initech"], removal(), "customers in table inet edge") == (
        "2 of the 3 customers in table inet edge have no file any more (67 %, the limit is 50 %): acme, globex. "
        "Nothing was changed. If files were lost, bring them back. If it is meant, write `state: absent` into the "
        "files, or run once with -e allow=true."
    )


@pytest.mark.parametrize(
    ("there", "how"),
    [
        ([], removal(limit=0)),
        (["acme", "globex"], removal("ACME")),
        (["acme", "globex"], removal("acme", "globex", limit=0)),
        (["acme", "globex"], removal(limit=100)),
        (["acme", "globex"], removal(confirmed=True)),
        (["acme", "globex"], None),
    ],
)
def test_what_may_go(there: list[str], how: Removal | None) -> None:
    assert refusal(there, [], how, "customers") is None


def test_known_customers_come_as_text_too_and_nothing_else() -> None:
    option = {"known": '["Acme"]', "limit_percent": 50, "confirmed": False, "setting": ""}
    found = read_removal(option)
    assert found is not None
    assert found.known == {"acme"}
    with pytest.raises(ValueError, match="must be a list of names"):
        read_removal({**option, "known": "{}"})
