"""host_preflight and preflight_report as a run uses them: whatever the hosts are like, a person reads one table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.ftps.exchange.plugins.action import host_preflight, preflight_report

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.hosts.test_directory import ASKED
from tests.unit.ftps_exchange.hosts.test_directory import FACTS as DIRECTORY
from tests.unit.ftps_exchange.hosts.test_verdicts import EDGE, SERVER

REFUSED = "Failed to connect to the host via ssh: deploy@ftps2: Permission denied (publickey)."
ARGUMENTS: dict[str, Any] = {
    "looks": {"ftps1": {"host": SERVER}, "edge1": {"host": EDGE | {"addresses": ["10.77.10.1/24"]}}},
    "edges": ["edge1"],
    "directory": {"directory": DIRECTORY},
    "accounts": ASKED,
    "domain": "corp.example",
    "fqdn": "ftps.exchange.example",
    "public_addresses": ["198.51.100.10"],
    "free_megabytes": {"/var": 500},
}
HOSTVARS: dict[str, Any] = {
    "ftps1": {},
    "ftps2": {"ansible_user": "deploy"},
    "edge1": {"edge_directory_servers": ["10.1.0.2"]},
    "localhost": {},
}


def report(check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    return run_action(
        preflight_report.ActionModule, ARGUMENTS | changes, check_mode=check_mode, task_vars={"hostvars": HOSTVARS}
    )


def test_what_was_left_out_is_no_problem() -> None:
    skipped = {"skipped": True, "changed": False}
    looks = ARGUMENTS["looks"] | {"ftps2": skipped}
    assert "The hosts are ready" in report(looks=looks, directory=skipped)["msg"]


def test_where_nothing_is_wrong_one_sentence_is_enough() -> None:
    assert report() == {"changed": False, "msg": "The hosts are ready: nothing was found that would stop a run."}
    shown = report(show=True)
    assert shown["_ansible_verbose_always"]
    assert "the directory accepts svc@corp.example" in shown["msg"]


def test_every_problem_of_every_host_is_in_one_table() -> None:
    looks = ARGUMENTS["looks"] | {
        "ftps1": {"host": SERVER | {"listeners": [{"port": 21, "program": "vsftpd"}]}},
        "ftps2": {"unlooked": REFUSED},
    }
    result = report(looks=looks, directory={"directory": DIRECTORY | {"bind": {"code": 49, "reason": "wrong"}}})
    assert result["failed"]
    assert result["msg"].startswith("The hosts have 3 problems on 3 hosts; nothing has been changed.\n")
    for text in (
        "port 21 is taken by vsftpd.",
        "refuses the login as deploy.",
        "ssh-copy-id",
        "the directory refuses svc@",
    ):
        assert text in result["msg"]
    # Neither the words of ssh, nor what is good
    assert "publickey" not in result["msg"]
    assert "Debian" not in result["msg"]


def test_a_preview_stops_where_it_cannot_preview() -> None:
    looks = {"edge1": {"host": EDGE | {"python_apt": False}}}
    assert "! edge1" in report(looks=looks, check_mode=True)["msg"]
    assert report(looks=looks)["changed"] is False


def test_a_runner_that_cannot_be_reached_is_said_once() -> None:
    looks = {"ftps1": {"unlooked": REFUSED}, "edge1": ARGUMENTS["looks"]["edge1"]}
    both = report(looks=looks, directory={"unlooked": REFUSED}, directory_runner="ftps1")
    assert "The hosts have 1 problem on 1 host" in both["msg"]
    alone = report(directory={"unlooked": "/usr/bin/python3: not found"})
    assert "localhost" in alone["msg"]
    assert "apt install python3" in alone["msg"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (AnsibleConnectionFailure("Failed to connect to the host via ssh: timed out"), "timed out"),
        ({"failed": True, "msg": "Missing sudo password"}, "Missing sudo password"),
        ({"rc": 127, "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found"}, "not found"),
        ({}, "no answer"),
    ],
)
def test_a_host_that_cannot_be_looked_at_is_a_result_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, result: Any, expected: str
) -> None:
    def execute(*_args: object, **_options: object) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(host_preflight.ActionModule, "_execute_module", execute)
    answer = run_action(host_preflight.ActionModule, {})
    assert expected in answer["unlooked"]
    assert not answer.get("failed")
    assert not answer["changed"]


def test_facts_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_preflight.ActionModule, "_execute_module", lambda *_a, **_o: {"host": SERVER})
    assert run_action(host_preflight.ActionModule, {}) == {"host": SERVER}
