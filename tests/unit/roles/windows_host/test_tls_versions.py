"""The TLS versions of Windows, as the registry has them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.template import trust_as_template

from tests.unit.roles.rendering import role_variables

WITH_TLS13, WITHOUT_TLS13 = "10.0.20348.0", "10.0.17763.0"


def enabled(oldest: str, newest: str, build: str = WITH_TLS13) -> list[str]:
    """The versions that are on; each value for programs that name no version says the same."""
    given: dict[str, Any] = {
        "windows_host_tls_minimum_version": oldest,
        "windows_host_tls_maximum_version": newest,
        "ansible_facts": {"distribution_version": build},
    }
    template = trust_as_template("{{ __windows_host_tls_values }}")
    values = role_variables("windows_host", given).template(template)
    told: dict[str, dict[str, int]] = {"Enabled": {}, "DisabledByDefault": {}}
    for value in values:
        told[value["name"]][value["version"]] = int(value["data"])
    assert {version: 1 - data for version, data in told["DisabledByDefault"].items()} == told["Enabled"]
    return [version for version, data in told["Enabled"].items() if data]


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"),
    # An oldest version of 1.3 is refused for Windows
    [("1.2", "1.2", ["TLS 1.2"]), ("1.2", "1.3", ["TLS 1.2", "TLS 1.3"])],
)
def test_the_declared_versions_and_no_others(oldest: str, newest: str, spoken: list[str]) -> None:
    assert enabled(oldest, newest) == spoken


def test_tls_1_3_is_not_turned_on_where_windows_has_none() -> None:
    assert enabled("1.2", "1.3", WITHOUT_TLS13) == ["TLS 1.2"]
