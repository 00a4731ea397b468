"""Each complete file is reported once: counted, with receivers that fail, and a program that is killed."""

from __future__ import annotations

import base64
import contextlib
import datetime
import gzip
import hashlib
import hmac
import http.server
import io
import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.programs import load_program

PROGRAM = Path(__file__).parents[4] / "roles" / "events" / "files" / "ftps-exchange-events"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
START = 1_800_000_000.0


program: Any = load_program("events", "ftps-exchange-events")


class Clock:
    """The wall clock of the program; it moves when a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


class Receiver:
    """A sender that answers as the test says, and counts what it has."""

    def __init__(self) -> None:
        self.answer: Callable[[str], Any] = lambda _body: program.Answer(taken=True)
        self.batches: list[tuple[str, str, dict[str, Any]]] = []
        self.attempts: list[tuple[str, str]] = []
        self.killed_after_the_answer = False

    def send(self, identity: str, customer: str, body: str) -> Any:
        self.attempts.append((identity, body))
        answer = self.answer(body)
        if answer.taken:
            self.batches.append((identity, customer, json.loads(body)))
        if self.killed_after_the_answer:
            self.killed_after_the_answer = False
            raise Killed
        return answer

    def files(self) -> list[dict[str, Any]]:
        return [one for _, _, body in self.batches for one in body["data"]["files"]]

    def paths(self) -> list[str]:
        return [one["path"] for one in self.files()]

    def once(self) -> list[str]:
        """Ids of events, of each batch once: what a receiver has that drops a batch whose id it knows."""
        known = {identity: body for identity, _, body in self.batches}
        return [one["id"] for body in known.values() for one in body["data"]["files"]]


class Service:
    """A transfer log, a queue on disk, and a clock."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.log = folder / "log" / "transfer.log"
        self.log.parent.mkdir()
        self.log.touch()
        self.state = folder / "state" / "gis" / "queue.sqlite"
        self.state.parent.mkdir(parents=True)
        self.receiver = Receiver()
        self.written = 0
        self.settings: dict[str, Any] = {
            "name": "gis",
            "exchange": "lab",
            "kind": "webhook",
            "complete": "renamed",
            "quiet_seconds": 60,
            "temporary_names": ["*.part", ".in.*"],
            "customers": None,
            "accounts": None,
            "homes": True,
            "shares": None,
            "batch_files": 50,
            "batch_seconds": 0,
            "retry_seconds": 300,
            "queue_megabytes": 100,
            "log": str(self.log),
        }
        self._queue: Any = None

    @property
    def queue(self) -> Any:
        if self._queue is None:
            self._queue = program.Queue(self.settings, self.state, self.receiver)
            # Matters when the power fails, which no test does, and takes most of the time
            self._queue.database.execute("PRAGMA synchronous = OFF")
        return self._queue

    def kill(self) -> None:
        """The process is gone, whatever it was about to do."""
        self._queue.database.close()
        self._queue = None

    def step(self) -> bool:
        busy = self.queue.follow()
        return bool(self.queue.deliver() or busy)

    def work(self) -> None:
        """Until there is nothing more to do at this moment."""
        for _ in range(10_000):
            if not self.step():
                return
        raise AssertionError("never done")

    def record(self, **values: Any) -> dict[str, Any]:
        self.written += 1
        moment = datetime.datetime.fromtimestamp(self.clock.now, datetime.UTC).isoformat(timespec="milliseconds")
        return {
            "id": f"session-{self.written}",
            "time": moment.replace("+00:00", "Z"),
            "account": "acme-up",
            "customer": "acme",
            "operation": "rename",
            "outcome": "ok",
            "path": "homes/acme/a.bin",
            "renamed_from": "/a.bin.part",
            "session": "session",
            **values,
        }

    def write(self, *records: dict[str, Any]) -> None:
        with self.log.open("a", encoding="ascii") as file:
            file.write("".join(json.dumps(record) + "\n" for record in records))

    def renamed(self, path: str = "homes/acme/a.bin", **values: Any) -> str:
        record = self.record(path=path, **values)
        self.write(record)
        return str(record["id"])

    def upload(self, path: str = "homes/acme/a.bin", **values: Any) -> str:
        record = self.record(operation="upload", path=path, size=5, **values)
        del record["renamed_from"]
        self.write(record)
        return str(record["id"])

    def rotate(self, name: str) -> None:
        """As logrotate does: rename and create, and the one before is compressed."""
        for old in self.log.parent.glob("transfer.log-*"):
            if old.suffix != ".gz":
                old.with_name(f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
                old.unlink()
        self.log.rename(self.log.with_name(f"transfer.log-{name}"))
        self.log.touch()

    def status(self, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        configuration = self.folder / "configuration"
        configuration.mkdir(exist_ok=True)
        (configuration / "gis.json").write_text(json.dumps(self.settings))
        capsys.readouterr()
        state = str(self.state.parent.parent)
        assert program.main(["--status", "--configuration", str(configuration), "--state", state]) == 0
        (found,) = json.loads(capsys.readouterr().out)["receivers"]
        return dict(found)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(program.time, "time", clock)
    return clock


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Service:
    service = Service(tmp_path, clock)
    service.queue  # noqa: B018  installed before the first transfer
    return service


# --------------------------------------------------------------------------------------------------- what is complete


def test_a_file_that_got_its_final_name_is_reported_once(service: Service) -> None:
    service.upload("homes/acme/a.bin.part")
    identity = service.renamed(size=None)
    service.work()
    service.work()
    ((_, customer, body),) = service.receiver.batches
    assert customer == "acme"
    assert body["type"] == "files.complete"
    assert body["data"] == {
        "exchange": "lab",
        "customer": "acme",
        "files": [
            {
                "id": identity,
                "time": body["timestamp"],
                "operation": "rename",
                "account": "acme-up",
                "customer": "acme",
                "path": "homes/acme/a.bin",
                "renamed_from": "/a.bin.part",
            }
        ],
    }


@pytest.mark.parametrize(
    "values",
    [
        {"path": "homes/acme/b.part"},
        {"path": "homes/acme/.in.b"},
        {"path": "homes/acme/B.PART"},
        {"outcome": "denied"},
        {"operation": "download"},
        {"operation": "delete"},
        {"operation": "make_folder"},
        {"operation": "upload"},
    ],
)
def test_what_is_not_complete_is_not_reported(service: Service, values: dict[str, Any]) -> None:
    service.write(service.record(**values))
    service.write({"id": "missing-1", "time": "2026-12-01T00:00:00.000Z", "outcome": "missing", "reason": "full"})
    service.write({"id": "unreadable-1", "outcome": "unreadable", "line": "x"})
    service.clock.now += 3600
    service.work()
    assert service.receiver.attempts == []
    assert not service.queue.fact("unreadable")


def test_a_file_is_complete_when_it_was_quiet(service: Service) -> None:
    service.settings["complete"] = "quiet"
    first = service.upload()
    service.clock.now += 59
    service.work()
    assert service.receiver.paths() == []
    service.clock.now += 1
    service.work()
    assert [one["id"] for one in service.receiver.files()] == [first]


def test_whatever_happens_to_a_file_starts_its_quiet_time_again(service: Service) -> None:
    service.settings["complete"] = "quiet"
    service.upload("homes/acme/twice")
    service.upload("homes/acme/aborted")
    service.upload("homes/acme/deleted")
    service.upload("homes/acme/old")
    service.upload("homes/acme/folder/inside")
    service.work()
    service.clock.now += 30
    second = service.upload("homes/acme/twice")
    service.upload("homes/acme/aborted", outcome="aborted")
    service.write(service.record(operation="delete", path="homes/acme/deleted"))
    renamed = service.renamed("homes/acme/new", renamed_from="/old")
    service.renamed("homes/acme/.in.moved", renamed_from="/folder")
    service.work()
    assert [one["id"] for one in service.receiver.files()] == [renamed]
    service.clock.now += 59
    service.work()
    assert service.receiver.paths() == ["homes/acme/new", "homes/acme/.in.moved/inside"]
    service.clock.now += 1
    service.work()
    assert [one["id"] for one in service.receiver.files()][2:] == [second]


@pytest.mark.parametrize(
    ("choice", "reported"),
    [
        ({}, {"home", "maps", "other"}),
        ({"customers": ["acme"]}, {"home", "maps"}),
        ({"accounts": ["globex-up"]}, {"other"}),
        ({"homes": False}, {"maps"}),
        ({"homes": False, "shares": []}, set()),
        ({"shares": ["plans"]}, {"home", "other"}),
    ],
)
def test_only_what_was_asked_for(service: Service, choice: dict[str, Any], reported: set[str]) -> None:
    service.kill()
    service.settings |= choice
    service.renamed("homes/acme/home")
    service.renamed("shares/maps/maps")
    service.renamed("homes/globex/other", customer="globex", account="globex-up")
    service.work()
    assert {path.rpartition("/")[2] for path in service.receiver.paths()} == reported


def test_hostile_names_arrive_as_they_are(service: Service) -> None:
    name = 'a"; rm -rf /\n\r\t\x1b[31m\u202e'
    raw = base64.b64encode(b"homes/acme/\xff\xfe").decode()
    service.renamed(f"homes/acme/{name}")
    service.renamed("homes/acme/\ufffd\ufffd", path_base64=raw)
    service.work()
    first, second = service.receiver.files()
    assert first["path"] == f"homes/acme/{name}"
    assert second["path_base64"] == raw


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"7", b'{"operation": "rename"}', b'{"operation": "rename", "time": "then"}', b"\xff" * 300],
)
def test_a_line_that_is_no_record_stops_nothing(
    service: Service, line: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    service.renamed()
    with service.log.open("ab") as file:
        file.write(line + b"\n")
    service.renamed("homes/acme/b")
    service.work()
    assert service.receiver.paths() == ["homes/acme/a.bin", "homes/acme/b"]
    assert service.status(capsys)["unreadable"] == 1


def test_a_new_receiver_gets_no_history(tmp_path: Path, clock: Clock) -> None:
    service = Service(tmp_path, clock)
    service.renamed("homes/acme/older")
    service.rotate("20270115-000000")
    service.renamed("homes/acme/old")
    service.work()
    service.renamed("homes/acme/new")
    service.work()
    assert service.receiver.paths() == ["homes/acme/new"]


# ------------------------------------------------------------------------------------------------------------ batches


def test_a_batch_has_files_of_one_customer(service: Service) -> None:
    for number in range(70):
        customer = ("acme", "globex")[number % 2]
        service.renamed(f"homes/{customer}/{number}", customer=customer)
    service.work()
    assert [(customer, len(body["data"]["files"])) for _, customer, body in service.receiver.batches] == [
        ("acme", 35),
        ("globex", 35),
    ]


def test_a_batch_waits_until_it_is_full_or_old(service: Service) -> None:
    service.kill()
    service.settings |= {"batch_files": 10, "batch_seconds": 30}
    for number in range(25):
        service.renamed(f"homes/acme/{number}")
    service.work()
    assert [len(body["data"]["files"]) for _, _, body in service.receiver.batches] == [10, 10]
    service.clock.now += 29
    service.work()
    assert len(service.receiver.batches) == 2
    service.clock.now += 1
    service.work()
    assert [len(body["data"]["files"]) for _, _, body in service.receiver.batches] == [10, 10, 5]


@pytest.mark.parametrize("complete", ["renamed", "quiet"])
def test_a_clock_that_is_set_back_delays_nothing_for_long(service: Service, complete: str) -> None:
    service.settings |= {"complete": complete, "batch_seconds": 30}
    service.receiver.answer = lambda _body: program.Answer(taken=False, error="answer 503")
    service.renamed("homes/acme/waits-for-the-receiver")
    service.clock.now += 30
    service.work()
    service.receiver.answer = lambda _body: program.Answer(taken=True)
    service.renamed("homes/acme/waits-for-others")
    service.upload("homes/acme/waits-until-it-is-quiet")
    service.work()
    service.clock.now -= 86400
    service.work()
    service.clock.now += 30
    service.work()
    quiet = ["homes/acme/waits-until-it-is-quiet"] if complete == "quiet" else []
    assert service.receiver.paths() == ["homes/acme/waits-for-the-receiver", "homes/acme/waits-for-others", *quiet]


def test_a_body_stays_below_what_webhooks_should_have(service: Service) -> None:
    for number in range(50):
        service.renamed(f"homes/acme/{number}-{'x' * 2000}")
    service.work()
    assert len(service.receiver.paths()) == 50
    assert max(len(json.dumps(body)) for _, _, body in service.receiver.batches) < 24_000


# ------------------------------------------------------------------------------------------- nothing lost, none doubled


def test_an_hour_without_a_receiver_loses_and_doubles_nothing(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour of the program's wall clock, which the test moves: one file per second, and a kill every ten minutes."""
    service.receiver.answer = lambda _body: program.Answer(taken=False, error="no answer: refused")
    expected = []
    for second in range(3600):
        expected.append(service.renamed(f"homes/acme/{second}"))
        if second % 5 == 0:
            service.step()
        if second % 600 == 300:
            service.kill()
        if second % 1500 == 900:
            service.rotate(f"20270115-{second:06}")
        service.clock.now += 1
    service.step()
    found = service.status(capsys)
    assert (found["queue"], found["delivered"]) == (3600, 0)
    assert found["last_error"] == "no answer: refused"
    assert found["oldest_seconds"] >= 3599
    assert len(service.receiver.attempts) < 60, "retries become rare"
    service.receiver.answer = lambda _body: program.Answer(taken=True)
    service.clock.now += 300
    service.work()
    assert service.receiver.once() == expected
    assert Counter(one["id"] for one in service.receiver.files()).most_common(1)[0][1] == 1
    found = service.status(capsys)
    assert (found["queue"], found["delivered"], found["failing_since"]) == (0, 3600, None)


def test_a_kill_after_the_answer_repeats_the_same_batch(service: Service) -> None:
    """More than at least once is not possible; so the receiver can recognize what it has."""
    expected = [service.renamed(f"homes/acme/{number}") for number in range(3)]
    service.receiver.killed_after_the_answer = True
    with pytest.raises(Killed):
        service.work()
    service.kill()
    service.renamed("homes/acme/later")
    service.work()
    (first, repeated, _) = service.receiver.attempts
    assert first == repeated, "the same id and the same bytes"
    assert service.receiver.once()[:3] == expected
    assert len(service.receiver.files()) == 7


@pytest.mark.parametrize("statement", ["INSERT OR IGNORE", "REPLACE INTO logs", "COMMIT", "INSERT INTO batches"])
def test_a_kill_at_any_statement_loses_and_doubles_nothing(service: Service, statement: str) -> None:
    expected = [service.renamed(f"homes/acme/{number}") for number in range(5)]

    class Database:
        def __init__(self, database: Any) -> None:
            self.database = database

        def __getattr__(self, name: str) -> Any:
            return getattr(self.database, name)

        def execute(self, text: str, *values: Any) -> Any:
            if text.startswith(statement):
                self.database.close()
                raise Killed
            return self.database.execute(text, *values)

    service.queue.database = Database(service.queue.database)
    with pytest.raises((Killed, sqlite3.ProgrammingError)):
        service.work()
    service.kill()
    service.work()
    assert [one["id"] for one in service.receiver.files()] == expected


def test_rotation_and_compression_lose_and_double_nothing(service: Service) -> None:
    """Also if the program slept through two rotations, and if the log is written to after it was renamed."""
    expected = [service.renamed("homes/acme/0")]
    service.work()
    expected.append(service.renamed("homes/acme/1"))
    late = service.log.open("a", encoding="ascii")
    service.rotate("20270115-000000")
    service.work()
    record = service.record(path="homes/acme/2")
    late.write(json.dumps(record) + "\n")
    late.close()
    expected.append(record["id"])
    service.work()
    expected.append(service.renamed("homes/acme/3"))
    service.kill()
    for number in range(4, 8):
        service.rotate(f"2027011{number}-000000")
        expected.append(service.renamed(f"homes/acme/{number}"))
    service.work()
    service.clock.now += 60
    service.work()
    assert [one["id"] for one in service.receiver.files()] == expected


def test_a_compressed_log_is_read_to_its_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several steps, with a restart in between."""
    monkeypatch.setattr(program, "READ_BYTES", 1000)
    service.kill()
    expected = [service.renamed(f"homes/acme/{number}") for number in range(20)]
    for day in range(2):
        service.rotate(f"2027011{day}-000000")
        expected.append(service.renamed(f"homes/acme/day-{day}"))
    service.step()
    service.kill()
    service.work()
    assert [one["id"] for one in service.receiver.files()] == expected


def test_a_batch_has_the_same_id_whenever_it_is_made(tmp_path: Path, clock: Clock) -> None:
    identities = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        service = Service(tmp_path / name, clock)
        service.work()
        service.renamed()
        service.work()
        identities.append(service.receiver.batches[0][0])
    assert identities[0] == identities[1]


def test_a_log_that_is_gone_before_it_was_read_is_reported(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.renamed("homes/acme/0")
    service.work()
    service.kill()
    service.renamed("homes/acme/1")
    service.log.unlink()
    service.renamed("homes/acme/2")
    service.work()
    assert service.status(capsys)["lost_logs"] == 0, "during a rotation a file is missing for an instant"
    service.clock.now += 31
    service.work()
    assert "events may be missing" in capsys.readouterr().err
    assert service.status(capsys)["lost_logs"] == 1


def test_a_log_that_was_read_may_go(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.renamed("homes/acme/0")
    service.rotate("20270115-000000")
    service.work()
    for file in service.log.parent.glob("transfer.log-*"):
        file.unlink()
    service.work()
    service.clock.now += 31
    service.work()
    assert service.status(capsys)["lost_logs"] == 0


def test_a_full_queue_leaves_the_records_in_the_log(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.kill()
    service.settings["queue_megabytes"] = 0.01
    service.receiver.answer = lambda _body: program.Answer(taken=False, error="answer 503")
    expected = [service.renamed(f"homes/acme/{number}-{'x' * 200}") for number in range(200)]
    service.work()
    for number in range(200, 400):
        expected.append(service.renamed(f"homes/acme/{number}"))
        service.step()
    service.rotate("20270115-000000")
    service.work()
    found = service.status(capsys)
    assert found["full"]
    assert found["unread_bytes"] > 0
    assert found["queue"] < 400
    service.receiver.answer = lambda _body: program.Answer(taken=True)
    service.clock.now += 300
    service.work()
    assert [one["id"] for one in service.receiver.files()] == expected
    assert not service.status(capsys)["full"]


def test_a_batch_that_is_refused_stops_no_other(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.receiver.answer = lambda body: program.Answer(
        taken="poison" not in body, error="answer 400" if "poison" in body else "", refused="poison" in body
    )
    service.renamed("homes/acme/poison")
    service.work()
    service.renamed("homes/acme/good")
    for _ in range(60):
        service.work()
        service.clock.now += 1
    assert service.receiver.paths() == ["homes/acme/good"]
    found = service.status(capsys)
    assert (found["queue"], found["set_aside"], found["set_aside_batches"][0]["error"]) == (1, 1, "answer 400")
    attempts = len(service.receiver.attempts)
    service.clock.now += 3600
    service.work()
    assert len(service.receiver.attempts) == attempts + 1, "it is tried again every hour"
    identity = found["set_aside_batches"][0]["id"]
    where = ["--configuration", str(service.folder / "configuration"), "--state", str(service.state.parent.parent)]
    assert program.main(["--discard", "gis", identity, *where]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["files"][0]["path"] == "homes/acme/poison"
    assert program.main(["--discard", "gis", identity, *where]) == 1
    service.work()
    assert service.status(capsys)["queue"] == 0
    assert service.queue.bytes == 0


def test_what_a_receiver_asks_for_is_waited(service: Service) -> None:
    service.receiver.answer = lambda _body: program.Answer(taken=False, error="answer 429", wait=120)
    service.renamed()
    service.work()
    service.clock.now += 119
    service.work()
    assert len(service.receiver.attempts) == 1
    service.clock.now += 1
    service.work()
    assert len(service.receiver.attempts) == 2


def test_a_webhook_without_a_secret_does_not_start(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    assert program.run(service.settings, service.state) == 1
    assert "no request could be signed" in capsys.readouterr().err


def test_status_without_a_queue_says_so(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.kill()
    service.state.unlink()
    assert "no state can be read" in service.status(capsys)["problem"]


# ------------------------------------------------------------------------------------------------------------ webhooks


class Web:
    """A real HTTP server that answers what a test sets."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status, self.drip = 204, 0.0
        self.headers: dict[str, str] = {}
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.requests.append((headers | {"target": self.path}, body))
                with contextlib.suppress(OSError):
                    for _ in range(100 if web.drip else 0):
                        self.wfile.write(b" ")
                        time.sleep(web.drip)
                    self.send_response(web.status)
                    for name, value in web.headers.items():
                        self.send_header(name, value)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()


def webhook(web: Web, secret: str = SECRET) -> Any:
    # The name does not resolve: only the configured addresses count.
    url = f"http://receiver.invalid:{web.port}/hook?x=1"
    return program.Webhook({"url": url, "addresses": ["127.0.0.1"]}, secret)


def test_a_webhook_is_signed_as_standard_webhooks_says(web: Web) -> None:
    """Checked with the example of the specification, and with a second key as during a rotation."""
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    assert webhook(web, f"{SECRET} {other}").send("msg_1", "acme", '{"a":1}').taken
    ((headers, body),) = web.requests
    assert (headers["webhook-id"], headers["target"], body) == ("msg_1", "/hook?x=1", b'{"a":1}')
    assert headers["host"] == f"receiver.invalid:{web.port}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10
    signed = f"msg_1.{headers['webhook-timestamp']}.".encode() + body
    for key, signature in zip((b"k" * 32, b"o" * 24), headers["webhook-signature"].split(" "), strict=True):
        assert signature == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # The specification's reference libraries sign this so
    known = program.signatures(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert known == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "refused"),
    [(301, False), (400, True), (401, False), (404, False), (410, False), (422, True), (429, False), (500, False)],
)
def test_every_answer_but_2xx_is_a_failure(web: Web, status: int, refused: bool) -> None:
    web.status, web.headers = status, {"Retry-After": "7"}
    assert webhook(web).send("msg_1", "acme", "{}") == program.Answer(False, f"answer {status}", refused, 7.0)


def test_a_receiver_that_is_down_or_slow_is_a_failure(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "REQUEST_SECONDS", 0.5)
    web.drip = 0.1
    begun = time.monotonic()
    answer = webhook(web).send("msg_1", "acme", "{}")
    assert not answer.taken
    assert "no answer" in answer.error
    assert time.monotonic() - begun < 3, "a byte from time to time does not hold it"
    web.server.server_close()
    assert "no answer" in webhook(web).send("msg_1", "acme", "{}").error


# ------------------------------------------------------------------------------------------------------------ commands


def command(*arguments: str, seconds: int = 20) -> Any:
    return program.Command({"run": list(arguments), "timeout_seconds": seconds}, "")


def test_a_command_gets_the_batch_on_its_input_and_nothing_else(tmp_path: Path) -> None:
    result = tmp_path / "result"
    code = (
        f"import json,os,sys; json.dump([sys.stdin.read(), sys.argv[1:], dict(os.environ)], open({str(result)!r}, 'w'))"
    )
    body = json.dumps({"path": "$(touch /tmp/x)\n`id`"})
    assert command(sys.executable, "-c", code, "fixed").send("msg_1", "acme", body) == program.Answer(True)
    text, arguments, environment = json.loads(result.read_text())
    assert (text, arguments) == (f"{body}\n", ["fixed"])
    assert (environment["FTPS_EXCHANGE_BATCH"], environment["FTPS_EXCHANGE_CUSTOMER"]) == ("msg_1", "acme")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["/bin/sh", "-c", "exit 3"], (False, "exit 3", False)),
        (["/bin/sh", "-c", "exit 65"], (False, "exit 65", True)),
        (["/dev/null/program"], (False, "does not start: Not a directory", False)),
        (["/bin/sh", "-c", "sleep 50 & sleep 50"], (False, "runs for longer than 0 s", False)),
    ],
)
def test_a_command_that_fails(arguments: list[str], answer: tuple[bool, str, bool]) -> None:
    begun = time.monotonic()
    assert command(*arguments, seconds=0).send("msg_1", "acme", "{}" * 100_000) == program.Answer(*answer)
    assert time.monotonic() - begun < 5


# --------------------------------------------------------------------------------------------------------------- mails


class Relay:
    """A mail relay of a few lines."""

    def __init__(self, data: str = "250 ok", recipient: str = "250 ok") -> None:
        self.mails: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.data, self.recipient = data, recipient
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, connection.makefile("rwb", buffering=0) as file:
                    self.talk(file)

    def talk(self, file: Any) -> None:
        file.write(b"220 relay\r\n")
        for line in file:
            word = line[:4].upper()
            answer = {b"RCPT": self.recipient, b"DATA": "354 go on", b"QUIT": "221 bye"}.get(word, "250 ok")
            file.write(answer.encode() + b"\r\n")
            if word == b"DATA":
                lines = list(iter(file.readline, b".\r\n"))
                self.mails.append(b"".join(lines).decode())
                file.write(self.data.encode() + b"\r\n")
            if word == b"QUIT":
                return


def mail(relay: Relay) -> Any:
    settings = {
        "relay": "relay.invalid",
        "addresses": ["127.0.0.1"],
        "port": relay.port,
        "security": "none",
        "username": None,
        "sender": "ftps@example.com",
        "to": ["desk@example.com"],
    }
    return program.Mail(settings, "")


def mail_body(path: str) -> str:
    files = [{"time": "2026-12-01T03:00:00.000Z", "path": path}]
    return json.dumps({"timestamp": "2026-12-01T03:00:00.000Z", "data": {"files": files}})


def test_a_mail_is_the_same_at_each_attempt_and_no_name_breaks_it() -> None:
    relay = Relay()
    body = mail_body("homes/acme/x\r\n.\r\nQUIT\x1b")
    for _ in range(2):
        assert mail(relay).send("msg_1", "acme", body) == program.Answer(True)
    first, second = relay.mails
    assert first == second
    assert "Message-ID: <msg_1@example.com>" in first
    assert "Subject: 1 file from acme" in first
    assert "homes/acme/x\\r\\n.\\r\\nQUIT\\x1b" in first


@pytest.mark.parametrize(
    ("relay", "refused"),
    [({"data": "554 no"}, True), ({"data": "451 later"}, False), ({"recipient": "450 later"}, False)],
)
def test_a_mail_that_is_not_taken(relay: dict[str, str], refused: bool) -> None:
    answer = mail(Relay(**relay)).send("msg_1", "acme", mail_body("homes/acme/x"))
    assert (answer.taken, answer.refused) == (False, refused)


# --------------------------------------------------------------------------------------------------------- the process


def test_the_process_is_killed_again_and_again_and_nothing_is_lost(web: Web, tmp_path: Path, clock: Clock) -> None:
    """With the real program, a real receiver, and kill -9 in the middle of its work, on the real clock."""
    service = Service(tmp_path, Clock())
    service.clock.now = START
    configuration, state = tmp_path / "configuration", tmp_path / "state"
    configuration.mkdir()
    url = {"url": f"http://127.0.0.1:{web.port}/", "addresses": ["127.0.0.1"]}
    (configuration / "gis.json").write_text(json.dumps(service.settings | url | {"batch_files": 7}))
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    arguments = [
        sys.executable,
        str(PROGRAM),
        "--run",
        "gis",
        "--configuration",
        str(configuration),
        "--state",
        str(state),
    ]

    def started() -> subprocess.Popen[bytes]:
        with (tmp_path / "secret").open("rb") as secret:
            return subprocess.Popen(arguments, stdin=secret)

    running = started()
    deadline = time.monotonic() + 60
    while not service.state.exists() or not service.state.stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    expected = []
    for round_ in range(4):
        expected += [service.renamed(f"homes/acme/{round_}-{number}") for number in range(100)]
        time.sleep(0.12 + 0.25 * round_)
        running.kill()
        running.wait()
        running = started()
    time.sleep(1)
    expected.append(service.renamed("homes/acme/last"))

    def received() -> Counter[str]:
        known = {headers["webhook-id"]: json.loads(body) for headers, body in web.requests}
        return Counter(one["id"] for body in known.values() for one in body["data"]["files"])

    while len(received()) < len(expected) and time.monotonic() < deadline:
        time.sleep(0.1)
    running.terminate()
    assert running.wait(10) == 0
    assert received() == Counter(expected), "each once, by the id of its batch"
