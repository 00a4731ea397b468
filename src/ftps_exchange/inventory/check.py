"""The rules for the files of an inventory: groups, hosts, names of variables, and where they stand."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ftps_exchange.iis.pool import FILE_SERVERS
from ftps_exchange.inventory.files import Files, Variable
from ftps_exchange.inventory.specs import Known
from ftps_exchange.inventory.values import Loaded, check_values
from ftps_exchange.model.exchange import Exchange
from ftps_exchange.model.problems import Problem, nearest, printable

SERVERS: Final = "ftps_servers"
WINDOWS: Final = "iis_servers"
EDGES: Final = "edges"
GROUPS: Final = (SERVERS, WINDOWS, FILE_SERVERS, EDGES, "directory_controllers")
_OF_ANSIBLE: Final = ("all", "ungrouped", "localhost")
HOSTS_FILE: Final = "hosts.yml"
EXCHANGE_FILE: Final = "group_vars/all/exchange.yml"

type Groups = Mapping[str, Sequence[str]]


def cannot_be_loaded(files: Files, known: Known, groups: Groups, extra: Iterable[str] = ()) -> list[Problem]:
    """Return the problems of files that Ansible cannot load, or would silently skip."""
    return check_files(files, known, groups, extra) if files.blocking else []


def check_inventory(files: Files, known: Known, loaded: Loaded) -> list[Problem]:
    """Return every problem of the inventory, by file and line."""
    problems = check_files(files, known, loaded.groups, loaded.extra)
    named = {_guess(problem) for problem in problems}
    problems += [
        problem
        for problem in check_values(files, known, loaded)
        # Another problem suggests this name already
        if not (problem.message.startswith("is missing") and problem.field.rpartition(".")[2] in named)
    ]
    return in_order(problems)


def check_files(files: Files, known: Known, groups: Groups, extra: Iterable[str] = ()) -> list[Problem]:
    """Return the problems that do not depend on values."""
    problems = [*files.blocking, *files.problems]
    unread = {problem.file for problem in files.blocking}
    if not unread & set(files.hosts_files) and not (files.blocking and not files.hosts_files):
        problems += _groups(files, groups)
        problems += _folders(files, groups)
    problems += _names(files, known, extra)
    problems += _twice(files, known)
    if not any(file.endswith("exchange.yml") for file in unread):
        problems += _service(files, extra)
    return in_order(problems)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems by file, hosts first, each once."""
    unique = dict.fromkeys(problems)

    def key(problem: Problem) -> tuple[int, str, int]:
        part = 0 if "/" not in problem.file else 1 if problem.file.startswith("group_vars/") else 2
        return part, problem.file, problem.line or 0

    return sorted(unique, key=key)


def _guess(problem: Problem) -> str | None:
    return problem.remedy.removeprefix("Did you mean '").partition("'")[0] if "Did you mean" in problem.remedy else None


# -- groups and hosts --------------------------------------------------------------------------------------------------


def _groups(files: Files, groups: Groups) -> Iterator[Problem]:
    mistyped = set()
    inside = _inside(files)
    for group in files.groups:
        guess = _nearest_group(group.name)
        if guess is None or guess in inside[group.name]:
            continue
        mistyped.add(guess)
        yield Problem(
            group.file,
            group.name,
            None,
            "is not a group of the exchange, so its hosts would not be managed.",
            f"Did you mean '{guess}'?",
            group.line,
        )
    file = files.hosts_files[0] if files.hosts_files else HOSTS_FILE
    lines = {group.name: (group.file, group.line) for group in files.groups}
    if not groups.get(SERVERS) and SERVERS not in mistyped:
        place, line = lines.get(SERVERS, (file, None))
        yield Problem(
            place,
            SERVERS,
            None,
            "has no host." if SERVERS in lines else "is missing.",
            "Put your FTPS servers into this group: inventories/example_linux/hosts.yml shows how.",
            line,
        )
    for host in groups.get(WINDOWS, ()):
        if host not in groups.get(SERVERS, ()):
            place, line = files.host_lines.get(host, (file, None))
            yield Problem(
                place,
                host,
                None,
                f"is in {WINDOWS} and not in {SERVERS}.",
                f"Make {WINDOWS} a child of {SERVERS}: inventories/example_windows/hosts.yml shows how.",
                line,
            )
    for host in groups.get(EDGES, ()):
        if host in groups.get(SERVERS, ()):
            place, line = files.host_lines.get(host, (file, None))
            yield Problem(
                place,
                host,
                None,
                f"is in {EDGES} and in {SERVERS}.",
                "Use two hosts: the edge translates addresses for servers behind it.",
                line,
            )
    file_servers = groups.get(FILE_SERVERS, ())
    for host in file_servers:
        place, line = files.host_lines.get(host, (file, None))
        other = next((group for group in (SERVERS, EDGES) if host in groups.get(group, ())), None)
        if other:
            yield Problem(
                place,
                host,
                None,
                f"is in {FILE_SERVERS} and in {other}.",
                "Use two hosts: the servers serve the content that is on the file server.",
                line,
            )
        if host != file_servers[0]:
            yield Problem(
                place,
                host,
                None,
                f"is the second host in {FILE_SERVERS}, and one makes the folders of a share.",
                "Leave one. For a cluster, write the name under which it offers the share.",
                line,
            )
    for host in groups.get("ungrouped", ()):
        if host in files.host_lines and host not in _OF_ANSIBLE:
            place, line = files.host_lines[host]
            yield Problem(
                place,
                host,
                None,
                "is in no group, so it would not be managed.",
                f"Put it into {SERVERS} or {EDGES}, or remove it.",
                line,
            )


def _inside(files: Files) -> dict[str, set[str]]:
    """Return the parents of each group."""
    above: dict[str, set[str]] = {group.name: set() for group in files.groups}
    for group in files.groups:
        if group.parent:
            above[group.name].add(group.parent)
    for _ in range(8):
        for own in above.values():
            for parent in list(own):
                own |= above.get(parent, set())
    return above


def _nearest_group(name: str) -> str | None:
    """Return the group of the exchange that a name probably means. Other groups are allowed."""
    if name in GROUPS or name in _OF_ANSIBLE:
        return None
    folded = name.lower().replace("-", "_")
    close = difflib.get_close_matches(folded, GROUPS, n=1, cutoff=0.8)
    return close[0] if close else None


def _folders(files: Files, groups: Groups) -> Iterator[Problem]:
    hosts = set(groups.get("all", ())) | {"localhost"}
    for kind, owner, label in files.folders:
        if kind == "group" and owner not in groups and owner not in GROUPS:
            guess = nearest(owner, (*GROUPS, *groups))
            known = ", ".join(sorted(group for group in groups if group != "ungrouped"))
            remedy = f"Did you mean 'group_vars/{guess}'?" if guess else f"Name it after a group: {known}."
        elif kind == "host" and owner not in hosts:
            guess = nearest(owner, hosts) or next((host for host in hosts if host.startswith(f"{owner}.")), None)
            remedy = f"Did you mean 'host_vars/{guess}'?" if guess else "Name it after a host in hosts.yml."
        else:
            continue
        yield Problem(label, "(file name)", None, f"belongs to no {kind}, so nothing in it is loaded.", remedy)


# -- names of variables ------------------------------------------------------------------------------------------------


def _names(files: Files, known: Known, extra: Iterable[str]) -> Iterator[Problem]:
    given = [(name, "command line", None) for name in extra]
    for name, file, line in [*((v.name, v.file, v.line) for v in files.variables), *given]:
        # Variables of the command line win, also over computed ones
        if name in known.options or name in known.computed or known.prefix_of(name) is None:
            continue
        guess = known.nearest_to(name)
        role = (known.prefix_of(name) or "").rstrip("_")
        yield Problem(
            file,
            printable(name),
            None,
            "is not a variable of this project.",
            f"Did you mean '{guess}'?" if guess else f"Remove it; docs/roles/{role}.md lists those of the role {role}.",
            line,
        )
    for variable in files.variables:
        if variable.name not in known.computed:
            continue
        instead = known.computed[variable.name]
        yield Problem(
            variable.file,
            variable.name,
            None,
            "is computed from the model, so this value would be ignored.",
            f"Remove it, and set {instead} in {EXCHANGE_FILE}." if instead else "Remove it.",
            variable.line,
        )


def _twice(files: Files, known: Known) -> Iterator[Problem]:
    """Report a variable in two files of one group: the last file wins silently."""
    first: dict[tuple[str, str, str], Variable] = {}
    for variable in files.variables:
        if variable.name == "exchange" or known.prefix_of(variable.name) is None:
            continue
        earlier = first.setdefault((variable.kind, variable.owner, variable.name), variable)
        if earlier.file != variable.file:
            yield _second(variable, earlier)


def _second(variable: Variable, earlier: Variable) -> Problem:
    return Problem(
        variable.file,
        variable.name,
        None,
        f"stands in {earlier.file} too" + (f" (line {earlier.line})." if earlier.line else "."),
        "Keep one of them.",
        variable.line,
    )


def _service(files: Files, extra: Iterable[str]) -> Iterator[Problem]:
    """Report a service that is not described once for all hosts."""
    found = files.of("exchange")
    for variable in found[1:]:
        if variable.file != found[0].file:
            yield _second(variable, found[0])
    for variable in found:
        if variable.kind != "group" or variable.owner != "all":
            yield Problem(
                variable.file,
                "exchange",
                None,
                f"is set for {variable.owner} alone, and the service is the same for all hosts.",
                f"Move it to {EXCHANGE_FILE}.",
                variable.line,
            )
    if not found and "exchange" not in extra:
        names = {variable.name: variable for variable in files.variables}
        guess = nearest("exchange", names)
        if guess:
            yield Problem(
                names[guess].file,
                guess,
                None,
                "is not a variable of this project.",
                "Did you mean 'exchange'?",
                names[guess].line,
            )
        else:
            yield Problem(
                EXCHANGE_FILE,
                "exchange",
                None,
                "is missing, so the service is not described.",
                f"Copy inventories/example_linux/{EXCHANGE_FILE}; the keys of the service stand below 'exchange:'.",
            )
    for variable in files.variables:
        if variable.name in Exchange.model_fields and variable.file.endswith("/exchange.yml"):
            yield Problem(
                variable.file,
                variable.name,
                None,
                "is a key of the service and must be inside it.",
                "Indent it by two spaces, below 'exchange:'.",
                variable.line,
            )
