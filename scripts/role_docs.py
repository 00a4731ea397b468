#!/usr/bin/env python3
"""Write docs/roles/<role>.md from each role's meta/argument_specs.yml, so that no option is described in two places.

scripts/role_docs.py           writes the files
scripts/role_docs.py --check   changes nothing; says which ones are not current, and fails if any
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
HEADER = "<!-- Written by `make docs` from roles/{role}/meta/argument_specs.yml: edit that file. -->\n\n"


def paragraphs(text: str | list[str]) -> list[str]:
    """A description as Ansible allows it, a text or a list of them, as one text a paragraph."""
    return [" ".join(str(part).split()) for part in (text if isinstance(text, list) else [text])]


def code(value: object) -> str:
    """A value as one writes it in YAML; a template is shown without its quotes."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"`{value}`" if value else '`""`'
    if value is None:
        return "none"
    if isinstance(value, list | dict):
        return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).strip()}`"
    return f"`{value}`"


def kind(option: dict[str, Any]) -> str:
    name = str(option.get("type", "str"))
    return f"{name} of {option['elements']}" if "elements" in option else name


def option_rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """A table row for each option; those inside a dict or a list of dicts follow as name.inner or name[].inner."""
    for name, option in options.items():
        told = " ".join(paragraphs(option["description"]))
        if "choices" in option:
            told += f" One of {', '.join(code(choice) for choice in option['choices'])}."
        default = "**required**" if option.get("required") else code(option.get("default"))
        cells = [f"`{prefix}{name}`", kind(option), default, told]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        if "options" in option:
            inner = "[]." if option.get("type") == "list" else "."
            yield from option_rows(option["options"], f"{prefix}{name}{inner}")


def reference(role: str, specs: dict[str, Any]) -> str:
    """The page of one role."""
    parts = [HEADER.format(role=role), f"# {role}\n"]
    for entry_point, spec in specs.items():
        if entry_point != "main":
            parts.append(f"\n## Entry point `{entry_point}`\n")
        parts.append(f"\n{spec['short_description']}.\n")
        parts += [f"\n{text}\n" for text in paragraphs(spec.get("description", []))]
        options = spec.get("options") or {}
        if options:
            parts.append("\n| Variable | Type | Default | What it is |\n| --- | --- | --- | --- |\n")
            parts += [f"{row}\n" for row in option_rows(options)]
        else:
            parts.append("\nIt takes no variables.\n")
    return "".join(parts)


def index(pages: dict[str, dict[str, Any]]) -> str:
    """The page that lists all roles."""
    rows = [f"| [{role}]({role}.md) | {specs['main']['short_description']} |\n" for role, specs in pages.items()]
    header = HEADER.format(role="*")
    return f"{header}# Roles\n\nFor deployments:\n\n{table(rows, lab=False)}\nFor labs only:\n\n{table(rows, lab=True)}"


def table(rows: list[str], *, lab: bool) -> str:
    return "| Role | What it does |\n| --- | --- |\n" + "".join(row for row in rows if row.startswith("| [lab_") == lab)


def wanted_files(project: Path) -> dict[Path, str]:
    """Every generated page with its text."""
    found = {
        path.parts[-3]: yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for path in sorted(project.glob("roles/*/meta/argument_specs.yml"))
    }
    folder = project / "docs" / "roles"
    files = {folder / f"{role}.md": reference(role, specs) for role, specs in found.items()}
    return files | {folder / "README.md": index(found)}


def stale_files(project: Path) -> list[Path]:
    """Pages that are missing or differ, and pages of roles that are gone."""
    wanted = wanted_files(project)
    there = set((project / "docs" / "roles").glob("*.md"))
    changed = [path for path, text in wanted.items() if path not in there or path.read_text(encoding="utf-8") != text]
    return sorted([*changed, *(there - wanted.keys())])


def main(arguments: list[str]) -> int:
    stale = stale_files(PROJECT)
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(PROJECT)} is not current: make docs")
        return 1 if stale else 0
    wanted = wanted_files(PROJECT)
    for path in stale:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
            print(f"wrote {path.relative_to(PROJECT)}")
        else:
            path.unlink()
            print(f"removed {path.relative_to(PROJECT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
