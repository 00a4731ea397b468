"""Windows' own firewall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .reading import Fact, UnsoundError, each, known_lines, lines_of, match, once

_FIXED: Final = {
    "$ErrorActionPreference = 'Stop'",
    "$rules = @(",
    ")",
    "foreach ($rule in $rules) {",
    "if (Get-NetFirewallRule -Name $rule.Name -ErrorAction SilentlyContinue) {",
    "Set-NetFirewallRule @rule",
    "} else {",
    "New-NetFirewallRule -DisplayName $rule.Name @rule | Out-Null",
}

_KEYS: Final = {"Name", "Description", "Direction", "Action", "Enabled", "Profile", "Protocol"}


def windows(text: str) -> Iterator[Fact]:
    rule: dict[str, list[str]] | None = None
    known = known_lines(r"([A-Za-z]+) = (?:'([A-Za-z0-9_., @+()-]*)'|@\(('[^']+'(?:, '[^']+')*)\))")
    for line in lines_of(text, "#"):
        if line == "@{":
            rule = {}
        elif rule is not None and line == "}":
            yield from _rule(rule)
            rule = None
        elif rule is not None:
            _, found = match(line, known)
            once(rule, found[1], re.findall(r"'([^']+)'", found[3]) if found[3] else [found[2]])
        elif line not in _FIXED and line != "}":
            raise UnsoundError(f"an unknown line: {line!r}")


def _rule(rule: dict[str, list[str]]) -> Iterator[Fact]:
    near, far = ("Local", "Remote") if rule["Direction"] == ["Outbound"] else ("Remote", "Local")
    if rule.keys() != _KEYS | {"LocalAddress", "RemoteAddress", f"{far}Port"}:
        raise UnsoundError(f"a rule with {sorted(rule)}")
    if (
        rule["Protocol"] != ["TCP"]
        or rule["Action"] != ["Allow"]
        or rule["Direction"] not in (["Outbound"], ["Inbound"])
    ):
        raise UnsoundError(f"a rule that says {rule}")
    (server,) = rule[f"{far}Address"]
    yield from each("pass", rule[f"{near}Address"], server, rule[f"{far}Port"])
