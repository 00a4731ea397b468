"""The self-test and the programs against a server in a network of its own: each fault has its own exit code."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ftps_exchange.model.languages import Language
from ftps_exchange.packs.language import catalogue
from ftps_exchange.packs.subject import Authorities, Subject
from tests.unit.ftps_exchange import namespaces
from tests.unit.ftps_exchange.namespaces import Namespace
from tests.unit.ftps_exchange.packs_folder import OFFER, subject, texts

ADDRESS, PORT, FIRST, LAST = "198.51.100.10", 2121, 2200, 2208
NAME = "ftps.exchange.example"
PASSWORD = "a fine password"
SERVER = Path(__file__).parent / "selftest_server.py"
YOU, WE = "your side (network or workstation)", "our side (the provider)"

Key = ec.EllipticCurvePrivateKey


def certificate(name: str, key: Key, issuer: x509.Certificate | None, issuer_key: Key) -> x509.Certificate:
    """A CA, or what it signed for a server."""
    subject_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer.subject if issuer else subject_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=5))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's certificate, and a pack whose CA signed it."""
    path = tmp_path_factory.mktemp("selftest")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("Example Root CA", ca_key, None, ca_key)
    server = certificate(NAME, key, ca, ca_key)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (path / "server.pem").write_bytes(private + server.public_bytes(pem) + ca.public_bytes(pem))
    (path / "home").mkdir()
    (path / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n", encoding="utf-8")
    offer = dataclasses.replace(
        OFFER, authorities=Authorities(ca.public_bytes(pem).decode(), OFFER.authorities.certificates)
    )
    one = subject(
        offer,
        service={"public6": None, "explicit_port": PORT, "implicit_port": None, "passive": (FIRST, LAST)},
        sources6=(),
    )
    for language in get_args(Language):
        place = "pack" if language == "en" else f"pack-{language}"
        customer = dataclasses.replace(one.customer, language=language)
        for name, text in texts(dataclasses.replace(one, customer=customer)).items():
            (path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (path / place / name).write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def network() -> Iterator[Namespace]:
    """One network with the server's address; `make test` runs as root, only a quick `make unit` may lack the right."""
    absent, refused = namespaces.absent(), namespaces.refused()
    if (absent or refused) and not os.environ.get("CI"):
        pytest.skip(absent or refused or "")
    if absent or refused:
        pytest.fail(absent or refused or "", pytrace=False)
    made = Namespace()
    made.addresses("lo", f"{ADDRESS}/32")
    yield made
    made.close()


@contextmanager
def serving(network: Namespace, folder: Path, kind: str = "whole") -> Iterator[None]:
    """A server in the network."""
    command = [sys.executable, SERVER, kind, ADDRESS, PORT, FIRST, LAST, folder, PASSWORD]
    enter = ["nsenter", f"--net={network.path}", "--"]
    with subprocess.Popen([*enter, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            server.kill()


@dataclasses.dataclass
class Told:
    """What a program said and ended with."""

    code: int
    output: str

    def who(self) -> str:
        found = re.search(r"^Who fixes it: +(.*)$", self.output, re.M)
        return found.group(1) if found else ""


def run(
    network: Namespace, folder: Path, *command: str | Path, stdin: str = "", pack: str = "pack", **environment: str
) -> Told:
    """A program of the pack, in the network, which knows the server's name."""
    enter = ["nsenter", f"--net={network.path}", "unshare", "--mount", "sh", "-ec"]
    bind = 'mount --bind "$0" /etc/hosts; exec "$@"'
    done = subprocess.run(
        [*enter, bind, folder / "hosts", *command], input=stdin, capture_output=True, text=True, check=False,
        timeout=120, cwd=folder / pack, env=os.environ | environment,
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    return Told(done.returncode, done.stdout + done.stderr)


def selftest(network: Namespace, folder: Path, *options: str, **environment: str) -> Told:
    return run(network, folder, "sh", "selftest.sh", "--password-stdin", *options, stdin=f"{PASSWORD}\n", **environment)


def block(network: Namespace, rule: str) -> None:
    """What a device on the way does."""
    chain = "type filter hook input priority filter;"
    network.run("nft", "-f", "-", text=f"table ip way {{ chain input {{ {chain}\n{rule}\n}}\n}}\n")


def test_three_files_go_and_come_whole_in_one_call_each(network: Namespace, folder: Path) -> None:
    with serving(network, folder):
        told = selftest(network, folder)
    assert told.code == 0, told.output
    assert "three files sent, sizes equal, fetched, content equal, removed" in told.output
    assert list((folder / "home").iterdir()) == []


def test_while_the_range_moves_both_ranges_are_tried_and_either_is_announced(network: Namespace, folder: Path) -> None:
    """The server still uses the former range; the customer's firewall must have both open."""
    moving = dataclasses.replace(subject(OFFER).service, public6=None, explicit_port=PORT, implicit_port=None)
    moving = dataclasses.replace(moving, passive=(2300, 2304), also_passive=(FIRST, LAST))
    ca = (folder / "pack" / "ca.pem").read_text(encoding="utf-8")
    offer = dataclasses.replace(OFFER, authorities=Authorities(ca, OFFER.authorities.certificates))
    one = Subject(moving, subject(OFFER, sources6=()).customer, offer)
    for name, text in texts(one).items():
        (folder / "pack-moving" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pack-moving" / name).write_text(text, encoding="utf-8")
    call = ("sh", "selftest.sh", "--password-stdin")
    with serving(network, folder):
        told = run(network, folder, *call, stdin=f"{PASSWORD}\n", pack="pack-moving")
        block(network, "tcp dport 2300-2304 drop")
        closed = run(network, folder, *call, stdin=f"{PASSWORD}\n", pack="pack-moving")
    assert told.code == 0, told.output
    assert f"{FIRST}-{LAST} 2300-2304, tested: " in told.output
    assert (closed.code, closed.who()) == (61, YOU), closed.output
    assert "2200 to 2208 and 2300 to 2304" in closed.output


def test_a_file_that_is_said_to_be_sent_and_is_not_whole(network: Namespace, folder: Path) -> None:
    with serving(network, folder, "short"):
        told = selftest(network, folder)
    assert (told.code, told.who()) == (83, WE), told.output
    assert "arrived: 0 0 0" in told.output
    assert list((folder / "home").iterdir()) == [], "it leaves something behind"


@pytest.mark.parametrize(
    ("language", "kind", "code", "sentence"),
    [
        ("de", "whole", 0, "Everything works."),
        ("fr", "refuses", 71, "Who fixes it:"),
        ("nl", "whole", 0, "Everything works."),
        ("es", "short", 83, "our side (the provider)"),
    ],
)
def test_in_another_language_the_same_is_found_and_said(
    network: Namespace, folder: Path, language: str, kind: str, code: int, sentence: str
) -> None:
    say, call = catalogue(language), ("sh", "selftest.sh", "--password-stdin")
    with serving(network, folder, kind):
        told = run(network, folder, *call, stdin=f"{PASSWORD}\n", pack=f"pack-{language}")
    assert told.code == code, told.output
    assert say(sentence) in told.output
    assert say("data ports") in told.output
    assert list((folder / "home").iterdir()) == [], "it leaves something behind"


def test_a_refused_data_connection(network: Namespace, folder: Path) -> None:
    with serving(network, folder, "refuses"):
        told = selftest(network, folder)
    assert (told.code, told.who()) == (71, YOU), told.output


EXITS = ("198.51.100.20", "198.51.100.21")


def spread(network: Namespace, exits: tuple[str, ...] = EXITS) -> None:
    """A load balancer of the customer, which sends connections out from two addresses in turn."""
    network.addresses("lo", *(f"{address}/32" for address in exits))
    turns = ", ".join(f"{number} : {address}" for number, address in enumerate(exits))
    network.run(
        "nft",
        "-f",
        "-",
        text=f"""
        table ip exits {{
            chain postrouting {{
                type nat hook postrouting priority srcnat;
                snat to numgen inc mod {len(exits)} map {{ {turns} }}
            }}
        }}
    """,
    )


# The service knows both exits: the daemon refuses the data (425), or nobody listens there. Or it knows one of them.
SEVERAL_EXITS = {
    "425": ("", "your sessions come from 198.51.100.2"),
    "nobody listens": (f"tcp dport {FIRST}-{LAST} reject with tcp reset", "your sessions come from 198.51.100.2"),
    "one is known": (f"ip saddr {EXITS[1]} drop", "the same ports answer one time and not the next: 2"),
}


@pytest.mark.parametrize(("rule", "words"), SEVERAL_EXITS.values(), ids=SEVERAL_EXITS)
def test_several_exits(network: Namespace, folder: Path, rule: str, words: str) -> None:
    spread(network)
    block(network, rule)
    with serving(network, folder):
        told = selftest(network, folder)
    assert (told.code, told.who()) == (62, YOU), told.output
    assert words in told.output


def test_a_device_that_refuses_data_is_no_exit(network: Namespace, folder: Path) -> None:
    block(network, f"tcp dport {FIRST}-{LAST} reject with tcp reset")
    with serving(network, folder):
        told = selftest(network, folder)
    assert (told.code, told.who()) == (60, YOU), told.output


# A record of a TLS handshake, behind a TCP header with time stamps (32 bytes), on its way to the server
TLS = f"tcp dport {PORT} @th,256,16 0x1603"


@pytest.mark.parametrize(
    ("rule", "code", "words"),
    [
        (f"tcp sport {PORT} meta length > 500 drop", 31, "small packets come back, large ones do not"),
        (f"{TLS} drop", 30, "no answer when TLS starts, even to small packets"),
        (f"{TLS} reject with tcp reset", 30, "TLS            FAIL"),
    ],
    ids=["path MTU", "held", "cut"],
)
def test_silence_is_no_reset_and_path_mtu_no_inspection(
    network: Namespace, folder: Path, rule: str, code: int, words: str
) -> None:
    block(network, rule)
    with serving(network, folder):
        told = selftest(network, folder, "--no-login")
    assert (told.code, told.who()) == (code, YOU), told.output
    assert words in told.output
    assert "inspection" in told.output
    assert ("MTU" in told.output) == (code == 31), told.output


def test_a_client_without_ecdhe(network: Namespace, folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "openssl.cnf"
    settings.write_text(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
        "CipherString = AES256-SHA\nMaxProtocol = TLSv1.2\n",
        encoding="utf-8",
    )
    with serving(network, folder):
        told = selftest(network, folder, "--no-login", OPENSSL_CONF=str(settings))
    assert (told.code, told.who()) == (32, YOU), told.output
    assert "ECDHE" in told.output


def python(network: Namespace, folder: Path, *call: str | Path) -> Told:
    program = "clients/programs/ftps.py"
    return run(network, folder, sys.executable, program, *call, FTPS_PASSWORD=PASSWORD)


def test_the_program_in_python_sends_lists_and_fetches(network: Namespace, folder: Path, tmp_path: Path) -> None:
    for name, size in (("one.bin", 300_000), ("empty.bin", 0)):
        (tmp_path / name).write_bytes(os.urandom(size))
    with serving(network, folder):
        assert python(network, folder, "put", tmp_path / "one.bin", tmp_path / "empty.bin").code == 0
        assert sorted(python(network, folder, "list").output.split()) == ["empty.bin", "one.bin"]
        assert python(network, folder, "get", "one.bin", "empty.bin").code == 0
    for name in ("one.bin", "empty.bin"):
        assert (folder / "pack" / name).read_bytes() == (tmp_path / name).read_bytes()
        (folder / "pack" / name).unlink()
        (folder / "home" / name).unlink()


def test_a_broken_upload_leaves_the_good_file(network: Namespace, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text("new", encoding="utf-8")
    report = folder / "home" / "report.csv"
    report.write_text("the good one", encoding="utf-8")
    for kind in ("short", "refuses"):
        with serving(network, folder, kind):
            told = python(network, folder, "put", tmp_path / "report.csv")
        assert told.code == 1, told.output
        assert report.read_text(encoding="utf-8") == "the good one"
    with serving(network, folder, "refuses"):
        told = run(network, folder, "sh", "clients/upload.sh", tmp_path / "report.csv", FTPS_PASSWORD=PASSWORD)
    assert told.code != 0, told.output
    assert report.read_text(encoding="utf-8") == "the good one"
    with serving(network, folder):
        told = run(network, folder, "sh", "clients/upload.sh", tmp_path / "report.csv", FTPS_PASSWORD=PASSWORD)
    assert (told.code, report.read_text(encoding="utf-8")) == (0, "new"), told.output
    for left in (folder / "home").iterdir():
        left.unlink()


# The engine has no prompt, so a stand-in answers
WRAPPER = """
param([string] $Script)
function global:Read-Host {
    param([string] $Prompt, [switch] $AsSecureString)
    ConvertTo-SecureString $env:PACKS_PASSWORD -AsPlainText -Force
}
& $Script
exit $LASTEXITCODE
"""


@pytest.mark.parametrize(
    ("kind", "rule", "code"),
    [
        ("whole", None, 0),
        ("refuses-fr", None, 71),
        ("short", None, 83),
        ("refuses", None, 71),
        ("whole", f"tcp sport {PORT} meta length > 500 drop", 31),
        ("whole", f"{TLS} drop", 30),
        ("whole", f"{TLS} reject with tcp reset", 30),
    ],
    ids=["whole", "French", "short", "refuses", "path MTU", "held", "cut"],
)
def test_powershell_says_the_same(
    network: Namespace, folder: Path, pwsh: Path, kind: str, rule: str | None, code: int
) -> None:
    (folder / "wrapper.ps1").write_text(WRAPPER, encoding="utf-8")
    if rule:
        block(network, rule)
    kind, _, language = kind.partition("-")
    script = folder / (f"pack-{language}" if language else "pack") / "selftest.ps1"
    with serving(network, folder, kind):
        told = run(
            network, folder, pwsh, "-NoProfile", "-File", folder / "wrapper.ps1", script, PACKS_PASSWORD=PASSWORD
        )  # fmt: skip
    assert told.code == code, told.output
    said = "Everything works." if code == 0 else "What it means:"
    assert catalogue(language or "en")(said) in told.output
    assert list((folder / "home").iterdir()) == [], "it leaves something behind"


@pytest.mark.parametrize("case", ["nobody listens", "one is known"])
def test_powershell_sees_several_exits(network: Namespace, folder: Path, pwsh: Path, case: str) -> None:
    rule, words = SEVERAL_EXITS[case]
    (folder / "wrapper.ps1").write_text(WRAPPER, encoding="utf-8")
    spread(network)
    block(network, rule)
    call = (pwsh, "-NoProfile", "-File", folder / "wrapper.ps1", folder / "pack" / "selftest.ps1")
    with serving(network, folder):
        told = run(network, folder, *call, PACKS_PASSWORD=PASSWORD)
    assert (told.code, told.who()) == (62, YOU), told.output
    assert words in told.output
