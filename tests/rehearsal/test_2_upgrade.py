"""A newer version of the collection, as docs/collection.md shows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.rehearsal.documents import COLLECTION, SITE, UPGRADE, commands, shown
from tests.rehearsal.terminal import Terminal


def test_the_upgrade_is_installed_previewed_and_applied(terminal: Terminal, archives: Mapping[str, str]) -> None:
    changed: dict[str, dict[str, int]] = {}
    for command in commands(COLLECTION, UPGRADE):
        command = re.sub(r"ftps-exchange-[\d.]+\.tar\.gz", archives["new"], command)
        changed[command] = terminal.type(command, timeout=590).changed
    preview, applied = list(changed.values())[-2:]
    # What a preview announces happens, and nothing else
    assert {host: count > 0 for host, count in preview.items()} == {host: count > 0 for host, count in applied.items()}
    version = '"version": "' + archives["new"].removeprefix("ftps-exchange-").removesuffix(".tar.gz") + '"'
    assert version in terminal.read("collections/ansible_collections/ftps/exchange/MANIFEST.json")


def test_a_run_after_it_changes_nothing(terminal: Terminal) -> None:
    said = terminal.type(shown(SITE))
    assert set(said.changed.values()) == {0}, said.text


def test_the_requirements_are_the_new_ones(terminal: Terminal) -> None:
    assert terminal.type("git status --porcelain --untracked-files=no").text.split() in ([], ["M", "requirements.txt"])
