"""directory_lock as Ansible runs it, by two control nodes against one directory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lock import lock_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn, parent_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change
from ansible_collections.ftps.exchange.plugins.modules import directory_lock

from tests.unit.module_utils.fake_directory import CONNECTION, MANAGED_OU, FakeDirectory

ANNA = {"by": "anna@one", "playbook": "site.yml", "node": "boot-1", "process": "10:1", "alive": ["10:1"]}
BERT = {"by": "bert@two", "playbook": "rotate_password.yml", "node": "boot-2", "process": "10:1", "alive": ["10:1"]}
ANNA_AGAIN = {**ANNA, "process": "20:2", "alive": ["20:2"]}


class Node:
    """The module against one directory."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.warnings: list[str] = []
        self.directory = FakeDirectory()
        self._capsys = capsys

    def __call__(self, holder: dict[str, Any], state: str = "taken", check: bool = False) -> dict[str, Any]:
        arguments = {
            **CONNECTION,
            "holder": holder,
            "state": state,
            "_ansible_check_mode": check,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            directory_lock.main()
        answer: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return answer


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Node:
    node = Node(capsys)
    # Inside a process that has loaded the controller, Ansible displays warnings instead of returning them
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: node.warnings.append(text))
    monkeypatch.setattr(directory_lock, "LDAP_IMPORT_ERROR", None)
    monkeypatch.setattr(directory_lock, "LdapsSession", lambda *_settings: node.directory)
    return node


def test_the_second_run_is_refused_with_the_name_of_the_first(run: Node) -> None:
    first = run(ANNA)
    assert first["held"]
    assert not first["changed"]
    second = run(BERT)
    assert second["failed"]
    assert "anna@one runs site.yml since" in second["msg"]


def test_it_is_free_after_its_release(run: Node) -> None:
    run(ANNA)
    assert run(ANNA, "released")["changed"]
    assert run(BERT)["held"]


def test_nobody_releases_the_lock_of_another_run(run: Node) -> None:
    run(ANNA)
    assert not run(BERT, "released")["changed"]
    assert run(BERT)["failed"]


def test_the_command_breaks_it(run: Node) -> None:
    run(ANNA)
    broken = run(BERT, "broken")
    assert broken["changed"]
    assert broken["lock"]["by"] == "anna@one"
    assert run(BERT)["held"]
    # The run that lost it must not release the other's
    assert not run(ANNA, "released")["changed"]


def test_the_same_node_takes_over_from_a_process_that_is_gone(run: Node) -> None:
    run(ANNA)
    answer = run(ANNA_AGAIN)
    assert answer["held"]
    assert "left by a run that is gone" in str(run.warnings)


def test_check_mode_takes_nothing_and_warns(run: Node) -> None:
    assert not run(ANNA, check=True)["held"]
    assert not run.directory.applied
    run(ANNA)
    answer = run(BERT, check=True)
    assert not answer.get("failed")
    assert "A real run would be refused" in str(run.warnings)


@pytest.mark.parametrize("there_already", [False, True])
def test_of_two_that_read_the_same_value_one_gets_it(
    run: Node, monkeypatch: pytest.MonkeyPatch, there_already: bool
) -> None:
    """Bert writes between Anna's read and her write."""
    if there_already:
        run(ANNA)
        run(ANNA, "released")
    write = run.directory.compare_and_set
    others: list[bool] = []

    def after_bert(change: Change) -> bool:
        if change.what == "the lock" and not others:
            others.append(True)
            theirs = change.values[-1][1][0]
            assert isinstance(theirs, str)
            theirs = theirs.replace("anna@one", "bert@two").replace("boot-1", "boot-2")
            values = (*change.values[:-1], ("description", (theirs,)))
            assert write(Change(0, change.action, change.dn, change.what, values=values, expected=change.expected))
        return write(change)

    monkeypatch.setattr(run.directory, "compare_and_set", after_bert)
    answer = run(ANNA)
    assert answer["failed"]
    assert "bert@two" in answer["msg"]


def test_a_lock_that_somebody_cleared_is_taken_by_nobody(run: Node) -> None:
    """Without a value to compare, two runs could both write theirs."""
    run(ANNA)
    run.directory.at(lock_dn(MANAGED_OU)).attributes.pop("description")
    answer = run(BERT)
    assert answer["failed"]
    assert "delete the object" in answer["msg"]


def test_without_a_place_for_the_ou_the_remedy_is_named(run: Node) -> None:
    run.directory.things.pop(normalise_dn(parent_dn(MANAGED_OU)))
    answer = run(ANNA)
    assert answer["failed"]
    assert f"{parent_dn(MANAGED_OU)} does not exist" in answer["msg"]


def test_the_lock_is_no_stray_of_the_managed_ou(run: Node) -> None:
    run(ANNA)
    assert run.directory.at(lock_dn(MANAGED_OU)).text("description").startswith('{"by":"anna@one"')
