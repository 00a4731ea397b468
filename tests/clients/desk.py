"""Where the clients run: containers with the programs, in the network of a customer's host behind its firewall.

Their packets leave from that host, and cross the customer's firewall and the edge like anybody's. The customer's pack
lies in each container, and a call begins in a fresh copy of it.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import secrets
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.ftps.exchange.plugins.module_utils.lab.podman import limit_arguments, runtime_arguments

from tests.exchange.lab import PROJECT, Container, Host, Lab

from .clients import CLIENTS, HERE, Client
from .outcome import Cell, judge

LABEL = "ftps-exchange.clients"
LIFE_SECONDS = 3 * 3600
"""A container ends by itself after this time: a run that is killed leaves none for ever."""
PROGRAMS = PROJECT / "tests" / "clients" / "programs"
SIZES = (1, 900, 16_384, 70_000, 100_000, 210_000, 350_000, 490_000, 700_000, 1_500_000)
"""Of the ten files: less and more than one TLS record, and than what a socket holds."""
BEGIN = "==ftps-exchange"


type Hashes = dict[str, str]
"""SHA-256 by the file's name."""


@dataclass
class Server:
    """The customer's home, seen from the server's side."""

    lab: Lab
    account: str
    customer: str

    @property
    def home(self) -> str:
        return f"{self.lab.data.get('root', '/srv/ftps-exchange')}/homes/{self.customer}"

    def sh(self, script: str, stdin: bytes | None = None, timeout: float = 120) -> str:
        return self.lab.server.sh(f"cd {self.home}; {script}", stdin=stdin, timeout=timeout)

    def hashes(self, prefix: str) -> Hashes:
        """SHA-256 by name, of every file whose name begins so (a pattern)."""
        return hashes_in(self.sh(f"find . -maxdepth 1 -type f -name '{prefix}*' -exec sha256sum {{}} +"))


def podman(*words: str) -> None:
    """Run podman, which must succeed."""
    done = subprocess.run(["podman", *runtime_arguments(), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"podman {' '.join(words)}: {done.stderr}"


def hashes_in(printed: str) -> Hashes:
    """What sha256sum printed, as digest by name."""
    found = {}
    for line in printed.splitlines():
        digest, _, name = line.partition("  ")
        found[name.removeprefix("./")] = digest
    return found


@dataclass
class Desk:
    """One lab's clients."""

    lab: Lab
    pack: Path
    images: Mapping[str, str]
    engine: str | None
    containers: dict[str, Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.customer = self.lab.customers["acme"]
        self.account = self.customer.writer
        self.server = Server(self.lab, self.account.name, self.customer.name)
        # Two runs at once do not take each other's files and containers away
        self.run = secrets.token_hex(4)
        self.store = f"{HERE}-{self.run}"

    # -- containers -------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """A container of its own for each image, in the network of the customer's host."""
        network = self.customer.host.name
        mounts = [f"{PROGRAMS}:{HERE}/programs:ro", f"{self.pack}:{HERE}/pack:ro"]
        if self.engine:
            mounts.append(f"{Path(self.engine).resolve().parent}:/opt/pwsh:ro")
        kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
        limits = limit_arguments(
            Path("/proc/self/status").read_text(encoding="ascii"), *(resource.getrlimit(kind)[1] for kind in kinds)
        )
        for suite, image in self.images.items():
            name = f"{network}-clients-{suite}-{self.run}"
            podman(
                *("run", "--rm", "--detach", "--name", name, "--label", f"{LABEL}={network}"),
                *(f"--network=container:{network}", *limits),
                *(f"--volume={mount}" for mount in mounts),
                *(image, "sleep", str(LIFE_SECONDS)),
            )
            self.containers[suite] = Container(name)
        self.containers["trixie"].sh(COMPILE, timeout=400)
        self.make_files()

    def stop(self) -> None:
        for container in self.containers.values():
            podman("rm", "--force", "--time", "0", "--ignore", container.name)
        self.clear()

    def clear(self) -> None:
        """Leave nothing on the server."""
        self.lab.server.sh(f"rm -rf {self.store}")

    def copy(self, folder: Path, host: Host, there: str) -> None:
        """A folder of this machine to a host."""
        archive = subprocess.run(["tar", "-C", str(folder), "-cf", "-", "."], capture_output=True, check=True).stdout
        host.sh(f"exec tar -C {there} --no-same-owner -xf -", stdin=archive)

    def make_files(self) -> None:
        """The same ten files everywhere: to be sent, and on the server to be fetched."""
        first, *others = self.containers.values()
        first.sh(MAKE_FILES, stdin=" ".join(map(str, SIZES)).encode())
        files = first.run("tar", "-C", HERE, "-cf", "-", "files").stdout
        for host, there in (*((other, HERE) for other in others), (self.lab.server, self.store)):
            host.sh(f"mkdir -p {there}; exec tar -C {there} -xf -", stdin=files)
        self.digests = hashes_in(first.sh(f"cd {HERE}/files; sha256sum *"))

    # -- one client -------------------------------------------------------------------------------------------------
    def script(self, client: Client, mode: str, steps: str) -> str:
        """A script for the client's container. On standard input, since passwords belong on no command line."""
        implicit = mode.startswith("I")
        address = self.lab.address(mode.endswith("6"))
        environment = {
            "FTPS_HOST": self.lab.fqdn,
            "FTPS_PORT": str(self.lab.port(implicit)),
            "FTPS_IMPLICIT": "1" if implicit else "0",
            "FTPS_ACCOUNT": self.account.name,
            "FTPS_PASSWORD": self.account.password,
            "HOME": "/root",
            **client.environment,
        }
        exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())
        return f"""
{exports}
# One family: a client that tries the other one first would hide what is measured
printf '127.0.0.1 localhost\\n{address} {self.lab.fqdn}\\n' > /etc/hosts
rm -rf {HERE}/work
cp -r {HERE}/pack {HERE}/work
cd {HERE}/work
FTPS_CA=$PWD/ca.pem
export FTPS_CA
if [ -d /opt/clients/node ]; then ln -s /opt/clients/node/node_modules node_modules; fi
call() {{
    what=$1
    shift
    began=$(date +%s.%N)
    status=0
    timeout -k 3 {client.seconds} {client.call} "$@" > /tmp/out 2> /tmp/err || status=$?
    printf '{BEGIN} %s %s %s %s\\n' "$what" "$status" "$began" "$(date +%s.%N)"
    tail -c 1500 /tmp/err
    printf '{BEGIN} out\\n'
    case $what in list | version) head -c 1000000 /tmp/out ;; *) tail -c 500 /tmp/out ;; esac
}}
{steps}
"""

    def calls(self, client: Client, mode: str, steps: str, timeout: float) -> tuple[dict[str, Call], str]:
        """Run steps, and what each call printed; the rest is what the script itself printed at its end."""
        container = self.containers[client.image]
        done = container.run("sh", "-c", FROM_STDIN, stdin=self.script(client, mode, steps).encode(), timeout=timeout)
        text = done.stdout.decode(errors="replace")
        head, _, rest = text.partition(f"{BEGIN} end\n")
        assert rest or f"{BEGIN} end" in text, (
            f"{container.name}: {done.stderr.decode(errors='replace')}\n{text[-2000:]}"
        )
        parts = [part.partition("\n") for part in head.split(f"{BEGIN} ")[1:]]
        found = {}
        for (first, _, said), (_, _, out) in itertools.batched(parts, 2):
            what, status, began, ended = first.split()
            found[what] = Call(int(status), float(ended) - float(began), said.strip(), out)
        return found, rest

    def version(self, client: Client) -> str:
        """The versions of the program and of its TLS library."""
        teller = next(other for other in CLIENTS if other.id == (client.version_of or client.id))
        calls, _ = self.calls(teller, "E4", f"call version version\nprintf '{BEGIN} end\\n'\n", 60)
        return " ".join(calls["version"].out.split())

    def measure(self, client: Client, mode: str, actions: Sequence[str]) -> dict[str, Cell]:
        """What comes of these actions in one mode."""
        trial = Trial(client, self.digests, f"m{time.time_ns():x}")
        end = [f"printf '{BEGIN} end\\n'", f"sha256sum *{trial.mark}* 2> /dev/null"]
        script = "\n".join([trial.placed_here(), *map(trial.step, actions), *end])
        try:
            self.server.sh(trial.placed_on_the_server(self.store, self.account.name))
            calls, printed = self.calls(client, mode, script, (client.seconds + 5) * (len(actions) + 1) + 60)
            here, there = hashes_in(printed), self.server.hashes(f"*{trial.mark}")
        finally:
            self.server.sh(f"find . -maxdepth 1 -name '*{trial.mark}*' -delete")
        return {action: trial.judged(action, calls, here, there) for action in actions}


@dataclass(frozen=True)
class Trial:
    """The files of one trial: how they are made, what a client does with them, and where they must be afterwards.

    They have no extension: FileZilla takes such files for text and changes line ends, unless the pack's settings forbid
    it. What is fetched comes first in the alphabet: FileZilla's user marks the first files.
    """

    client: Client
    digests: Mapping[str, str]
    """Of the files in HERE/files, by number."""
    mark: str
    """In every name."""

    @property
    def sent(self) -> dict[str, str]:
        """Digest of each file that is sent."""
        return {f"{self.mark}-{number}": digest for number, digest in self.digests.items()}

    @property
    def fetched(self) -> dict[str, str]:
        return {f"a{name}": digest for name, digest in self.sent.items()}

    @property
    def big(self) -> str:
        """The file that is resumed in the middle."""
        return max(self.digests)

    @property
    def half(self) -> int:
        return SIZES[int(self.big)] // 2

    @property
    def resumed(self) -> str:
        return f"r{self.mark}"

    @property
    def empty(self) -> str:
        return f"e{self.mark}"

    def placed_on_the_server(self, store: str, owner: str) -> str:
        """What is to be fetched, and the beginning of what is to be resumed."""
        begun = f"{self.resumed}.part" if self.client.part else self.resumed
        files = {f"a{self.mark}-{number}": number for number in self.digests} | {begun: self.big}
        lines = [f"install -o {owner} -m 0660 {store}/files/{number} {name}" for name, number in files.items()]
        return "\n".join([*lines, f"truncate -s {self.half} {begun}"])

    def placed_here(self) -> str:
        """What is to be sent."""
        return "\n".join(f"cp {HERE}/files/{number} {self.mark}-{number}" for number in self.digests)

    def step(self, action: str) -> str:
        """The shell step for one action; a call's name is the action."""
        match action:
            case "put":
                return f"call put put {' '.join(self.sent)}"
            case "get":
                return f"call get get {' '.join(self.fetched)}"
            case "list":
                return "call list list"
            case "empty":
                return f": > {self.empty}; call empty put {self.empty}; rm {self.empty}; call back get {self.empty}"
            case "resume-put":
                return f"cp {HERE}/files/{self.big} {self.resumed}; call resume-put resume-put {self.resumed}"
            case _:
                # In a folder of its own, since get has brought the same file
                name = f"a{self.mark}-{self.big}"
                begun = f"cp -r {HERE}/pack resuming; cd resuming; head -c {self.half} {HERE}/files/{self.big} > {name}"
                return f"{begun}; call resume-get resume-get {name}; mv {name} ../back-{self.mark}; cd .."

    def judged(self, action: str, calls: Mapping[str, Call], here: Hashes, there: Hashes) -> Cell:
        """What came of one action; ``here`` are the client's files, ``there`` the server's."""
        call = calls[action]
        status, said = call.status, f"{call.said}\n{call.out}"
        match action:
            case "put":
                found = [there.get(name) == digest for name, digest in self.sent.items()]
            case "get":
                found = [here.get(name) == digest for name, digest in self.fetched.items()]
            case "list":
                listed, said = set(call.out.split()), call.said
                found = [name in listed for name in self.fetched]
            case "empty":
                found = [place.get(self.empty) == NOTHING for place in (there, here)]
                status, said = status or calls["back"].status, f"{said}\n{calls['back'].said}"
            case "resume-put":
                found = [there.get(self.resumed) == self.digests[self.big]]
            case _:
                found = [here.get(f"back-{self.mark}") == self.digests[self.big]]
        told = "\n".join(said.strip().splitlines()[-3:])
        return judge(whole=sum(found), files=len(found), status=status, seconds=call.seconds, said=told)


@dataclass
class Call:
    """What one call of a program printed, and how it ended."""

    status: int
    seconds: float
    said: str
    out: str = ""


FROM_STDIN = 'script=$(cat); exec < /dev/null; eval "$script"'
"""Read a whole script before it begins: what it starts would read the rest of it."""

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes."""

MAKE_FILES = f"""
mkdir -p {HERE}/files
cd {HERE}/files
i=0
for size in $(cat); do head -c "$size" /dev/urandom > "$(printf %02d "$i")"; i=$((i + 1)); done
"""

COMPILE = f"""
mkdir {HERE}/compiled
cd {HERE}/compiled
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=/opt/clients/go
javac -cp /usr/share/java/commons-net.jar -d . {HERE}/programs/CommonsNet.java
go build -o jlaffaye {HERE}/programs/jlaffaye.go
if [ -f {HERE}/pack/clients/programs/ftps.go ]; then go build -o ftps {HERE}/pack/clients/programs/ftps.go; fi
"""


@contextmanager
def clients_of(lab: Lab, pack: Path, images: Mapping[str, str], engine: str | None) -> Iterator[Desk]:
    desk = Desk(lab, pack, images, engine)
    try:
        desk.start()
        yield desk
    finally:
        desk.stop()


def find_engine() -> str | None:
    """The PowerShell engine, where the other tests look for it."""
    return os.environ.get("FTPS_EXCHANGE_PWSH") or shutil.which("pwsh")


def built_images(path: Path) -> dict[str, str]:
    """What the role lab_clients wrote: image by suite."""
    found: dict[str, str] = json.loads(path.read_text())
    return found
