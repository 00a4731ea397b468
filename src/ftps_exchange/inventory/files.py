"""Reads the files of an inventory: where each variable is set, and what Ansible cannot read.

Ansible has the values. Only the files show the line, a mistyped key, or a folder that nothing loads.
They may contain tags, aliases and templates, so this works on YAML nodes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from ftps_exchange.model.problems import Problem, nearest, printable

type Kind = Literal["group", "host"]
type Decrypt = Callable[[bytes], bytes | None]

VAULT_HEADER = b"$ANSIBLE_VAULT;"
VAULT_REMEDY = (
    "Give its password: export ANSIBLE_VAULT_PASSWORD_FILE=FILE for every command, or ASK_VAULT=1 with make, "
    "--ask-vault-pass with ansible-playbook."
)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML_SUFFIXES = (".yml", ".yaml", ".json")
_VARIABLE_SUFFIXES = ("", *_YAML_SUFFIXES)
# What Ansible ignores in an inventory folder, and leftovers of editors
_PASSED_OVER = re.compile(
    r"\..*|.*~|.*\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry|ini~|rej|old|save|tmp)|#.*#|README.*", re.IGNORECASE
)
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable and the place where it is set."""

    name: str
    kind: Kind
    owner: str
    file: str
    line: int | None
    node: Any = field(repr=False)
    encrypted: bool = False

    def texts(self) -> Iterator[str]:
        """Yield every scalar in the value, as text."""
        yield from _scalars(self.node)


@dataclass(frozen=True, slots=True)
class Group:
    """A group in a hosts file."""

    name: str
    file: str
    line: int
    children: tuple[str, ...]
    parent: str | None


@dataclass(slots=True)
class Files:
    """The content of an inventory's files."""

    problems: list[Problem] = field(default_factory=list)
    # Problems that stop Ansible, or make it skip the file
    blocking: list[Problem] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    host_lines: dict[str, tuple[str, int]] = field(default_factory=dict)
    # group_vars/x and host_vars/x: kind, name, label
    folders: list[tuple[Kind, str, str]] = field(default_factory=list)
    # Hosts files that were read, by label. Only Ansible reads other inventories (INI, scripts, plugins)
    hosts_files: list[str] = field(default_factory=list)
    all_read: bool = True

    def of(self, name: str) -> list[Variable]:
        """Return every place where a variable is set."""
        return [variable for variable in self.variables if variable.name == name]

    def place(self, name: str, host: str | None = None, groups: Sequence[str] = ()) -> tuple[str, int | None]:
        """Return the file and line that most likely set the variable for this host."""
        found = self.of(name)
        for variable in reversed(found):
            if variable.kind == "host" and variable.owner == host:
                return variable.file, variable.line
        for variable in reversed(found):
            if variable.kind == "group" and variable.owner != "all" and variable.owner in groups:
                return variable.file, variable.line
        if found:
            return found[-1].file, found[-1].line
        return "(command line or inventory plugin)", None


def passwords_in_clear(files: Files) -> list[str]:
    """Return the files with secrets that are not encrypted."""
    found = dict.fromkeys(
        variable.file
        for variable in files.variables
        if variable.name.startswith("vault_")
        and not variable.encrypted
        # "!vault" encrypts a single value; a template gets its value from elsewhere
        and isinstance(variable.node, yaml.ScalarNode)
        and variable.node.tag != "!vault"
        and variable.node.value
        and "{{" not in variable.node.value
    )
    return list(found)


def read_files(sources: Sequence[str | Path], decrypt: Decrypt) -> Files:
    """Read the YAML files of these sources and their variable files.

    ``decrypt`` gets the content of an encrypted file. It returns None without a vault password, and
    raises ValueError if no password fits.
    """
    files = Files()
    seen: set[Path] = set()
    for source in map(Path, sources):
        folder = source if source.is_dir() else source.parent
        for path in _hosts_files(source):
            _read_hosts(path, folder, files, decrypt)
        if folder not in seen:
            seen.add(folder)
            _read_variables(folder, "group", files, decrypt)
            _read_variables(folder, "host", files, decrypt)
    return files


def _hosts_files(source: Path) -> Iterator[Path]:
    if not source.is_dir():
        if source.exists():
            yield source
        return
    for path in sorted(source.iterdir()):
        if path.is_file() and not _PASSED_OVER.fullmatch(path.name):
            yield path


def _label(path: Path, folder: Path) -> str:
    return printable(str(path.relative_to(folder)))


# -- reading one file --------------------------------------------------------------------------------------------------


def _compose(path: Path, label: str, files: Files, decrypt: Decrypt) -> tuple[Any, bool] | None:
    """Return the root node and whether the file is encrypted; None if Ansible cannot read it."""

    def refuse(message: str, remedy: str, line: int | None = None) -> None:
        files.blocking.append(Problem(label, "", None, message, remedy, line))

    try:
        data = path.read_bytes()
    except OSError as error:
        refuse(f"cannot be read: {error.strerror}.", "Make it readable for the user who runs Ansible.")
        return None
    encrypted = data.startswith(VAULT_HEADER)
    if encrypted:
        try:
            plain = decrypt(data)
        except ValueError:
            refuse("is encrypted with a different password.", VAULT_REMEDY)
            return None
        if plain is None:
            refuse("is encrypted with ansible-vault, and no vault password was given.", VAULT_REMEDY)
            return None
        data = plain
    try:
        return yaml.compose(data.decode("utf-8-sig"), Loader=_LOADER), encrypted
    except UnicodeDecodeError as error:
        refuse("is not UTF-8 text.", "Save the file as UTF-8.", data.count(b"\n", 0, error.start) + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        lines = data.decode("utf-8-sig").splitlines()
        if line and line <= len(lines) and "\t" in lines[line - 1].partition("#")[0]:
            refuse("contains a tab. YAML allows only spaces for indentation.", "Replace the tab with spaces.", line)
        else:
            what = " ".join(part for part in (error.context, error.problem) if part)
            # For an encrypted file, do not repeat the parser's message: it quotes the content
            refuse(
                "is not valid YAML." if encrypted else f"is not valid YAML: {printable(what)}.",
                "Look for wrong indentation, a missing colon or blank, an unclosed quote or bracket.",
                line,
            )
    except yaml.YAMLError:
        refuse("contains a character that YAML does not allow.", "Remove control characters.")
    return None


def _entries(node: Any) -> Iterator[tuple[str, int, Any]]:
    """Yield key, line and value of a mapping; merged keys come last."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            yield str(key.value), key.start_mark.line + 1, value


def _scalars(node: Any, depth: int = _DEEPEST) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    elif depth and isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, depth - 1)
    elif depth and isinstance(node, yaml.MappingNode):
        for _key, value in node.value:
            yield from _scalars(value, depth - 1)


def _is_empty(node: Any) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null")


def _kind_of(node: Any) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, yaml.MappingNode) else "text"


def _report_twice(node: Any, label: str, files: Files, where: str = "", depth: int = _DEEPEST) -> None:
    """Report duplicate keys: Ansible uses only the last one."""
    seen: dict[str, int] = {}
    for key, line, value in _entries(node):
        field_ = f"{where}.{key}" if where else key
        if key in seen:
            files.problems.append(
                Problem(label, field_, None, f"is here a second time (first in line {seen[key]}).", "Keep one.", line)
            )
        seen.setdefault(key, line)
        # The model's own check covers this file
        if depth and field_ != "exchange":
            _report_twice(value, label, files, field_, depth - 1)


# -- hosts -------------------------------------------------------------------------------------------------------------


def _read_hosts(path: Path, folder: Path, files: Files, decrypt: Decrypt) -> None:
    label = _label(path, folder)
    if path.suffix not in _YAML_SUFFIXES or os.access(path, os.X_OK):
        files.all_read = False
        return
    read = _compose(path, label, files, decrypt)
    if read is None:
        return
    root, _encrypted = read
    files.hosts_files.append(label)
    keys = [key for key, _, _ in _entries(root)]
    if "plugin" in keys:
        files.all_read = False
        return
    if not isinstance(root, yaml.MappingNode):
        files.blocking.append(
            Problem(
                label,
                "",
                None,
                "contains no hosts and groups."
                if _is_empty(root)
                else f"is {_kind_of(root)}, not a mapping of groups.",
                "Write it like inventories/example_linux/hosts.yml: all, children, groups, hosts.",
            )
        )
        return
    _report_twice(root, label, files)
    for name, line, body in _entries(root):
        _read_group(name, line, body, None, label, files, _DEEPEST)


def _read_group(name: str, line: int, body: Any, parent: str | None, label: str, files: Files, depth: int) -> None:
    def refuse(field_: str, line_: int, message: str, remedy: str, *, blocking: bool = True) -> None:
        problem = Problem(label, f"{name}.{field_}" if field_ else name, None, message, remedy, line_)
        (files.blocking if blocking else files.problems).append(problem)

    parts = list(_entries(body))
    children = [child for key, _, value in parts if key == "children" for child, _, _ in _entries(value)]
    files.groups.append(Group(name, label, line, tuple(children), parent))
    if not _is_empty(body) and not isinstance(body, yaml.MappingNode):
        refuse("", line, f"is {_kind_of(body)}, not a group.", "A group has the keys hosts, children and vars.")
        return
    for key, key_line, value in parts:
        if key not in ("hosts", "children", "vars"):
            guess = nearest(key, ("hosts", "children", "vars"))
            refuse(
                key,
                key_line,
                "is not a key of a group, so Ansible ignores it.",
                f"Did you mean '{guess}'?" if guess else "A group has the keys hosts, children and vars.",
                blocking=False,
            )
            continue
        if _is_empty(value):
            continue
        if not isinstance(value, yaml.MappingNode):
            refuse(
                key,
                key_line,
                f"is {_kind_of(value)}, not a mapping.",
                "Write each name with a colon after it, without a dash: 'ftps1.example.com:'.",
            )
            continue
        if key == "children" and depth:
            for child, child_line, child_body in _entries(value):
                _read_group(child, child_line, child_body, name, label, files, depth - 1)
        elif key == "vars":
            files.variables += [
                Variable(variable, "group", name, label, where, node) for variable, where, node in _entries(value)
            ]
        elif key == "hosts":
            for host, host_line, host_body in _entries(value):
                files.host_lines.setdefault(host, (label, host_line))
                if not _is_empty(host_body) and not isinstance(host_body, yaml.MappingNode):
                    refuse(
                        f"hosts.{host}",
                        host_line,
                        f"is {_kind_of(host_body)}, not a mapping of variables.",
                        "Leave it empty, or write variables below it: 'edge_server: {name: ftps1, ip4: 10.0.0.11}'.",
                    )
                files.variables += [
                    Variable(variable, "host", host, label, where, node)
                    for variable, where, node in _entries(host_body)
                ]


# -- variables ---------------------------------------------------------------------------------------------------------


def _read_variables(folder: Path, kind: Kind, files: Files, decrypt: Decrypt) -> None:
    top = folder / f"{kind}_vars"
    if not top.is_dir():
        return
    for entry in sorted(top.iterdir()):
        if _PASSED_OVER.fullmatch(entry.name):
            continue
        label = _label(entry, folder)
        if entry.is_dir():
            owner = entry.name
            files.folders.append((kind, owner, label))
            paths = sorted(
                path for path in entry.rglob("*") if path.is_file() and not _PASSED_OVER.fullmatch(path.name)
            )
        else:
            # A host name contains dots, so only these count as file extensions
            owner = entry.stem if entry.suffix in _YAML_SUFFIXES else entry.name
            files.folders.append((kind, owner, label))
            paths = [entry]
        for path in paths:
            if path.suffix not in _VARIABLE_SUFFIXES and entry.is_dir():
                files.problems.append(
                    Problem(
                        _label(path, folder),
                        "(file name)",
                        None,
                        "is not a .yml file, so Ansible does not load it.",
                        f"Rename it to {printable(path.name.split('.')[0])}.yml, or move it elsewhere.",
                    )
                )
                continue
            _read_variable_file(path, folder, kind, owner, files, decrypt)


def _read_variable_file(path: Path, folder: Path, kind: Kind, owner: str, files: Files, decrypt: Decrypt) -> None:
    label = _label(path, folder)
    read = _compose(path, label, files, decrypt)
    if read is None:
        return
    root, encrypted = read
    if _is_empty(root):
        return
    if not isinstance(root, yaml.MappingNode):
        files.blocking.append(
            Problem(
                label,
                "",
                None,
                f"is {_kind_of(root)}, not a mapping of variables.",
                "Write 'name: value', one variable per line, without dashes.",
            )
        )
        return
    _report_twice(root, label, files)
    files.variables += [
        Variable(name, kind, owner, label, line, node, encrypted) for name, line, node in _entries(root)
    ]
