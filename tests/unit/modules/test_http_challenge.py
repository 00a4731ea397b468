"""http_challenge: port 80 is open only while there is something to answer, and never longer than it says."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import http_responder
from ansible_collections.ftps.exchange.plugins.modules import http_challenge as module
from ansible_collections.ftps.exchange.plugins.modules.http_challenge import Challenge, ChallengeError, checked

ONE = {"token-1": "token-1.print"}
TWO = {"token-2": "token-2.print"}


class Edge:
    """An edge that does what it is asked to, with faults on request."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_set = True
        self.elements: list[str] = []
        self.unit: list[str] = []
        self.fails = ""
        self.answers = True
        self.commands: list[str] = []
        self.challenge = Challenge(self.run, "ftps_exchange_edge", folder / "run")
        monkeypatch.setattr(module, "answers_here", lambda: bool(self.unit) and self.answers)
        monkeypatch.setattr(module, "START_SECONDS", 0.0)

    def run(self, command: Sequence[str]) -> tuple[int, str, str]:
        text = " ".join(command)
        self.commands.append(text)
        if self.fails and text.startswith(self.fails):
            return 1, "", "no such luck\n"
        if text.startswith("nft list set"):
            return (0 if self.has_set else 1), "", ""
        if text.startswith("nft get element"):
            return (0 if self.elements else 1), "", ""
        if text.startswith("nft add element"):
            self.elements.append(command[-1])
        elif text.startswith("nft delete element"):
            self.elements.clear()
        elif command[0] == "systemd-run":
            self.unit = list(command)
        elif text.startswith("systemctl stop"):
            self.unit = []
        elif text.startswith("systemctl is-active"):
            return (0 if self.unit else 3), "", ""
        elif command[0] == "journalctl":
            return 0, "it broke\n", ""
        return 0, "", ""

    @property
    def closed(self) -> bool:
        return not self.elements and not self.unit and not self.challenge.runtime.exists()


@pytest.fixture
def edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edge:
    return Edge(tmp_path, monkeypatch)


def test_it_opens_and_closes(edge: Edge) -> None:
    assert edge.challenge.present(ONE, 600)
    assert (edge.challenge.folder / "token-1").read_text() == "token-1.print"
    assert edge.elements == ["{ 80 timeout 600s }"]
    assert "--property=RuntimeMaxSec=600" in edge.unit
    assert not edge.challenge.present(ONE, 600)
    assert edge.challenge.absent(ONE)
    assert edge.closed
    assert not edge.challenge.absent(ONE)


def test_the_web_server_has_a_user_of_its_own_and_no_rights(edge: Edge) -> None:
    edge.challenge.present(ONE, 600)
    assert {"--property=DynamicUser=yes", "--property=CapabilityBoundingSet="} <= set(edge.unit)
    # The unit's user has to read it
    assert edge.challenge.runtime.stat().st_mode & 0o777 == 0o755
    assert edge.challenge.folder.stat().st_mode & 0o777 == 0o755
    assert (edge.challenge.folder / "token-1").stat().st_mode & 0o777 == 0o644


def test_the_port_stays_open_for_another_servers_challenge(edge: Edge) -> None:
    edge.challenge.present(ONE, 600)
    edge.challenge.present(TWO, 600)
    assert edge.challenge.absent(ONE)
    assert edge.elements
    assert edge.unit
    assert [path.name for path in edge.challenge.folder.glob("*")] == ["token-2"]
    edge.challenge.absent(TWO)
    assert edge.closed


@pytest.mark.parametrize("fails", ["systemd-run", "nft add"])
def test_nothing_stays_open_after_a_failure(edge: Edge, fails: str) -> None:
    edge.fails = fails
    with pytest.raises(ChallengeError, match="failed: no such luck"):
        edge.challenge.present(ONE, 600)
    assert edge.closed


def test_a_web_server_that_does_not_answer_is_reported_and_ended(edge: Edge) -> None:
    edge.answers = False
    with pytest.raises(ChallengeError, match=r"does not answer at 127\.0\.0\.1:8402\. .*it broke"):
        edge.challenge.present(ONE, 600)
    assert edge.closed


def test_an_edge_with_old_rules_is_reported_before_anything_starts(edge: Edge) -> None:
    edge.has_set = False
    with pytest.raises(ChallengeError, match=r"has no set http_challenge.*Run playbooks/edges\.yml"):
        edge.challenge.present(ONE, 600)
    assert edge.closed


def test_the_port_closes_before_the_web_server_ends(edge: Edge) -> None:
    edge.challenge.present(ONE, 600)
    edge.fails = "systemctl stop"
    with pytest.raises(ChallengeError, match="systemctl stop failed"):
        edge.challenge.absent(ONE)
    assert not edge.elements


def test_the_answers_are_by_token() -> None:
    path = ".well-known/acme-challenge/evaG-x_1"
    assert checked({path: "evaG-x_1.abc"}, True) == {"evaG-x_1": "evaG-x_1.abc"}
    assert checked({path: ""}, False) == {"evaG-x_1": ""}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"../etc/passwd": "a.b"}, "is not the path of a challenge"),
        ({".well-known/acme-challenge/../../x": "a.b"}, "is not the path of a challenge"),
        ({".well-known/acme-challenge/a/b": "a.b"}, "is not the path of a challenge"),
        ({".well-known/acme-challenge/a\n": "a.b"}, "is not the path of a challenge"),
        ({".well-known/acme-challenge/": "a.b"}, "is not the path of a challenge"),
        ({".well-known/acme-challenge/a": "<script>"}, "has no answer that RFC 8555 allows"),
        ({}, "is empty"),
    ],
)
def test_what_a_hostile_ca_asks_for_is_refused(answers: dict[str, str], reason: str) -> None:
    with pytest.raises(ChallengeError, match=reason):
        checked(answers, True)


def test_the_program_is_copied_from_the_file_that_is_tested() -> None:
    text = module.source_of(http_responder)
    assert text == Path(http_responder.__file__).read_text()
    # It runs without anything of Ansible
    imports = [node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imports if name.startswith("ansible")]
