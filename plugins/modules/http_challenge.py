#!/usr/bin/python
"""Open port 80 of the edge for the challenge of an ACME CA, and close it again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_challenge
short_description: Answers the HTTP challenges of an ACME CA at the edge for some minutes
description:
  - Runs on the edge, a host with Linux.
  - V(present) starts a small web server that answers these challenges and nothing else, as a transient systemd unit
    with a user of its own and without rights. Then it opens port 80 of the public addresses, with an element of the set
    C(http_challenge) in the table of the role C(edge).
  - V(absent) removes the answers. When no other answer is left, it closes the port and ends the web server.
  - Both end by themselves after O(seconds), even if the control node is lost meanwhile; the element has a timeout in
    the kernel. The next run of the role C(edge) removes the element too.
  - The answers are public. They prove nothing without the key of the ACME account.
options:
  answers:
    description:
      - The answer for each path, such as C(.well-known/acme-challenge/TOKEN), as
        M(community.crypto.acme_certificate_order_create) returns them (C(resource) and C(resource_value)).
      - Paths and answers that RFC 8555 does not allow are refused, since they come from another party.
    type: dict
    required: true
  state:
    description: Whether to answer.
    type: str
    choices: [present, absent]
    default: present
  seconds:
    description: After how long the port closes by itself.
    type: int
    default: 900
  table:
    description: Name of the edge's table, of the family C(inet).
    type: str
    default: ftps_exchange_edge
requirements:
  - nft 1.0.6 or later
  - systemd
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Answer the challenge
  ftps.exchange.http_challenge:
    answers:
      .well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17: evaGxfADs6pSRb2LAv9IZf17.LPJNul-wow4m6DsqxbninhsWHlwf

- name: Close the port
  ftps.exchange.http_challenge:
    answers:
      .well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17: ""
    state: absent
"""

RETURN = r"""
open:
  description: Whether port 80 is open now.
  type: bool
  returned: always
"""

import contextlib
import http.client
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils import http_responder
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file

Run = Callable[[Sequence[str]], tuple[int, str, str]]

UNIT = "ftps-exchange-http-challenge.service"
RUNTIME = Path("/run/ftps-exchange-http-challenge")
SET = "http_challenge"
# The role edge redirects port 80 to this one
PORT = 8402
START_SECONDS = 10.0

# Sandboxing, and bounds: strangers can reach it
PROPERTIES = (
    "DynamicUser=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateDevices=yes",
    "CapabilityBoundingSet=",
    "RestrictAddressFamilies=AF_INET AF_INET6",
    "SystemCallFilter=@system-service",
    "MemoryMax=64M",
    "TasksMax=64",
    "LogRateLimitIntervalSec=60",
    "LogRateLimitBurst=100",
)


class ChallengeError(Exception):
    """An error for the user: what, where, remedy."""


def checked(answers: Mapping[str, Any], with_values: bool) -> dict[str, str]:
    """The answers by token (RFC 8555, section 8.1). They come from the CA and become names of files."""
    found = {}
    for path, value in answers.items():
        match = re.fullmatch(r"/?\.well-known/acme-challenge/([A-Za-z0-9_-]{1,200})", path)
        if match is None:
            raise ChallengeError(f"answers: {path[:200]!r} is not the path of a challenge: the ACME server is faulty")
        if with_values and not re.fullmatch(r"[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]{1,200}", str(value)):
            raise ChallengeError(
                f"answers: {path[:200]!r} has no answer that RFC 8555 allows: the ACME server is faulty"
            )
        found[match[1]] = str(value)
    if not found:
        raise ChallengeError("answers: is empty, so there is nothing to answer")
    return found


class Challenge:
    """The web server and the port."""

    def __init__(self, run: Run, table: str, runtime: Path = RUNTIME) -> None:
        self.run = run
        self.table = table
        self.runtime = runtime
        self.folder = runtime / "answers"

    def active(self) -> bool:
        return self.run(["systemctl", "is-active", "--quiet", UNIT])[0] == 0

    def is_open(self) -> bool:
        return self.run(["nft", "get", "element", "inet", self.table, SET, "{ 80 }"])[0] == 0

    def present(self, answers: Mapping[str, str], seconds: int) -> bool:
        """Answer, then open the port. Whatever fails, nothing stays open."""
        if self.run(["nft", "list", "set", "inet", self.table, SET])[0]:
            raise ChallengeError(
                f"table inet {self.table} has no set {SET}, so port 80 cannot be opened. Run playbooks/edges.yml, "
                "which loads the rules of this version, then run this again"
            )
        before = {path.name: path.read_text() for path in self.folder.glob("*")}
        was_open = self.is_open() and self.active()
        try:
            for name, value in answers.items():
                replace_file(self.folder / name, value, mode=0o644)
            self._start(seconds)
            if not self.is_open():
                self._must(["nft", "add", "element", "inet", self.table, SET, f"{{ 80 timeout {seconds}s }}"])
        except BaseException:
            with contextlib.suppress(ChallengeError):
                self.absent(answers)
            raise
        return not was_open or before != before | dict(answers)

    def _start(self, seconds: int) -> None:
        if not self.active():
            for folder in (self.runtime, self.folder):
                folder.chmod(0o755)
            script = self.runtime / "responder.py"
            replace_file(script, source_of(http_responder), mode=0o644)
            self._must(
                [
                    "systemd-run",
                    f"--unit={UNIT}",
                    "--quiet",
                    "--collect",
                    "--description=FTPS exchange: answers to the challenge of an ACME CA",
                    *(f"--property={one}" for one in (*PROPERTIES, f"RuntimeMaxSec={seconds}")),
                    sys.executable,
                    "-I",
                    str(script),
                    str(PORT),
                    str(self.folder),
                ]
            )
        until = time.monotonic() + START_SECONDS
        while not answers_here():
            if time.monotonic() > until:
                log = self.run(["journalctl", "--no-pager", "--output=cat", "--lines=5", f"--unit={UNIT}"])[1]
                raise ChallengeError(
                    f"{UNIT} does not answer at 127.0.0.1:{PORT}. Look at journalctl -u {UNIT}. Its last lines: "
                    + " / ".join(log.split("\n")).strip(" /")
                )
            time.sleep(0.1)

    def absent(self, answers: Mapping[str, str]) -> bool:
        """Remove answers, and close the port when none is left. The port first: it matters most."""
        others = {path.name for path in self.folder.glob("*")} - set(answers)
        changed = False
        if not others:
            if self.is_open():
                self._must(["nft", "delete", "element", "inet", self.table, SET, "{ 80 }"])
                changed = True
            if self.active():
                self._must(["systemctl", "stop", UNIT])
                changed = True
            if self.runtime.exists():
                shutil.rmtree(self.runtime)
                changed = True
        for name in answers:
            if (self.folder / name).exists():
                (self.folder / name).unlink()
                changed = True
        return changed

    def _must(self, command: Sequence[str]) -> None:
        code, output, error = self.run(command)
        if code:
            raise ChallengeError(f"{' '.join(command[:2])} failed: {(error or output).strip()}")


def answers_here() -> bool:
    """Whether the web server of this module answers on this host."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
    try:
        connection.request("GET", "/")
        return str(connection.getresponse().getheader("Server")).startswith("ftps-exchange")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def source_of(module: Any) -> str:
    """The text of a Python file that came with this module, also out of Ansible's archive."""
    return str(module.__loader__.get_source(module.__name__))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "answers": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "seconds": {"type": "int", "default": 900},
            "table": {"type": "str", "default": "ftps_exchange_edge"},
        },
        supports_check_mode=True,
    )
    run = runner(module)

    params = module.params
    present = params["state"] == "present"
    challenge = Challenge(run, params["table"])
    try:
        answers = checked(params["answers"], with_values=present)
        if module.check_mode:
            changed = present or challenge.is_open() or challenge.active()
        elif present:
            changed = challenge.present(answers, params["seconds"])
        else:
            changed = challenge.absent(answers)
    except ChallengeError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, open=challenge.is_open())


if __name__ == "__main__":
    main()
