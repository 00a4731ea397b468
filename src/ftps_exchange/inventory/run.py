"""The command line of a run: tags, start task, limit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ftps_exchange.iis.pool import FILE_SERVERS
from ftps_exchange.model.problems import Problem, nearest, shorten

COMMAND_LINE: Final = "command line"
_SPECIAL: Final = {"all", "tagged", "untagged", "always", "never"}
# Molecule skips these in every run
_CONVENTIONAL: Final = {"notest", "molecule-notest", "molecule-idempotence-notest"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that decide which tasks run."""

    tags: Sequence[str] = ()
    skip_tags: Sequence[str] = ()
    start_at_task: str | None = None


def known_tags(project: Path, playbooks: Iterable[Path] = ()) -> set[str]:
    """Return all tags of the project and of the given playbooks."""
    files = [*(project / "playbooks").glob("*.yml"), *(project / "roles").glob("*/tasks/*.yml"), *playbooks]
    found: set[str] = set()
    for path in files:
        try:
            content = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506  (a safe loader)
        except (OSError, yaml.YAMLError):
            continue  # Ansible reports this better
        _collect(content, found)
    # Roles have their own name as a tag
    return {tag for tag in found if re.fullmatch(r"[\w-]+", tag)}


def _collect(content: Any, found: set[str]) -> None:
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key == "tags":
                found.update(
                    tag.strip()
                    for text in (value if isinstance(value, list) else [value])
                    for tag in str(text).split(",")
                )
            else:
                _collect(value, found)
    elif isinstance(content, list):
        for item in content:
            _collect(item, found)


def check_run(asked: Asked, known: set[str]) -> list[Problem]:
    """Return the problems of the command line."""
    problems = []
    offered = sorted(known - _SPECIAL)
    skipped = [tag for tag in asked.skip_tags if tag not in _CONVENTIONAL]
    for option, tags in (("--tags", asked.tags), ("--skip-tags", skipped)):
        for tag in tags:
            if tag not in known | _SPECIAL:
                guess = nearest(tag, offered)
                problems.append(
                    Problem(
                        COMMAND_LINE,
                        option,
                        shorten(tag),
                        "is not a tag of these playbooks, so it selects nothing.",
                        f"Did you mean '{guess}'?" if guess else f"Use one of {', '.join(offered)}.",
                    )
                )
    if "always" in asked.skip_tags:
        problems.append(
            Problem(
                COMMAND_LINE,
                "--skip-tags",
                "'always'",
                "would skip the check of the model, on which all other steps depend.",
                "Remove it.",
            )
        )
    if asked.start_at_task is not None:
        problems.append(
            Problem(
                COMMAND_LINE,
                "--start-at-task",
                shorten(asked.start_at_task),
                "would skip the first step of a run, which computes everything from the model.",
                "Run again without it: a second run is quick. --tags ROLE runs one part.",
            )
        )
    return problems


def notes(limit: str | None, chosen: Collection[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return side effects of a limited run that are easy to miss."""
    found = []
    servers, edges = groups.get("ftps_servers", ()), groups.get("edges", ())
    left = [host for host in (*servers, *edges, *groups.get(FILE_SERVERS, ())) if host not in chosen]
    if limit and left:
        others = f"{', '.join(left[:5])}{', …' if len(left) > 5 else ''} stay as they are until a run without --limit"
        if any(host in chosen for host in servers):
            found.append(
                f"--limit {limit}: {others}. All hosts share one directory, so this run updates it too: "
                "a customer who is suspended or absent loses access there at once, but stays in the firewalls of the "
                "other hosts."
            )
        else:
            found.append(f"--limit {limit}: the directory and {others}.")
    if not edges:
        found.append(
            "The group edges has no hosts, so this run manages no edge. Customers reach the service only through "
            "a firewall that you set up yourself: `make packs ALL_FORMATS=1` writes its rules."
        )
    return found
