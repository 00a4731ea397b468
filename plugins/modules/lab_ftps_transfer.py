#!/usr/bin/python
"""Ansible module: send a file as a customer, fetch it again, and report its route."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_ftps_transfer
short_description: Make a customer's FTPS transfer with curl and report the observations
description:
  - Runs on a customer's computer in the lab, a host with Linux.
  - Makes a file of random bytes, uploads it over explicit FTPS, downloads it again and compares the SHA-256 of both.
    The server's certificate is verified, and TLS is required on both channels.
  - Everything that it returns was reported by curl during the transfer; nothing is assumed.
  - curl gets the password in a file that only root can read, never on a command line.
  - Runs on the customer's host. Nothing on it is changed; the file stays on the server, under the same name each time.
options:
  fqdn:
    description: Name of the service, which its certificate must contain.
    type: str
    required: true
  port:
    description: Port of explicit FTPS.
    type: int
    default: 21
  account:
    description: Account, which must be allowed to write.
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  ca_file:
    description: Certificate of the CA that the customer trusts, on the customer's host.
    type: path
    required: true
  file_name:
    description: Name of the file on the server.
    type: str
    required: true
  size_bytes:
    description: Size of the file, in bytes.
    type: int
    default: 8388608
  download_family:
    description: IP version of the download. The upload uses IPv4 if the service has it.
    type: str
    choices: ["4", "6"]
    default: "4"
  upload_family:
    description: IP version of the upload.
    type: str
    choices: ["4", "6"]
    default: "4"
attributes:
  check_mode:
    support: full
    description: Makes no transfer.
  diff_mode:
    support: none
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Send a file and fetch it again
  ftps.exchange.lab_ftps_transfer:
    fqdn: ftps.exchange.example
    account: acme-up
    password: "{{ password }}"
    ca_file: /etc/ssl/ftps-exchange-lab-ca.pem
    file_name: hello-from-acme.bin
    download_family: "6"
"""

RETURN = r"""
transfers:
  description: Upload and download, in this order.
  returned: when not in check mode
  type: list
  elements: dict
  contains:
    direction: {description: V(upload) or V(download)., type: str}
    family: {description: IP version., type: str}
    account: {description: Account., type: str}
    file: {description: Name of the file on the server., type: str}
    bytes: {description: Bytes that went over the data channel., type: int}
    seconds: {description: Duration with login, in seconds., type: float}
    local_address: {description: Own address of the connection., type: str}
    remote_address: {description: Address that was connected to., type: str}
    remote_port: {description: Port of the control channel., type: int}
    passive_port: {description: Port of the data channel that the server named., type: int}
    passive_command: {description: How the port was asked for., type: str}
    tls: {description: Protocol version and cipher., type: str}
    sha256: {description: Digest of the file on the customer's side., type: str}
"""

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

REPORT = "%{local_ip} %{remote_ip} %{remote_port} %{size_upload} %{size_download} %{time_total} %{ssl_verify_result}"


class TransferError(Exception):
    """What went wrong, and where to look."""


def quoted(value: str) -> str:
    """A value for curl's configuration file."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def configuration(options: dict[str, Any], family: str, direction: str, path: Path) -> str:
    """The configuration file for curl, so that the password is not in the process list."""
    lines = [
        "url = " + quoted(f"ftp://{options['fqdn']}:{options['port']}/{options['file_name']}"),
        f"user = {quoted(options['account'] + ':' + options['password'])}",
        f"cacert = {quoted(options['ca_file'])}",
        "ssl-reqd",
        "verbose",
        "silent",
        "show-error",
        f"ipv{family}",
        "connect-timeout = 15",
        "max-time = 120",
        f"write-out = {quoted(REPORT)}",
        f"{'upload-file' if direction == 'upload' else 'output'} = {quoted(str(path))}",
    ]
    return "\n".join(lines) + "\n"


def first(pattern: str, text: str, what: str) -> tuple[str, ...]:
    """Groups of the first match; curl says each of these things in every transfer."""
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        raise TransferError(f"curl did not report {what}")
    return match.groups()


def passive_port(trace: str) -> tuple[int, str]:
    """Port of the data channel and the command that asked for it."""
    if match := re.search(r"^< 229 .*\(\|\|\|(\d+)\|\)", trace, re.MULTILINE):
        return int(match[1]), "EPSV"
    if match := re.search(r"^< 227 .*?(?:\d+,){4}(\d+),(\d+)", trace, re.MULTILINE):
        return int(match[1]) * 256 + int(match[2]), "PASV"
    raise TransferError("the server named no passive port")


def read_trace(trace: str, report: str, direction: str) -> dict[str, Any]:
    """What curl saw, from its trace and from what it wrote at the end."""
    local, remote, port, sent, received, seconds, verified = report.split()
    if verified != "0":
        raise TransferError(f"the certificate was not verified (curl's ssl_verify_result is {verified})")
    first(r"^> PROT P\n(?:[^<].*\n)*?(< 200) ", trace, "that the server protects data channels")
    handshakes = re.findall(r"^\* SSL connection using (\S+) / (\S+)", trace, re.MULTILINE)
    if len(handshakes) < 2:
        raise TransferError(f"curl reported {len(handshakes)} TLS handshakes; control and data channel need one each")
    data_port, command = passive_port(trace)
    version, cipher = handshakes[-1]
    return {
        "direction": direction,
        "bytes": int(sent if direction == "upload" else received),
        "seconds": float(seconds),
        "local_address": local,
        "remote_address": remote,
        "remote_port": int(port),
        "passive_port": data_port,
        "passive_command": command,
        "tls": f"{version}, {cipher}",
    }


def sha256(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def run_curl(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run curl with a plain English trace."""
    return subprocess.run(
        ["curl", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
    )


def transfer(options: dict[str, Any], family: str, direction: str, path: Path, work: Path) -> dict[str, Any]:
    """One transfer with curl."""
    config = work / "curl.conf"
    config.touch(mode=0o600)
    config.write_text(configuration(options, family, direction, path), encoding="utf-8")
    finished = run_curl(["--config", str(config)])
    if finished.returncode != 0:
        replies = [line for line in finished.stderr.splitlines() if line.startswith(("< ", "curl: "))]
        raise TransferError(f"{direction} over IPv{family} failed: {'; '.join(replies[-4:]) or finished.stderr[-300:]}")
    seen = read_trace(finished.stderr, finished.stdout, direction)
    return {
        **seen,
        "family": family,
        "account": options["account"],
        "file": options["file_name"],
        "sha256": sha256(path),
    }


def there_and_back(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Send a file of random bytes and fetch it again."""
    with tempfile.TemporaryDirectory(prefix="lab-transfer-") as folder:
        work = Path(folder)
        sent, received = work / "sent", work / "received"
        sent.write_bytes(os.urandom(options["size_bytes"]))
        upload = transfer(options, options["upload_family"], "upload", sent, work)
        download = transfer(options, options["download_family"], "download", received, work)
    if upload["sha256"] != download["sha256"]:
        raise TransferError(
            f"the file came back changed: SHA-256 {upload['sha256']} was sent, {download['sha256']} received"
        )
    return [upload, download]


def main() -> None:
    """Entry point."""
    families = {"type": "str", "choices": ["4", "6"], "default": "4"}
    module = AnsibleModule(
        argument_spec={
            "fqdn": {"type": "str", "required": True},
            "port": {"type": "int", "default": 21},
            "account": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca_file": {"type": "path", "required": True},
            "file_name": {"type": "str", "required": True},
            "size_bytes": {"type": "int", "default": 8 * 1024 * 1024},
            "download_family": families,
            "upload_family": families,
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg="no transfer is made in check mode")
    try:
        transfers = there_and_back(module.params)
    except TransferError as error:
        service = f"{module.params['fqdn']} port {module.params['port']}"
        module.fail_json(msg=f"The transfer of {module.params['account']} to {service} did not succeed: {error}")
    # A demonstration: it leaves nothing that anybody manages
    module.exit_json(changed=False, transfers=transfers)


if __name__ == "__main__":
    main()
