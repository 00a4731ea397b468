"""role_docs: specs in, pages out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts import role_docs

SPEC = """\
argument_specs:
  main:
    short_description: Do a thing
    description: [First paragraph., Second paragraph.]
    options:
      thing_name: {type: str, required: true, description: A name.}
      thing_size: {type: int, default: 5, description: "Size | in MiB."}
      thing_mode: {type: str, choices: [fast, slow], default: fast, description: How.}
      thing_parts:
        type: list
        elements: dict
        default: []
        description: The parts.
        options:
          weight: {type: int, default: 0, description: In grams.}
"""


def make_role(project: Path, name: str, text: str = SPEC) -> None:
    folder = project / "roles" / name / "meta"
    folder.mkdir(parents=True)
    (folder / "argument_specs.yml").write_text(text)


def test_reference(tmp_path: Path) -> None:
    make_role(tmp_path, "thing")
    page = role_docs.wanted_files(tmp_path)[tmp_path / "docs" / "roles" / "thing.md"]
    assert page == (
        "<!-- Written by `make docs` from roles/thing/meta/argument_specs.yml: edit that file. -->\n"
        "\n"
        "# thing\n"
        "\n"
        "Do a thing.\n"
        "\n"
        "First paragraph.\n"
        "\n"
        "Second paragraph.\n"
        "\n"
        "| Variable | Type | Default | What it is |\n"
        "| --- | --- | --- | --- |\n"
        "| `thing_name` | str | **required** | A name. |\n"
        "| `thing_size` | int | `5` | Size \\| in MiB. |\n"
        "| `thing_mode` | str | `fast` | How. One of `fast`, `slow`. |\n"
        "| `thing_parts` | list of dict | `[]` | The parts. |\n"
        "| `thing_parts[].weight` | int | `0` | In grams. |\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "`true`"), ("", '`""`'), (None, "none"), ([1, 2], "`[1, 2]`"), ({"a": 1}, "`{a: 1}`"), (3, "`3`")],
)
def test_code(value: Any, text: str) -> None:
    assert role_docs.code(value) == text


def test_stale_pages_are_found_written_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(role_docs, "PROJECT", tmp_path)
    make_role(tmp_path, "thing")
    make_role(tmp_path, "lab_thing")
    assert role_docs.main(["--check"]) == 1
    assert "docs/roles/thing.md is not current: make docs" in capsys.readouterr().out
    assert role_docs.main([]) == 0
    gone = tmp_path / "docs" / "roles" / "gone.md"
    gone.write_text("old")
    (tmp_path / "docs" / "roles" / "thing.md").write_text("changed by hand")
    assert role_docs.stale_files(tmp_path) == [gone, tmp_path / "docs" / "roles" / "thing.md"]
    role_docs.main([])
    assert not gone.exists()
    assert role_docs.main(["--check"]) == 0
    deployments, labs = (tmp_path / "docs" / "roles" / "README.md").read_text().split("For labs only")
    assert "[thing](thing.md)" in deployments
    assert "[lab_thing](lab_thing.md)" in labs
