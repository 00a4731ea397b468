#!/usr/bin/python
"""Own one nftables table: rules as text, the members of its named sets as data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_table
short_description: Owns one nftables table, its rules and the elements of its named sets
description:
  - Makes one table of the running kernel, and the file that loads it at boot, equal to what is declared. Everything
    in the table is owned, so a rule, a set or an element that nobody declared is removed; other tables are not touched.
  - What is running is compared with what the declaration becomes once a kernel has parsed it. For that the
    declaration is loaded into a network namespace of its own, which vanishes with the command. No state is kept
    between runs, so a table changed or deleted by hand is found and repaired.
  - Where only elements differ, one transaction deletes and adds just those, and the counters of all others go on
    counting. Where more than 100 elements of a set go, it fills the set again with the counters of a moment before.
  - Where rules differ, one transaction replaces the chains and keeps the sets. There is no moment without rules.
  - An element whose comment changed is replaced in the same transaction and keeps its counter.
  - A change of the rules may lock out whoever makes it. With O(rollback_seconds) a transient systemd timer is armed
    first, which puts back the table as it was last confirmed, unless a second call with O(state=confirmed) proves
    in time that the host can still be reached. Elements never need a confirmation.
options:
  family:
    description: Address family of the table.
    type: str
    choices: [inet, ip, ip6]
    default: inet
  name:
    description: Name of the table.
    type: str
    required: true
  definition:
    description:
      - The inside of the table as for C(nft -f). Sets named in O(sets) are declared here without elements.
      - Interfaces must be matched by name (C(iifname)); C(iif) needs an index, which only the host itself knows.
      - Required with O(state=loaded).
    type: str
  sets:
    description:
      - The elements of named sets of addresses, by name of the set, each a list of dictionaries. C(element) is an
        address, a network in CIDR notation, or a range C(first-last); C(comment) says who it is, in at most 128
        bytes, which is the limit of nft.
      - Sets that are declared in O(definition) and not named here keep the elements that the definition gives them.
    type: dict
    default: {}
  path:
    description: The file that loads the table at boot, readable by root only.
    type: path
    required: true
  rollback_seconds:
    description:
      - Seconds that a change of the rules stays without O(state=confirmed). V(0) confirms at once.
    type: int
    default: 0
  state:
    description:
      - V(loaded) makes the table as declared.
      - V(confirmed) keeps the rules that the call with that O(confirmation) has loaded, and writes O(path).
    type: str
    choices: [loaded, confirmed]
    default: loaded
  confirmation:
    description: The RV(confirmation) that the first call returned. Required with O(state=confirmed).
    type: str
requirements:
  - nft 1.0.6 or later
  - CAP_NET_ADMIN and CAP_SYS_ADMIN (the latter for the throw-away network namespace)
  - systemd, where O(rollback_seconds) is not V(0)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Load the table, to be confirmed within a minute
  ftps.exchange.nftables_table:
    name: ftps_exchange_edge
    definition: "{{ lookup('ansible.builtin.template', 'edge.nft.j2') }}"
    sets:
      customers4:
        - {element: 198.51.100.20, comment: acme}
      customers6: []
    path: /etc/nftables.d/ftps-exchange-edge.nft
    rollback_seconds: 60
  register: table

- name: Keep it
  ftps.exchange.nftables_table:
    name: ftps_exchange_edge
    path: /etc/nftables.d/ftps-exchange-edge.nft
    state: confirmed
    confirmation: "{{ table.confirmation }}"
  when: table.confirmation is truthy
"""

RETURN = r"""
rules_changed:
  description: Whether anything but elements of O(sets) differed.
  type: bool
  returned: O(state=loaded)
elements:
  description: How many elements were added, removed, and given another comment.
  type: dict
  returned: O(state=loaded)
  sample: {added: 1, removed: 0, updated: 0}
confirmation:
  description: What O(state=confirmed) has to name; empty where nothing waits for a confirmation.
  type: str
  returned: O(state=loaded)
"""

import itertools
import json
import os
import re
import secrets
import socket
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file

#: NFTNL_UDATA_COMMENT_MAXLEN; nft refuses more.
COMMENT_BYTES = 128
#: Above this a set is flushed and filled again in the transaction, with the counters that were read. Deleting many
#: elements one by one fails: nft 1.1.3 cuts a long list in the middle of an interval, and the kernel then misses its
#: other half ("No such file or directory"); many short lists take 17 s for 20,000 elements (1.0.6: 40 s).
MOST_DELETIONS = 100
#: What waits for a confirmation lives here, so that a reboot forgets it: it loads the confirmed table anyway.
ROLLBACK_DIRECTORY = Path("/run/nftables-table")
ADDRESS_BITS = {"ipv4_addr": 32, "ipv6_addr": 128}

Interval = tuple[int, int]
Run = Callable[[Sequence[str], str], tuple[int, str, str]]


class TableError(Exception):
    """What, where, remedy: shown to the user as it is."""


@dataclass(frozen=True)
class Element:
    """One element of a named set; the counter only where it was read from a kernel."""

    text: str
    comment: str = ""
    packets: int = 0
    bytes: int = 0

    def declaration(self) -> str:
        counter = f" counter packets {self.packets} bytes {self.bytes}" if self.packets else ""
        comment = f' comment "{self.comment}"' if self.comment else ""
        return f"{self.text}{counter}{comment}"

    def line(self) -> str:
        return f"{self.text}  {self.comment}".rstrip()


Elements = dict[Interval, Element]


@dataclass(frozen=True)
class Table:
    """A table as a kernel shows it."""

    #: header ("chain forward", "set customers4") -> its text, without counters and elements
    blocks: dict[str, str] = field(default_factory=dict)
    #: name of a set -> type of its elements, such as ipv4_addr
    set_types: dict[str, str] = field(default_factory=dict)
    #: name of a set of addresses -> its elements
    elements: dict[str, Elements] = field(default_factory=dict)
    #: "set x" or "map x" -> every element in a comparable form
    contents: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class SetChange:
    added: Elements
    removed: Elements
    #: same element, other comment: as it is to be, with the counter it has
    updated: Elements
    #: what stays as it is, with the counter it has
    kept: Elements

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.updated)


@dataclass(frozen=True)
class Plan:
    table_missing: bool
    rules_changed: bool
    #: the table itself has another flag or comment, which cannot be changed together with its chains
    replace_table: bool
    #: headers of what must go before the definition is read again, chains first
    stale: list[str]
    sets: dict[str, SetChange]

    @property
    def changed(self) -> bool:
        return self.table_missing or self.rules_changed or any(self.sets.values())

    def count(self, kind: str) -> int:
        return sum(len(getattr(change, kind)) for change in self.sets.values())


# ---------------------------------------------------------------------------------------------------------- reading


def parse_interval(text: str) -> tuple[int, Interval]:
    """'10.0.0.0/25', '10.0.0.1' or '10.0.0.1-10.0.0.9' -> number of address bits, first and last address."""
    first, separator, last = text.partition("-")
    first, slash, length = first.partition("/")
    family, bits = (socket.AF_INET6, 128) if ":" in first else (socket.AF_INET, 32)
    try:
        start = int.from_bytes(socket.inet_pton(family, first), "big")
        if separator:
            end = int.from_bytes(socket.inet_pton(family, last), "big")
        else:
            host_bits = bits - int(length) if slash else 0
            if not 0 <= host_bits <= bits:
                raise ValueError
            end = start | ((1 << host_bits) - 1)
            if start & ((1 << host_bits) - 1):
                raise TableError(f"'{text}' has host bits set: give the network's own address")
    except (OSError, ValueError):
        raise TableError(f"'{text}' is neither an address, nor a network in CIDR notation, nor a range") from None
    if end < start:
        raise TableError(f"'{text}' ends before it begins")
    return bits, (start, end)


def _element_text(value: Any) -> str:
    """The value of an element in nft's JSON -> as nft writes it in text."""
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if isinstance(value, dict) and "range" in value:
        return f"{value['range'][0]}-{value['range'][1]}"
    return str(value)


def read_elements(listed: Sequence[Any]) -> Elements:
    """The elem list of a set of addresses in nft's JSON -> elements by interval."""
    elements: Elements = {}
    for item in listed:
        detail = item["elem"] if isinstance(item, dict) and "elem" in item else {"val": item}
        text = _element_text(detail["val"])
        counter = detail.get("counter") or {}
        elements[parse_interval(text)[1]] = Element(
            text, detail.get("comment", ""), counter.get("packets", 0), counter.get("bytes", 0)
        )
    return elements


def split_blocks(listing: str) -> dict[str, str]:
    """The text of 'nft list table' -> header of each object -> its text.

    The order of objects is left out on purpose: it tells only in which order they were made.
    """
    blocks: dict[str, str] = {}
    header = ""
    for line in listing.splitlines()[1:-1]:
        if re.match(r"\t[^\t}]", line):
            header = line.strip().removesuffix(" {") if line.endswith("{") else "table"
        if line:
            blocks[header] = f"{blocks.get(header, '')}{line}\n"
    return blocks


def read_table(listing_json: str, listing_text: str) -> Table:
    """What 'nft -j list table' and 'nft -s -t list table' say -> the table."""
    table = Table(blocks=split_blocks(listing_text))
    for item in json.loads(listing_json)["nftables"]:
        for kind in ("set", "map"):
            if kind not in item:
                continue
            declared = item[kind]
            elements = declared.get("elem", [])
            header = f"{kind} {declared['name']}"
            if kind == "set":
                table.set_types[declared["name"]] = str(declared["type"])
            # Elements of dynamic sets come from the traffic, not from anybody's declaration. The text tells which they
            # are: nft 1.0.6 leaves this flag out of its JSON.
            if re.search(r"^\t\tflags .*\bdynamic\b", table.blocks[header], re.MULTILINE):
                continue
            if str(declared["type"]) in ADDRESS_BITS and kind == "set":
                table.elements[declared["name"]] = read_elements(elements)
            table.contents[header] = sorted(_without_counters(item) for item in elements)
    return table


def _without_counters(item: Any) -> str:
    if isinstance(item, dict) and "elem" in item:
        item = {"elem": {key: value for key, value in item["elem"].items() if key != "counter"}}
    return json.dumps(item, sort_keys=True)


# -------------------------------------------------------------------------------------------------------- declaring


def declared_elements(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Elements]:
    """The option 'sets' -> elements by interval; every problem is told at once."""
    problems: list[str] = []
    declared: dict[str, Elements] = {}
    for name, items in sets.items():
        elements: Elements = {}
        for item in items:
            try:
                text, comment = str(item["element"]), str(item.get("comment") or "")
                _, interval = parse_interval(text)
                _check_comment(comment)
            except KeyError:
                problems.append(f"sets.{name}: {dict(item)} has no 'element'")
            except TableError as error:
                problems.append(f"sets.{name}: {error}")
            else:
                if interval in elements:
                    problems.append(f"sets.{name}: '{text}' is given twice")
                elements[interval] = Element(text, comment)
        ordered = sorted(elements)
        for before, after in itertools.pairwise(ordered):
            # nft refuses it too, but names neither owner.
            if after[0] <= before[1]:
                problems.append(f"sets.{name}: {elements[before].line()} and {elements[after].line()} overlap")
        declared[name] = {interval: elements[interval] for interval in ordered}
    if problems:
        raise TableError("; ".join(problems))
    return declared


def _check_comment(comment: str) -> None:
    if len(comment.encode()) > COMMENT_BYTES:
        raise TableError(f"the comment '{comment}' is longer than the {COMMENT_BYTES} bytes that nft keeps")
    if not comment.isprintable() or '"' in comment or "\\" in comment:
        raise TableError(f"the comment {comment!r} holds a quote, a backslash or a control character")


def check_sets(table: Table, declared: Mapping[str, Elements]) -> None:
    """Refuse elements for a set that the definition lacks, or of the other address family."""
    for name, elements in declared.items():
        kind = table.set_types.get(name)
        if kind is None:
            raise TableError(f"sets.{name}: the definition declares no set of that name")
        if kind not in ADDRESS_BITS:
            raise TableError(f"sets.{name}: a set of {kind}; only sets of ipv4_addr or ipv6_addr take elements here")
        for element in elements.values():
            if parse_interval(element.text)[0] != ADDRESS_BITS[kind]:
                raise TableError(f"sets.{name}: '{element.text}' is no element for a set of {kind}")


def definition_text(family: str, name: str, definition: str) -> str:
    return f"table {family} {name} {{\n{textwrap.indent(definition.strip(), chr(9))}\n}}\n"


def elements_text(verb: str, family: str, name: str, set_name: str, elements: Mapping[Interval, Element]) -> str:
    """One nft command for all elements of one set, or nothing."""
    if not elements:
        return ""
    items = [e.declaration() if verb == "add" else e.text for e in elements.values()]
    return f"{verb} element {family} {name} {set_name} {{\n\t" + ",\n\t".join(items) + "\n}\n"


def replacing(family: str, name: str, text: str) -> str:
    """A transaction that puts a table in the place of one that may or may not exist."""
    return f"table {family} {name} {{}}\ndelete table {family} {name}\n{text}"


def boot_file(family: str, name: str, definition: str, declared: Mapping[str, Elements]) -> str:
    elements = "".join(elements_text("add", family, name, set_name, declared[set_name]) for set_name in declared)
    header = "#!/usr/sbin/nft -f\n# Managed by Ansible: the table as it was last confirmed, loaded at boot.\n"
    return header + replacing(family, name, definition_text(family, name, definition) + elements)


# --------------------------------------------------------------------------------------------------------- planning


def make_plan(live: Table | None, desired: Table, declared: Mapping[str, Elements]) -> Plan:
    """What must happen for the live table to become the desired one with the declared elements."""
    now = live or Table()
    replace_table = live is not None and now.blocks.get("table") != desired.blocks.get("table")
    managed = {f"set {name}" for name in declared}
    stale = [
        header
        for header, text in now.blocks.items()
        if header != "table"
        and not header.startswith("chain ")
        and (
            desired.blocks.get(header) != text
            or (header not in managed and desired.contents.get(header) != now.contents.get(header))
        )
    ]
    rules_changed = bool(stale) or now.blocks != desired.blocks
    if rules_changed:
        # Chains first: they hold the references to the rest.
        stale = [header for header in now.blocks if header.startswith("chain ")] + stale
    sets = {
        name: _set_change(
            now.elements.get(name, {}),
            elements,
            survives=f"set {name}" not in stale and not replace_table,
            counts="\tcounter\n" in desired.blocks[f"set {name}"],
        )
        for name, elements in declared.items()
    }
    return Plan(live is None, rules_changed, replace_table, stale, sets)


def _set_change(live: Elements, wanted: Elements, survives: bool, counts: bool) -> SetChange:
    """A set that has to be made anew gets its elements back with the counters they had."""
    change = SetChange({}, {interval: old for interval, old in live.items() if interval not in wanted}, {}, {})
    for interval, element in wanted.items():
        old = live.get(interval)
        if old is None:
            change.added[interval] = element
            continue
        counter = {"packets": old.packets, "bytes": old.bytes} if counts else {}
        same = old.comment == element.comment and survives
        (change.kept if same else change.updated)[interval] = Element(element.text, element.comment, **counter)
    return change


def transaction(family: str, name: str, definition: str, plan: Plan) -> str:
    """The one transaction that carries out a plan."""
    lines = []
    if plan.replace_table:
        lines.append(f"delete table {family} {name}\n")
    elif plan.rules_changed and not plan.table_missing:
        lines.append(f"flush table {family} {name}\n")
        for header in plan.stale:
            kind, _, item = header.rpartition(" ")
            lines.append(f"delete {kind} {family} {name} {item}\n")
    if plan.rules_changed or plan.table_missing:
        lines.append(definition_text(family, name, definition))
    for set_name, change in plan.sets.items():
        deleted, added = change.removed | change.updated, change.updated | change.added
        if f"set {set_name}" in plan.stale or plan.replace_table:
            pass  # gone already, elements and all
        elif len(deleted) > MOST_DELETIONS:
            lines.append(f"flush set {family} {name} {set_name}\n")
            added |= change.kept
        else:
            lines.append(elements_text("delete", family, name, set_name, deleted))
        lines.append(elements_text("add", family, name, set_name, added))
    return "".join(lines)


def make_diff(title: str, live: Table | None, desired: Table, plan: Plan) -> list[dict[str, str]]:
    """For --diff: the rules, and only those elements that come, go or change."""
    diff = []
    now = live or Table()
    if plan.rules_changed or plan.table_missing:
        order = [*desired.blocks, *(header for header in now.blocks if header not in desired.blocks)]
        diff.append(
            {
                "before_header": f"{title}, rules",
                "after_header": f"{title}, rules",
                "before": _rules_text(now, order, plan.sets),
                "after": _rules_text(desired, order, plan.sets),
            }
        )
    for name, change in plan.sets.items():
        if change:
            live_elements = now.elements.get(name, {})
            before = change.removed | {key: live_elements[key] for key in change.updated}
            after = change.added | change.updated
            diff.append(
                {
                    "before_header": f"{title}, elements of {name}",
                    "after_header": f"{title}, elements of {name}",
                    "before": "".join(f"{before[key].line()}\n" for key in sorted(before)),
                    "after": "".join(f"{after[key].line()}\n" for key in sorted(after)),
                }
            )
    return diff


def _rules_text(table: Table, order: Sequence[str], managed: Mapping[str, SetChange]) -> str:
    """The rules, and the elements of those sets that the definition itself fills."""
    text = ""
    for header in order:
        text += table.blocks.get(header, "")
        if header.removeprefix("set ") not in managed:
            text += "".join(f"{header}: {element}\n" for element in table.contents.get(header, []))
    return text


# ------------------------------------------------------------------------------------------------------------- nft


class Nft:
    """The few commands that touch the kernel."""

    def __init__(self, run: Run, family: str, name: str) -> None:
        self.run, self.family, self.name = run, family, name
        self.title = f"table {family} {name}"

    def live(self) -> Table | None:
        code, listing_json, error = self.run(["nft", "-j", "list", "table", self.family, self.name], "")
        if code and "No such file or directory" in error:
            return None
        if code:
            raise TableError(f"nft cannot list {self.title}: {error.strip()}")
        return read_table(listing_json, self._checked(["nft", "-s", "-t", "list", "table", self.family, self.name]))

    def dump(self) -> str:
        """The whole table with its elements and counters, as text that nft reads again."""
        return self._checked(["nft", "list", "table", self.family, self.name])

    def parsed(self, definition: str) -> Table:
        """What a kernel makes of a definition, tried in a network namespace of its own."""
        target = f"table {self.family} {self.name}"
        script = f"nft -f - && nft -j list {target} && echo && nft -s -t list {target}"
        text = definition_text(self.family, self.name, definition)
        code, output, error = self.run(["unshare", "--net", "sh", "-c", script], text)
        if code and "unshare" in error.partition(":")[0]:
            raise TableError(
                f"{self.title} cannot be compared: no network namespace to try its definition in ({error.strip()}). "
                "The module needs CAP_SYS_ADMIN: become root, and give a container that capability"
            )
        if code:
            raise TableError(f"nft refuses the definition of {self.title}: {error.strip()}")
        listing_json, _, listing_text = output.partition("\n")
        return read_table(listing_json, listing_text.lstrip("\n"))

    def check(self, text: str) -> None:
        code, _, error = self.run(["nft", "-c", "-f", "-"], text)
        if code:
            raise TableError(f"nft refuses the change of {self.title}: {error.strip()}")

    def load(self, text: str) -> None:
        code, _, error = self.run(["nft", "-f", "-"], text)
        if code:
            raise TableError(f"nft could not load {self.title}, which is as it was: {error.strip()}")

    def _checked(self, command: Sequence[str]) -> str:
        code, output, error = self.run(command, "")
        if code:
            raise TableError(f"'{' '.join(command)}' failed: {error.strip()}")
        return output


# --------------------------------------------------------------------------------------------------------- rollback


class Rollback:
    """Dead-man's switch: a transient timer that restores the table as it was last confirmed.

    Each is a unit and a file of its own, so what an earlier run has left behind can neither fire on this run's
    change nor be confirmed by it.
    """

    def __init__(self, run: Run, family: str, name: str, directory: Path = ROLLBACK_DIRECTORY) -> None:
        self.run, self.directory = run, directory
        self.target = f"table {family} {name}"
        self.family, self.name = family, name
        self.prefix = f"nftables-rollback-{family}-{name}-"

    def files(self) -> list[Path]:
        return sorted(self.directory.glob(f"{self.prefix}*.nft"), key=lambda path: path.stat().st_mtime)

    def is_armed(self, token: str) -> bool:
        code, _, _ = self.run(["systemctl", "is-active", "--quiet", f"{self.prefix}{token}.timer"], "")
        return code == 0

    def pending(self) -> list[str]:
        """Tokens of changes that nobody has confirmed yet, oldest first."""
        tokens = [path.stem.removeprefix(self.prefix) for path in self.files()]
        return [token for token in tokens if self.is_armed(token)]

    def arm(self, previous: str, boot: str, seconds: int) -> str:
        """Arm a timer, then disarm older ones: their saved table, the last confirmed one, is taken over.

        'boot' is the file to load at boot once this is confirmed.
        """
        older = self.pending()
        if older:
            previous = self._file(older[0]).read_text()
        token = secrets.token_hex(6)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._file(token)
        replace_file(path, previous)
        replace_file(self._boot_file(token), boot)
        code, _, error = self.run(
            [
                "systemd-run",
                f"--unit={self.prefix}{token}",
                f"--description=Restore {self.target}: nobody confirmed its new rules",
                f"--on-active={seconds}s",
                "--timer-property=AccuracySec=500ms",
                "--quiet",
                self._nft_path(),
                "-f",
                str(path),
            ],
            "",
        )
        if code:
            self._forget(token)
            raise TableError(
                f"{self.target} is unchanged: the timer that would restore it could not be armed ({error.strip()}). "
                "Changing rules safely needs systemd; rollback_seconds: 0 goes without"
            )
        for old in self.files():
            if old != path:
                self._disarm(old.stem.removeprefix(self.prefix))
        return token

    def confirm(self, token: str) -> str:
        """Disarm the timer and return the file to load at boot."""
        # Without its file the timer can restore nothing, so removing that first leaves no window between the two.
        self._file(token).unlink(missing_ok=True)
        if not self.is_armed(token):
            self._forget(token)
            raise TableError(
                f"the new rules of {self.target} were not confirmed in time and the previous ones are back in force"
            )
        boot = self._boot_file(token).read_text()
        self._disarm(token)
        return boot

    def disarm_all(self) -> None:
        for path in self.files():
            self._disarm(path.stem.removeprefix(self.prefix))

    def _disarm(self, token: str) -> None:
        self._forget(token)
        self.run(["systemctl", "stop", f"{self.prefix}{token}.timer"], "")

    def _forget(self, token: str) -> None:
        self._file(token).unlink(missing_ok=True)
        self._boot_file(token).unlink(missing_ok=True)

    def _boot_file(self, token: str) -> Path:
        return self.directory / f"{self.prefix}{token}.boot"

    def _file(self, token: str) -> Path:
        return self.directory / f"{self.prefix}{token}.nft"

    def _nft_path(self) -> str:
        code, output, _ = self.run(["sh", "-c", "command -v nft"], "")
        return output.strip() if code == 0 else "/usr/sbin/nft"


def read_text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


# ------------------------------------------------------------------------------------------------------------- main


def confirm(rollback: Rollback, path: Path, token: str, check_mode: bool) -> dict[str, Any]:
    if not check_mode:
        replace_file(path, rollback.confirm(token))
    return {"changed": True}


def load(nft: Nft, rollback: Rollback, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    definition, path = params["definition"], Path(params["path"])
    seconds = int(params["rollback_seconds"])
    declared = declared_elements(params["sets"])
    desired = nft.parsed(definition)
    check_sets(desired, declared)
    live = nft.live()
    plan = make_plan(live, desired, declared)
    wanted_file = boot_file(nft.family, nft.name, definition, declared)
    current_file = read_text(path)
    pending = rollback.pending()
    # A change that an interrupted run left unconfirmed is this run's to confirm, though the table is as declared.
    needs_confirmation = plan.rules_changed or plan.table_missing or bool(pending)

    diff = make_diff(nft.title, live, desired, plan)
    if not plan.changed and current_file != wanted_file:
        diff.append(
            {
                "before_header": str(path),
                "after_header": str(path),
                "before": current_file or "",
                "after": wanted_file,
            }
        )
    result: dict[str, Any] = {
        "changed": plan.changed or bool(pending) or current_file != wanted_file,
        "rules_changed": plan.rules_changed or plan.table_missing,
        "elements": {kind: plan.count(kind) for kind in ("added", "removed", "updated")},
        "confirmation": "",
        "diff": diff,
    }
    text = transaction(nft.family, nft.name, definition, plan)
    if plan.changed:
        nft.check(text)
    if check_mode:
        return result
    if not result["changed"]:
        rollback.disarm_all()  # what is left of a change that was taken back
        return result

    if needs_confirmation and seconds:
        previous = replacing(nft.family, nft.name, nft.dump() if live is not None else "")
        nft.check(previous)
        result["confirmation"] = rollback.arm(previous, wanted_file, seconds)
    if plan.changed:
        nft.load(text)
        remaining = make_plan(nft.live(), desired, declared)
        if remaining.changed:
            raise TableError(
                f"{nft.title} still differs after the change. Somebody else changes it at the same time, or it has "
                f"what cannot be changed in place: 'nft delete table {nft.family} {nft.name}', then run again"
            )
    if not result["confirmation"]:
        rollback.disarm_all()
        replace_file(path, wanted_file)
    return result


def predict_without_nft(params: Mapping[str, Any]) -> dict[str, Any]:
    """Check mode before the package is there: all of it will be new."""
    declared = declared_elements(params["sets"])
    text = boot_file(params["family"], params["name"], params["definition"], declared)
    title = f"table {params['family']} {params['name']}"
    return {
        "changed": True,
        "rules_changed": True,
        "elements": {"added": sum(map(len, declared.values())), "removed": 0, "updated": 0},
        "confirmation": "",
        "diff": [{"before_header": title, "after_header": title, "before": "", "after": text}],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "family": {"type": "str", "choices": ["inet", "ip", "ip6"], "default": "inet"},
            "name": {"type": "str", "required": True},
            "definition": {"type": "str"},
            "sets": {"type": "dict", "default": {}},
            "path": {"type": "path", "required": True},
            "rollback_seconds": {"type": "int", "default": 0},
            "state": {"type": "str", "choices": ["loaded", "confirmed"], "default": "loaded"},
            "confirmation": {"type": "str"},
        },
        required_if=[("state", "loaded", ["definition"]), ("state", "confirmed", ["confirmation"])],
        supports_check_mode=True,
    )
    # nft writes numbers and errors by locale, and sudo may leave out /usr/sbin.
    module.run_command_environ_update = {"LC_ALL": "C.UTF-8", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}

    def run(command: Sequence[str], data: str) -> tuple[int, str, str]:
        code, output, error = module.run_command(list(command), data=data or None, binary_data=True)
        return code, output, error

    params = module.params
    nft = Nft(run, params["family"], params["name"])
    rollback = Rollback(run, params["family"], params["name"])
    try:
        if module.get_bin_path("nft", opt_dirs=["/usr/sbin", "/sbin"]) is None:
            if not module.check_mode:
                raise TableError("nft is not installed: install the package nftables")
            result = predict_without_nft(params)
        elif params["state"] == "confirmed":
            result = confirm(rollback, Path(params["path"]), params["confirmation"], module.check_mode)
        else:
            result = load(nft, rollback, params, module.check_mode)
    except TableError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
