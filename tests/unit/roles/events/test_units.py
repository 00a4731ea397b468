"""What the unit of a receiver may do: nothing but what its kind needs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.roles.rendering import render, role_variables, trusted

WEBHOOK = {"name": "gis", "kind": "webhook", "url": "https://x/", "addresses": ["203.0.113.5", "2001:db8::5"]}
COMMAND = {"name": "run", "kind": "command", "run": ["/bin/import"], "timeout_seconds": 60, "user": None, "writes": []}


def drop_in(event: dict[str, Any]) -> list[str]:
    text = render("events", "receiver.conf.j2", {"event": event})
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("kind", ["webhook", "mail"])
def test_a_receiver_in_the_network_is_the_only_one_that_is_reached(kind: str) -> None:
    lines = drop_in(WEBHOOK | {"kind": kind})
    assert "IPAddressDeny=any" in lines
    assert [line for line in lines if line.startswith("IPAddressAllow")] == ["IPAddressAllow=203.0.113.5 2001:db8::5"]


def test_a_command_has_no_network_and_writes_nothing() -> None:
    lines = drop_in(COMMAND)
    assert "PrivateNetwork=yes" in lines
    assert not [line for line in lines if line.startswith(("User", "DynamicUser", "ReadWritePaths"))]


def test_a_command_with_an_account_and_folders() -> None:
    lines = drop_in(COMMAND | {"user": "plans", "writes": ["/srv/a", "/srv/b"]})
    assert lines[-4:] == ["DynamicUser=no", "User=plans", "ReadWritePaths=/srv/a", "ReadWritePaths=/srv/b"]


def test_every_service_runs_without_rights() -> None:
    lines = render("events", "events.service.j2", {}).splitlines()
    for setting in (
        "DynamicUser=yes",
        "User=ftpsx-ev-%i",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
    ):
        assert setting in lines


def test_the_settings_have_no_secret() -> None:
    given = {"event": WEBHOOK, "events_secrets": {"gis": "hunter2"}, "events_exchange_name": "lab"}
    text = render("events", "receiver.json.j2", given)
    assert json.loads(text) == {
        **WEBHOOK,
        "ca": None,
        "exchange": "lab",
        "log": "/var/log/ftps-exchange/transfer.log",
        "queue_megabytes": 100,
        "retry_seconds": 300,
    }


def test_receivers_that_are_no_longer_listed_are_strays() -> None:
    installed = {"files": [{"path": f"/etc/ftps-exchange/events/{name}.json"} for name in ("gis", "old-one", "v1")]}
    variables = role_variables("events", {"events_receivers": [WEBHOOK], "__events_installed": installed})
    assert variables.template(trusted("{{ __events_strays }}")) == ["old-one", "v1"]
