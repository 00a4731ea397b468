"""Many files, many sessions, and a file of more than 4 GiB, with the service as it is: nothing is lost."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .clients import CLIENTS, Client
from .desk import BEGIN, Desk, hashes_in

BY_ID = {client.id: client for client in CLIENTS}
TWO = ("curl-13", "lftp")
AT_ONCE = ("curl-13-pack", "lftp")
"""curl with the pack's `fail-early`: without it the exit status is that of the last file, when others were refused."""
SMALL_FILES = 5_000
"""For each of the two."""
SESSIONS = 25
"""For each of the two, at once: more than the service has room for."""
ROUNDS = 12
GIB = 1 << 30
BIG = 4 * GIB + 7 * (1 << 20)
FREE = 4 * BIG
"""The file, its copy on the server, and what is fetched; on one disk, with room to spare."""

type Steps = Callable[[Client, str, float], str]


@pytest.fixture
def steps(desk: Desk) -> Steps:
    """Run shell steps in a client's container and return what they printed after its calls."""

    def _steps(client: Client, script: str, timeout: float) -> str:
        _, printed = desk.calls(client, "E4", f"{script}\nprintf '{BEGIN} end\\n'\ncat /tmp/printed", timeout)
        return printed

    return _steps


@pytest.fixture
def cleared(desk: Desk) -> Iterator[None]:
    yield
    desk.server.sh("find . -maxdepth 1 -name 'many-*' -delete", timeout=300)


def note(results: dict[str, Any], what: str, told: str) -> None:
    results.setdefault("many", {})[what] = told


@pytest.mark.usefixtures("shipped", "cleared")
def test_ten_thousand_small_files(desk: Desk, steps: Steps, results: dict[str, Any]) -> None:
    """Two clients send 5,000 small files each, in one call each: all are there, byte for byte."""
    for name in TWO:
        client = BY_ID[name]
        make = f"seq -f 'content %.0f of {name}' {SMALL_FILES} | split -l 1 -a 5 -d - many-{name}-"
        send = f"timeout 1500 {client.call} put many-{name}-* > /tmp/out 2>&1 || status=$?"
        printed = steps(
            client,
            f"{make}\nstatus=0\n{send}\necho $status > /tmp/printed; tail -n 3 /tmp/out >> /tmp/printed\n"
            "sha256sum many-* >> /tmp/printed",
            1600,
        )
        status, _, rest = printed.partition("\n")
        sent, there = hashes_in(rest), desk.server.hashes(f"many-{name}-")
        sent = {file: digest for file, digest in sent.items() if file.startswith("many-")}
        assert len(sent) == SMALL_FILES
        missing = [file for file, digest in sent.items() if there.get(file) != digest]
        assert not missing, (
            f"{name} ended with {status}; {len(missing)} files are not intact: {missing[:5]}; {rest[:300]}"
        )
        assert status == "0", rest[:300]
        note(results, f"small files by {name}", f"{len(sent)} of {len(sent)} intact")


@pytest.mark.usefixtures("shipped", "cleared")
def test_fifty_sessions_at_once(desk: Desk, steps: Steps, results: dict[str, Any]) -> None:
    """Fifty calls of two clients at once, more than there is room for: who is refused says so and tries again."""
    waiting = {name: list(range(SESSIONS)) for name in AT_ONCE}
    refused = 0
    for attempt in range(ROUNDS):
        started: list[str] = []
        for name, numbers in waiting.items():
            call = BY_ID[name].call
            started += [
                f"(for f in 1 2 3 4; do head -c 30000 /dev/urandom > many-{name}-{number}-$f; done; status=0; "
                f"timeout 100 {call} put many-{name}-{number}-* > /tmp/out-{name}-{number} 2>&1 || status=$?; "
                f"echo {name} {number} $status >> /tmp/printed) &"
                for number in numbers
            ]
        if not started:
            break
        printed = steps(
            BY_ID[AT_ONCE[0]],
            "\n".join([": > /tmp/printed", *started, "wait", "sha256sum many-* >> /tmp/printed"]),
            400,
        )
        lines = printed.splitlines()
        said = [line.split() for line in lines if line.count(" ") == 2 and "  " not in line]
        sent, there = hashes_in("\n".join(line for line in lines if "  " in line)), desk.server.hashes("many-")
        for name, number, status in said:
            mine = [file for file in sent if file.startswith(f"many-{name}-{number}-")]
            lost = [file for file in mine if there.get(file) != sent[file]]
            assert len(mine) == 4
            assert status != "0" or not lost, f"{name} ended with 0 and {len(lost)} of its 4 files are not intact"
            if status == "0":
                waiting[name].remove(int(number))
        refused += sum(len(numbers) for numbers in waiting.values()) if attempt == 0 else 0
    assert waiting == {name: [] for name in AT_ONCE}, f"after {ROUNDS} attempts some never got through: {waiting}"
    note(results, "fifty sessions at once", f"{refused} refused at first, each with its own exit status; all intact")


@pytest.mark.usefixtures("shipped", "cleared")
@pytest.mark.parametrize("name", TWO)
def test_a_file_of_more_than_four_gibibytes(desk: Desk, steps: Steps, results: dict[str, Any], name: str) -> None:
    """It goes and comes back byte for byte."""
    free = int(desk.server.sh("df --output=avail --block-size=1 . | tail -n 1"))
    assert free > FREE, f"{free >> 30} GiB are free, and this needs {FREE >> 30} GiB: nothing was sent"
    client = BY_ID[name]
    key = "-K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff"
    printed = steps(
        client,
        f"openssl enc -aes-128-ctr {key} -in /dev/zero 2> /dev/null | head -c {BIG} > many-big\n"
        "status=0; : > /tmp/printed; sha256sum < many-big >> /tmp/printed\n"
        f"timeout 500 {client.call} put many-big > /tmp/out 2>&1 || status=$?\n"
        "mkdir back; rm many-big\n"
        "cd back\n"
        f"timeout 500 {client.call} get many-big > /tmp/out 2>&1 || status=$?\n"
        "sha256sum < many-big >> /tmp/printed; rm many-big\n"
        "echo $status >> /tmp/printed; tail -n 2 /tmp/out >> /tmp/printed",
        1300,
    )
    sent, back, status, *said = printed.splitlines()
    there = desk.server.sh("sha256sum < many-big", timeout=300).strip()
    assert status == "0", said
    assert there == sent, f"{shlex.join(said)}: another file lies on the server"
    assert back == sent, "another file came back"
    note(results, f"more than 4 GiB by {name}", "intact, up and down")
