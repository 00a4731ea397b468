"""What curl reports about a transfer, and its arguments."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import lab_ftps_transfer as ftps

# curl 8.14.1 against ProFTPD 1.3.8c; lines without a part in it are left out
TRACE = """\
*   Trying 203.0.113.10:21...
* Connected to ftps.exchange.example (203.0.113.10) port 21
< 220 ftps.exchange.example
> AUTH SSL
< 234 AUTH SSL successful
* SSL connection using TLSv1.2 / ECDHE-ECDSA-AES256-GCM-SHA384 / X25519 / id-ecPublicKey
*  SSL certificate verify ok.
> USER acme-up
< 331 Password required for acme-up
< 230 User acme-up logged in
> PBSZ 0
{ [5 bytes data]
< 200 PBSZ 0 successful
} [5 bytes data]
> PROT P
{ [5 bytes data]
< 200 Protection set to Private
> EPSV
< 229 Entering Extended Passive Mode (|||50027|)
* Connecting to 203.0.113.10 (203.0.113.10) port 50027
* SSL reusing session with ALPN '-'
> RETR hello-from-acme.bin
* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384 / X25519MLKEM768 / UNDEF
< 226 Transfer complete
"""
REPORT = "10.79.20.11 203.0.113.10 21 0 8388608 0.902790 0"
OPTIONS: dict[str, Any] = {
    "fqdn": "ftps.exchange.example",
    "port": 21,
    "account": "acme-up",
    "password": 'a"b\\c',
    "ca_file": "/etc/ssl/ca.pem",
    "file_name": "hello.bin",
    "size_bytes": 1000,
    "upload_family": "4",
    "download_family": "6",
}


def test_everything_is_read_from_the_trace() -> None:
    assert ftps.read_trace(TRACE, REPORT, "download") == {
        "direction": "download",
        "bytes": 8388608,
        "seconds": 0.90279,
        "local_address": "10.79.20.11",
        "remote_address": "203.0.113.10",
        "remote_port": 21,
        "passive_port": 50027,
        "passive_command": "EPSV",
        # That of the data channel
        "tls": "TLSv1.3, TLS_AES_256_GCM_SHA384",
    }


def test_passive_port_of_pasv() -> None:
    trace = TRACE.replace(
        "229 Entering Extended Passive Mode (|||50027|)", "227 Entering Passive Mode (203,0,113,10,195,80)."
    )
    assert ftps.passive_port(trace) == (50000, "PASV")


@pytest.mark.parametrize(
    ("trace", "report", "told"),
    [
        (TRACE, REPORT[:-1] + "19", "the certificate was not verified"),
        (TRACE.replace("> PROT P", "> NOOP"), REPORT, "that the server protects data channels"),
        (TRACE.replace("< 200 Protection set", "< 534 Protection not set"), REPORT, "that the server protects data"),
        (TRACE.replace("* SSL connection using TLSv1.3", "* x"), REPORT, "reported 1 TLS handshakes"),
        (TRACE.replace("< 229", "< 500"), REPORT, "named no passive port"),
    ],
)
def test_a_transfer_without_protection_is_no_success(trace: str, report: str, told: str) -> None:
    with pytest.raises(ftps.TransferError, match=told):
        ftps.read_trace(trace, report, "upload")


def test_configuration_escapes_the_password() -> None:
    lines = ftps.configuration(OPTIONS, "6", "upload", Path("/tmp/sent")).splitlines()
    assert 'url = "ftp://ftps.exchange.example:21/hello.bin"' in lines
    assert 'user = "acme-up:a\\"b\\\\c"' in lines
    assert 'upload-file = "/tmp/sent"' in lines
    assert {"ssl-reqd", "ipv6", 'cacert = "/etc/ssl/ca.pem"'} <= set(lines)
    assert not [line for line in lines if "insecure" in line]
    assert 'output = "/tmp/x"' in ftps.configuration(OPTIONS, "4", "download", Path("/tmp/x")).splitlines()


class Curl:
    """Stands for curl: writes what a download would, and notes how it was called."""

    def __init__(self, damaged: bool = False, code: int = 0) -> None:
        self.damaged = damaged
        self.code = code
        self.calls: list[tuple[list[str], int]] = []
        self.sent = b""

    def __call__(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        config = Path(arguments[1])
        self.calls.append((arguments, config.stat().st_mode & 0o777))
        for line in config.read_text().splitlines():
            key, _, value = line.partition(" = ")
            if key == "upload-file":
                self.sent = Path(value.strip('"')).read_bytes()
            if key == "output":
                Path(value.strip('"')).write_bytes(self.sent + (b"!" if self.damaged else b""))
        errors = (
            TRACE if self.code == 0 else "< 331 Password required\n< 530 Login incorrect.\ncurl: (67) Access denied\n"
        )
        return subprocess.CompletedProcess(arguments, self.code, REPORT, errors)


def test_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    curl = Curl()
    monkeypatch.setattr(ftps, "run_curl", curl)
    upload, download = ftps.there_and_back(OPTIONS)
    assert (upload["direction"], upload["family"]) == ("upload", "4")
    assert (download["direction"], download["family"]) == ("download", "6")
    assert upload["sha256"] == download["sha256"]
    assert len(curl.sent) == 1000
    for arguments, mode in curl.calls:
        assert mode == 0o600
        assert OPTIONS["password"] not in " ".join(arguments)
        assert not Path(arguments[1]).exists()


def test_a_file_that_changed_on_the_way_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftps, "run_curl", Curl(damaged=True))
    with pytest.raises(ftps.TransferError, match="the file came back changed"):
        ftps.there_and_back(OPTIONS)


def test_a_refusal_is_told_in_the_words_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftps, "run_curl", Curl(code=67))
    with pytest.raises(ftps.TransferError, match=r"upload over IPv4 failed: .*< 530 Login incorrect\.; curl: \(67\)"):
        ftps.there_and_back(OPTIONS)
