"""What the role makes of what its scripts found on the server: their answers are made up here (see their own tests)."""

from __future__ import annotations

from typing import Any

import pytest

from .authority import Authority
from .conftest import Deploy, Listener
from .deployment import Run
from .play import certificate_in_store, run_play, scripted

FINE: dict[str, Any] = {"others": [], "blocking": [], "ignoring": [], "in_force": True}
POLICY = "Domain: AllowLocalPolicyMerge = 0 (local rules are ignored)"
EVERYBODY = {"name": "No FTP", "addresses": "Any", "everybody": True}
SOMEBODY = {"name": "Nuisance", "addresses": "192.0.2.7", "everybody": False}


def run(
    listener: Listener, deployment: Deploy, authority: Authority, answer: dict[str, Any], **variables: Any
) -> tuple[Run, str]:
    far_end = scripted(authority)
    far_end.scripts["win_powershell"] = lambda _call: {"result": FINE | answer}
    where = deployment(listener(far_end))
    where.set(**certificate_in_store(authority), **variables)
    done = run_play(where, "--tags", "windows_host")
    return done, " ".join(done.output.split())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"ignoring": [POLICY]}, f"lets nobody in. {POLICY}. A group policy causes this"),
        ({"in_force": False}, "lets nobody in. It is not in the active store. A group policy causes this"),
        ({"blocking": [SOMEBODY, EVERYBODY]}, "block a port of the service for everybody: No FTP. A blocking rule"),
    ],
)
def test_a_firewall_that_lets_nobody_in_ends_the_run(
    listener: Listener, deployment: Deploy, authority: Authority, answer: dict[str, Any], told: str
) -> None:
    done, said = run(listener, deployment, authority, answer)
    assert done.recap["failed"] == 1, said[-3000:]
    assert told in said


def test_a_policy_that_lets_customers_in_itself_and_a_rule_against_some_addresses_are_no_errors(
    listener: Listener, deployment: Deploy, authority: Authority
) -> None:
    answer = {"ignoring": [POLICY], "blocking": [SOMEBODY], "restart_pending": True}
    done, said = run(listener, deployment, authority, answer, windows_host_local_rule_required=False)
    done.check()
    assert "block a port of the service for some addresses, customers or not: Nuisance: 192.0.2.7." in said
    assert "the TLS versions were changed" in said, "by an earlier run, and nobody restarted the server"
