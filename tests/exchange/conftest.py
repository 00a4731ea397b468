"""Live checks of a running exchange, from the outside: which one, from where, which checks, and what they share.

What is checked is described by FTPS_EXCHANGE_TARGET (made by `make verify`) or by a lab's lab.json (FTPS_EXCHANGE_LAB,
default .lab/lab.json). docs/verify.md explains how to choose checks and how to read the report.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from ftps_exchange.verify.risks import BY_ID

from .ftps_client import FtpsClient, RefusedError
from .outcomes import not_tested
from .recorder import Evidence, Recorder
from .target import Account, Customer, Target, described
from .vantage import Host

RECORDER = pytest.StashKey[Recorder]()

MARKERS = (
    "risk(id, decides=False): the risk that the check is about; one that decides must pass before the answer is yes",
    "quick: belongs to the quick set",
    "hard: may ban, lock out or starve somebody; not against real customers",
    "slow: takes long or is noisy; not against real customers",
    "elsewhere: tries to write where it must not be able to; not against real customers",
    "inside: looks into the hosts themselves",
)
LEFT_OUT = {
    "hard": "may ban, lock out or starve real customers; FULL=1 runs it",
    "slow": "takes long and is noisy; FULL=1 runs it",
    "elsewhere": "tries to write outside the agreed folder; FULL=1 runs it",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("verify", "verification of an exchange")
    group.addoption("--quick", action="store_true", help="only the quick set")
    group.addoption("--risk", action="append", default=[], metavar="ID", help="only checks of this risk (repeatable)")
    group.addoption("--customer", metavar="NAME", help="act as this customer; without it, as the first one possible")
    group.addoption("--fail-fast", action="store_true", help="stop at the first check that fails")
    group.addoption("--reports", type=Path, metavar="FOLDER", help="write the report there")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    unknown = [risk for risk in config.getoption("risk") if risk not in BY_ID]
    if unknown:
        raise pytest.UsageError(f"there is no risk '{unknown[0]}'; there are: {', '.join(BY_ID)}")
    if config.getoption("fail_fast"):
        config.option.maxfail = 1


def recorder_of(config: pytest.Config) -> Recorder:
    """The session's recorder, made when checks are about to be collected."""
    if RECORDER not in config.stash:
        target = Target(described())
        if target.ca_file and not Path(target.ca_file).is_file():
            pytest.exit(f"{target.ca_file}, the CA's certificate, does not exist", returncode=2)
        words = ["beside real customers" if target.real_customers else "full"]
        words += ["quick"] if config.getoption("quick") else []
        words += [f"risk {risk}" for risk in config.getoption("risk")]
        recorder = Recorder(target, ", ".join(words), config.getoption("reports"))
        config.stash[RECORDER] = recorder
        config.pluginmanager.register(recorder)
    return config.stash[RECORDER]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    recorder_of(session.config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    checks = [item for item in items if item.path.parent == here]
    if not checks:
        return
    recorder = recorder_of(config)
    left_out = {item.nodeid: reason for item in checks if (reason := _left_out(config, recorder.target, item))}
    for item in checks:
        if item.nodeid in left_out:
            recorder.leave_out(item, left_out[item.nodeid])
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    # Checks that could disturb others come last
    items[:] = sorted(
        (item for item in items if item.nodeid not in left_out),
        key=lambda item: (_has(item, "hard"), _has(item, "slow"), not _has(item, "quick")),
    )


def _has(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None


def _left_out(config: pytest.Config, target: Target, item: pytest.Item) -> str | None:
    """Why the check is not run, if it is not."""
    risks: list[str] = config.getoption("risk")
    if risks and not any(mark.args[0] in risks for mark in item.iter_markers("risk")):
        return "only checks of other risks were asked for"
    if target.real_customers:
        for marker, reason in LEFT_OUT.items():
            if _has(item, marker):
                return reason
    if config.getoption("quick") and not _has(item, "quick"):
        return "not in the quick set"
    return None


# -- what is checked ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def recorder(pytestconfig: pytest.Config) -> Recorder:
    return recorder_of(pytestconfig)


@pytest.fixture(scope="session")
def target(recorder: Recorder) -> Target:
    return recorder.target


@pytest.fixture
def measure(recorder: Recorder) -> Callable[[str, str, Any], None]:
    """Note a fact for the report."""
    return recorder.measure


@pytest.fixture
def evidence() -> Evidence:
    """What the check saw, for the report; `connect` adds the transcripts."""
    return Evidence()


@pytest.fixture(scope="session")
def customer(target: Target, pytestconfig: pytest.Config) -> Customer:
    """As whom the checks act: CUSTOMER, or the first one with a vantage point and a known password."""
    wanted = pytestconfig.getoption("customer")
    if wanted:
        if wanted not in target.customers:
            pytest.exit(f"CUSTOMER={wanted}: there are {', '.join(target.customers)}", returncode=2)
        return target.customers[wanted]
    with_host = [customer for customer in target.customers.values() if customer.vantage]
    able = [customer for customer in with_host if customer.accounts]
    if not with_host:
        not_tested("there is no vantage point of any customer")
    return (able or with_host)[0]


@pytest.fixture(scope="session")
def neighbour(target: Target, customer: Customer) -> Customer:
    """A second customer, with a vantage point and a password."""
    for other in target.customers.values():
        if other.name != customer.name and other.vantage and other.accounts:
            return other
    return not_tested("there is no second customer with a vantage point and a known password")


@pytest.fixture(scope="session")
def everybody(target: Target) -> list[Customer]:
    """All customers who can be acted as."""
    found = [customer for customer in target.customers.values() if customer.vantage and customer.accounts]
    return found or not_tested("there is no customer with a vantage point and a known password")


@pytest.fixture
def fresh() -> str:
    """A file name nobody used before."""
    return f"check-{secrets.token_hex(6)}"


# -- connections ----------------------------------------------------------------------------------------------------
class Connect(Protocol):
    """Open a control connection; it is closed when the check ends."""

    def __call__(self, host: Host, **options: Any) -> FtpsClient: ...


class Session(Protocol):
    """A session of a customer, logged in; where that does not work, the check is NOT TESTED."""

    def __call__(self, customer: Customer, account: Account | None = None, **options: Any) -> FtpsClient: ...


class Pool:
    """Sessions that are open already, one a customer: for checks that leave a session as they found it."""

    def __init__(self) -> None:
        self.clients: dict[str, FtpsClient] = {}

    def take(self, customer: Customer, key: str, make: Callable[[], FtpsClient], evidence: Evidence) -> FtpsClient:
        client = self.clients.get(key)
        if client is not None:
            client.transcript = [f"# in the open session of {customer.name} from {client.host.name}"]
            try:
                if client.command("CWD /").code == 250:
                    evidence.transcripts.append(client.transcript)
                    return client
            except (OSError, EOFError):
                client.control.close()
        client = self.clients[key] = make()
        return client

    def close(self) -> None:
        for client in self.clients.values():
            client.control.close()


class Connector:
    """Makes FtpsClients and remembers them."""

    def __init__(self, target: Target, evidence: Evidence) -> None:
        self.target = target
        self.evidence = evidence
        self.clients: list[FtpsClient] = []

    def __call__(self, host: Host, **options: Any) -> FtpsClient:
        options.setdefault("tls", self.target.context(verify=False))
        transcript: list[str] = []
        self.evidence.transcripts.append(transcript)
        self.clients.append(FtpsClient(self.target, host, transcript=transcript, **options))
        return self.clients[-1]

    def keep(self, client: FtpsClient) -> FtpsClient:
        """Do not close it when the check ends."""
        self.clients.remove(client)
        return client

    def close(self) -> None:
        for client in self.clients:
            client.control.close()


@pytest.fixture
def connector(target: Target, evidence: Evidence) -> Iterator[Connector]:
    connector = Connector(target, evidence)
    yield connector
    connector.close()


@pytest.fixture
def connect(connector: Connector) -> Connect:
    return connector


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def last_line(error: BaseException) -> str:
    """Of a transcript the last reply, of another error its text."""
    return (str(error).splitlines() or [type(error).__name__])[-1]


@functools.lru_cache
def trusted(target: Target, host: Host, implicit: bool) -> bool:
    """Whether the server on this port proves who it is."""
    try:
        with FtpsClient(target, host, implicit=implicit) as client:
            if not implicit:
                client.start_tls()
    except (ssl.SSLError, OSError, EOFError, AssertionError):
        return False
    return True


@pytest.fixture
def secured(target: Target, connect: Connect) -> Connect:
    """A control connection in TLS; where there is none, the check is NOT TESTED: other checks report why."""

    def _secured(host: Host, **options: Any) -> FtpsClient:
        try:
            client = connect(host, **options)
            return client if options.get("implicit") else client.start_tls()
        except (RefusedError, OSError, EOFError) as error:
            return not_tested(f"no TLS could be set up: {last_line(error)}")

    return _secured


@pytest.fixture
def session(target: Target, secured: Connect) -> Session:
    """A password goes to a server that proved who it is; to another one only where there are no real customers."""

    def _session(
        customer: Customer, account: Account | None = None, *, version: ssl.TLSVersion | None = None, **options: Any
    ) -> FtpsClient:
        account = account or customer.writer
        if "tls" not in options:
            verified = trusted(target, customer.host, bool(options.get("implicit")))
            if not verified and target.real_customers:
                not_tested("the server did not prove who it is, so no password was sent to it")
            options["tls"] = target.context(verify=verified)
        if version is not None:
            options["tls"].minimum_version = options["tls"].maximum_version = version
        client = secured(customer.host, **options)
        try:
            return client.login(account)
        except (RefusedError, OSError, EOFError) as error:
            return not_tested(f"{account.name} could not log in: {last_line(error)}")

    return _session


class Scratch(Protocol):
    """The path of a file that does not exist yet."""

    def __call__(self, client: FtpsClient, name: str = "") -> str: ...


class Commands(Protocol):
    """A session for single commands; the same one for many checks, since every login takes time."""

    def __call__(self, customer: Customer, *, implicit: bool = False, ipv6: bool = False) -> FtpsClient: ...


@pytest.fixture
def commands(pool: Pool, connector: Connector, session: Session, evidence: Evidence) -> Commands:
    def _commands(customer: Customer, *, implicit: bool = False, ipv6: bool = False) -> FtpsClient:
        key = f"{customer.name} {implicit} {ipv6}"

        def make() -> FtpsClient:
            return connector.keep(session(customer, implicit=implicit, ipv6=ipv6))

        return pool.take(customer, key, make, evidence)

    return _commands


# -- writing --------------------------------------------------------------------------------------------------------
def need_folder(target: Target, client: FtpsClient) -> None:
    """An agreed folder must exist: checks create no other folder."""
    if target.folder:
        if client.command(f"CWD {target.folder}").code != 250:
            not_tested(f"the agreed folder {target.folder} is not there in a session from {client.host.name}")
        client.command("CWD /")


@pytest.fixture
def scratch(target: Target, fresh: str) -> Iterator[Scratch]:
    """Paths for files of a check, in the agreed folder. Leftovers are removed at the end."""
    if target.real_customers and not target.folder:
        not_tested("no folder is agreed in which checks may write (verify_folder)")
    made: list[tuple[FtpsClient, str]] = []

    def _path(client: FtpsClient, name: str = "") -> str:
        need_folder(target, client)
        path = f"{target.folder.rstrip('/')}/{fresh}{name}" if target.folder else f"{fresh}{name}"
        made.append((client, path))
        return path

    yield _path
    for client, path in made:
        try:
            client.command(f"DELE {path}")
        except (OSError, EOFError):
            # The check ended the session, or lost it
            with contextlib.suppress(OSError, EOFError, AssertionError), client.again() as another:
                another.command(f"DELE {path}")


# -- what takes time ------------------------------------------------------------------------------------------------
class Silence:
    """A connection on which nothing is sent; a thread waits for its end."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.began = time.monotonic()
        self.ended: float | None = None
        connection.settimeout(None)
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _wait(self) -> None:
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass
        self.ended = time.monotonic()

    def lasted(self, longest: float) -> float | None:
        """How many seconds the server let it be; None when it is still open after the longest time."""
        self.thread.join(max(0.0, self.began + longest - time.monotonic()))
        return None if self.ended is None else self.ended - self.began


@pytest.fixture(scope="session")
def waiting(target: Target, customer: Customer) -> Iterator[dict[str, Silence]]:
    """Connections that do nothing, by what they do not do."""
    opened: dict[str, Silence] = {}
    for kind, port in (("no login", target.explicit_port), ("no handshake", target.implicit_port)):
        with contextlib.suppress(OSError):
            if port:
                opened[kind] = Silence(customer.host.connect(target.public_ip, port))
    yield opened
    for silence in opened.values():
        silence.connection.close()


@pytest.fixture(scope="session", autouse=True)
def _begin_to_wait(request: pytest.FixtureRequest) -> None:
    """Open them before the first check, so that the last one has little to wait for."""
    if any("waiting" in getattr(item, "fixturenames", ()) for item in request.session.items):
        with contextlib.suppress(pytest.skip.Exception):
            request.getfixturevalue("waiting")
