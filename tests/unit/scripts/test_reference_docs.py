"""reference_docs: specs in, pages out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts import reference_docs

SPEC = """\
argument_specs:
  main:
    short_description: Do a thing
    description: [First paragraph., Second paragraph.]
    options:
      thing_name: {type: str, required: true, description: "A name, see O(thing_size) and C(x)."}
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
    page = reference_docs.wanted_files(tmp_path)[tmp_path / "docs" / "roles" / "thing.md"]
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
        "| Variable | Type | Default | Description |\n"
        "| --- | --- | --- | --- |\n"
        "| `thing_name` | str | **required** | A name, see `thing_size` and `x`. |\n"
        "| `thing_size` | int | `5` | Size \\| in MiB. |\n"
        "| `thing_mode` | str | `fast` | How. One of `fast`, `slow`. |\n"
        "| `thing_parts` | list of dict | `[]` | The parts. |\n"
        "| `thing_parts[].weight` | int | `0` | In grams. |\n"
    )


MODULE = '''\
DOCUMENTATION = r"""
module: count
short_description: Count | things
description: Counts as M(ftps.exchange.weigh) does, not as M(ansible.builtin.stat).
options:
  what: {type: dict, default: {}, description: What., suboptions: {size: {type: int, description: "A [size] < 5."}}}
attributes: {check_mode: {support: full, description: Changes nothing.}}
notes: [Needs C(bc).]
seealso: [{module: ftps.exchange.weigh}]
"""
EXAMPLES = r"""
- ftps.exchange.count:
"""
RETURN = r"""
sum: {type: int, returned: when O(what) is given, description: The sum.}
"""
'''


def make_module(project: Path, text: str) -> Path:
    folder = project / "plugins" / "modules"
    folder.mkdir(parents=True)
    (project / "plugins" / "filter").mkdir()
    (folder / "count.py").write_text(text)
    return project / "docs" / "modules" / "count.md"


def test_a_module(tmp_path: Path) -> None:
    page = make_module(tmp_path, MODULE)
    assert (
        reference_docs.wanted_files(tmp_path)[page]
        == """\
<!-- Written by `make docs` from plugins/modules/count.py: edit that file. -->

# count

Count | things.

Counts as [`ftps.exchange.weigh`](../modules/weigh.md) does, not as `ansible.builtin.stat`.

## Options

| Option | Type | Default | Description |
| --- | --- | --- | --- |
| `what` | dict | `{}` | What. |
| `what.size` | int | none | A \\[size\\] \\< 5. |

## Notes

- Needs `bc`.

## Attributes

| Attribute | Support | Description |
| --- | --- | --- |
| `check_mode` | full | Changes nothing. |

## Examples

```yaml
- ftps.exchange.count:
```

## Returned values

| Key | Type | Returned | Description |
| --- | --- | --- | --- |
| `sum` | int | when `what` is given | The sum. |

## See also

- [`ftps.exchange.weigh`](../modules/weigh.md)
"""
    )


def test_a_filter_is_documented_beside_its_code(tmp_path: Path) -> None:
    make_module(tmp_path, MODULE)
    text = "DOCUMENTATION: {name: double, short_description: Double, description: Twice.}\nEXAMPLES: x\nRETURN: {}\n"
    (tmp_path / "plugins" / "filter" / "double.yml").write_text(text)
    pages = reference_docs.wanted_files(tmp_path)
    assert "\nTwice.\n" in pages[tmp_path / "docs" / "filters" / "double.md"]
    assert "[double](double.md)" in pages[tmp_path / "docs" / "filters" / "README.md"]


def test_wrong_markup_is_an_error(tmp_path: Path) -> None:
    make_module(tmp_path, MODULE.replace("M(ftps.exchange.weigh) does", "M(weigh) does"))
    with pytest.raises(ValueError, match="weigh"):
        reference_docs.wanted_files(tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "`true`"), ("", '`""`'), (None, "none"), ([1, 2], "`[1, 2]`"), ({"a": 1}, "`{a: 1}`"), (3, "`3`")],
)
def test_code(value: Any, text: str) -> None:
    assert reference_docs.code(value) == text


def test_stale_pages_are_found_written_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference_docs, "PROJECT", tmp_path)
    make_role(tmp_path, "thing")
    make_role(tmp_path, "lab_thing")
    assert reference_docs.main(["--check"]) == 1
    assert "docs/roles/thing.md is not current: make docs" in capsys.readouterr().out
    assert reference_docs.main([]) == 0
    gone = tmp_path / "docs" / "roles" / "gone.md"
    gone.write_text("old")
    (tmp_path / "docs" / "roles" / "thing.md").write_text("changed by hand")
    assert reference_docs.stale_files(tmp_path) == [gone, tmp_path / "docs" / "roles" / "thing.md"]
    reference_docs.main([])
    assert not gone.exists()
    assert reference_docs.main(["--check"]) == 0
    deployments, labs = (tmp_path / "docs" / "roles" / "README.md").read_text().split("For labs only")
    assert "[thing](thing.md)" in deployments
    assert "[lab_thing](lab_thing.md)" in labs
