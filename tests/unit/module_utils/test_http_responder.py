"""http_responder: strangers get the answers to challenges and nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.http_responder import PREFIX, Responder


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "token-1").write_text("token-1.thumbprint")
    (tmp_path / "secret").write_text("not an answer")
    with Responder(0, str(folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def asked(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def test_the_challenge_is_answered(port: int) -> None:
    assert asked(port, f"{PREFIX}token-1") == (200, "token-1.thumbprint")
    assert asked(port, f"{PREFIX}token-1?x=y") == (200, "token-1.thumbprint")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/token-1",
        PREFIX,
        f"{PREFIX}token",
        f"{PREFIX}../secret",
        f"{PREFIX}%2e%2e/secret",
        f"{PREFIX}./token-1",
        f"/x{PREFIX}token-1",
        f"{PREFIX}token-1/",
    ],
)
def test_nothing_else_is(port: int, path: str) -> None:
    status, text = asked(port, path)
    assert status == 404
    assert "thumbprint" not in text
    assert "not an answer" not in text


def test_only_get_is_understood(port: int) -> None:
    assert asked(port, f"{PREFIX}token-1", "POST")[0] == 501


def test_an_answer_that_comes_later_counts_and_a_removed_one_no_longer(port: int, tmp_path: Path) -> None:
    (tmp_path / "answers" / "token-2").write_text("token-2.thumbprint")
    assert asked(port, f"{PREFIX}token-2")[0] == 200
    (tmp_path / "answers" / "token-2").unlink()
    assert asked(port, f"{PREFIX}token-2")[0] == 404
