"""Write the references of roles, modules and filters in docs/ from the documentation that Ansible itself reads.

python -m scripts.reference_docs            writes docs/roles/, docs/modules/ and docs/filters/
python -m scripts.reference_docs --check    changes nothing; lists stale pages, and fails if there are any
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from antsibull_docs_parser import dom
from antsibull_docs_parser.format import LinkProvider
from antsibull_docs_parser.md import MDFormatter, to_md
from antsibull_docs_parser.parser import Context, parse

from scripts.fragments import with_fragments

PROJECT = Path(__file__).resolve().parent.parent
COLLECTION = "ftps.exchange."
FOLDERS = {"role": "roles", "module": "modules", "filter": "filters"}
HEADER = "<!-- Written by `make docs` from {source}: edit that file. -->\n\n"


class Entry(NamedTuple):
    """A page in the making: what it is about, and the file that its content comes from, relative to the project."""

    kind: str
    name: str
    source: str
    content: dict[str, Any]

    @property
    def context(self) -> Context:
        plugin = dom.PluginIdentifier(fqcn=COLLECTION + self.name, type=self.kind)
        return Context(current_plugin=plugin, role_entrypoint="main" if self.kind == "role" else None)

    @property
    def summary(self) -> str:
        content = self.content["main"] if self.kind == "role" else self.content
        return str(content["short_description"]).rstrip(".")


class Markdown(MDFormatter):
    """Markdown as a person writes it: code in backticks, and a backslash only where one is needed."""

    @staticmethod
    def _escaped(text: str) -> str:
        return re.sub(r"([\\`*<\[\]])", r"\\\1", text)

    @staticmethod
    def _code(text: str) -> str:
        return f"`` {text} ``" if "`" in text else f"`{text}`"

    def _reference(self, text: str, url: str | None) -> str:
        return f"[{self._code(text)}]({url})" if url else self._code(text)

    def format_bold(self, part: dom.BoldPart) -> str:
        return f"**{self._escaped(part.text)}**"

    def format_italic(self, part: dom.ItalicPart) -> str:
        return f"*{self._escaped(part.text)}*"

    def format_text(self, part: dom.TextPart) -> str:
        return self._escaped(part.text)

    def format_code(self, part: dom.CodePart) -> str:
        return self._code(part.text)

    def format_env_variable(self, part: dom.EnvVariablePart) -> str:
        return self._code(part.name)

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return self._code(part.value)

    def format_option_name(self, part: dom.OptionNamePart, url: str | None) -> str:
        return self._reference(part.name if part.value is None else f"{part.name}={part.value}", url)

    def format_return_value(self, part: dom.ReturnValuePart, url: str | None) -> str:
        return self._reference(part.name if part.value is None else f"{part.name}={part.value}", url)

    def format_module(self, part: dom.ModulePart, url: str | None) -> str:
        return self._reference(part.fqcn, url)

    def format_plugin(self, part: dom.PluginPart, url: str | None) -> str:
        return self._reference(part.plugin.fqcn, url)


class Links(LinkProvider):
    """Links to the pages of this collection; names of other collections stay plain."""

    def plugin_link(self, plugin: dom.PluginIdentifier) -> str | None:
        if not plugin.fqcn.startswith(COLLECTION) or plugin.type not in FOLDERS:
            return None
        return f"../{FOLDERS[plugin.type]}/{plugin.fqcn.removeprefix(COLLECTION)}.md"


def paragraphs(text: str | list[str] | None, context: Context) -> list[str]:
    """A description, a text or a list of them, as one line of Markdown per paragraph. Wrong markup is an error."""
    parts = [" ".join(str(part).split()) for part in (text if isinstance(text, list) else [text or ""])]
    parsed = parse([part for part in parts if part], context, errors="exception")
    return [to_md([part], formatter=Markdown(), link_provider=Links()) for part in parsed]


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


def type_name(option: dict[str, Any]) -> str:
    name = str(option.get("type", "str"))
    return f"{name} of {option['elements']}" if "elements" in option else name


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def table(heads: list[str], rows: Iterator[str]) -> str:
    return row(*heads) + row(*["---"] * len(heads)) + "".join(rows)


def flat(options: dict[str, Any], inner: str, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each option with its full name; those inside a dict or a list of dicts follow as name.inner or name[].inner."""
    for name, option in options.items():
        yield prefix + name, option
        separator = "[]." if option.get("type") == "list" else "."
        yield from flat(option.get(inner) or {}, inner, f"{prefix}{name}{separator}")


def options_table(options: dict[str, Any], inner: str, head: str, context: Context) -> str:
    def rows() -> Iterator[str]:
        for name, option in flat(options, inner):
            text = " ".join(paragraphs(option["description"], context))
            if option.get("choices"):
                text += f" One of {', '.join(code(choice) for choice in option['choices'])}."
            default = "**required**" if option.get("required") else code(option.get("default"))
            yield row(f"`{name}`", type_name(option), default, text)

    return table([head, "Type", "Default", "Description"], rows())


def role_page(entry: Entry) -> Iterator[str]:
    for entry_point, spec in entry.content.items():
        if entry_point != "main":
            yield f"## Entry point `{entry_point}`\n"
        yield f"{spec['short_description']}.\n"
        yield from (f"{text}\n" for text in paragraphs(spec.get("description"), entry.context))
        options = spec.get("options") or {}
        yield options_table(options, "options", "Variable", entry.context) if options else "It takes no variables.\n"


def plugin_page(entry: Entry) -> Iterator[str]:
    content, context = entry.content, entry.context
    yield f"{entry.summary}.\n"
    yield from (f"{text}\n" for text in paragraphs(content.get("description"), context))
    options = content.get("options") or {}
    yield "## Options\n"
    yield options_table(options, "suboptions", "Option", context) if options else "It takes no options.\n"
    for title in ("requirements", "notes"):
        if content.get(title):
            yield f"## {title.capitalize()}\n"
            yield "".join(f"- {text}\n" for text in paragraphs(content[title], context))
    if attributes := content.get("attributes"):
        yield "## Attributes\n"
        rows = (
            row(f"`{name}`", each.get("support", ""), " ".join(paragraphs(each.get("description"), context)))
            for name, each in attributes.items()
        )
        yield table(["Attribute", "Support", "Description"], rows)
    yield "## Examples\n"
    yield f"```yaml\n{str(content['examples']).strip()}\n```\n"
    if returned := content.get("returned"):
        yield "## Returned values\n"
        yield table(
            ["Key", "Type", "Returned", "Description"],
            (
                row(f"`{name}`", type_name(value), *(" ".join(paragraphs(text, context)) for text in texts))
                for name, value in flat(returned, "contains")
                for texts in [(value.get("returned", "always"), value["description"])]
            ),
        )
    if seealso := content.get("seealso"):
        yield "## See also\n"
        yield "".join(f"- {reference(each, context)}\n" for each in seealso)


def reference(seealso: dict[str, str], context: Context) -> str:
    """An entry of seealso: a module, a plugin, or the name and address of a page elsewhere."""
    if "module" in seealso:
        return paragraphs(f"M({seealso['module']})", context)[0]
    if "plugin" in seealso:
        return paragraphs(f"P({seealso['plugin']}#{seealso['plugin_type']})", context)[0]
    return f"[{seealso['name']}]({seealso['link']}): {seealso['description']}"


def page(entry: Entry) -> str:
    body = role_page(entry) if entry.kind == "role" else plugin_page(entry)
    return HEADER.format(source=entry.source) + "\n".join([f"# {entry.name}\n", *body])


def index(kind: str, entries: list[Entry]) -> str:
    """The page that lists all of a kind."""

    def rows(*, lab: bool) -> Iterator[str]:
        for entry in entries:
            if entry.name.startswith("lab_") == lab:
                summary = " ".join(paragraphs(entry.summary, entry.context))
                yield row(f"[{entry.name}]({entry.name}.md)", summary)

    heads = [kind.capitalize(), "What it does"]
    return (
        HEADER.format(source=f"the documentation of each {kind}").replace("edit that file", "edit that")
        + f"# {FOLDERS[kind].capitalize()}\n\n"
        + f"For deployments:\n\n{table(heads, rows(lab=False))}\nFor labs only:\n\n{table(heads, rows(lab=True))}"
    )


def plugin_documentation(path: Path) -> dict[str, Any]:
    """What a module's Python file or a YAML file beside the code says, as one dictionary."""
    text = path.read_text(encoding="utf-8")
    found: dict[str, Any]
    if path.suffix == ".yml":
        found = yaml.safe_load(text)
    else:
        found = {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in ast.parse(text).body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id in ("DOCUMENTATION", "EXAMPLES", "RETURN")
        }
        found |= {key: yaml.safe_load(found[key]) for key in ("DOCUMENTATION", "RETURN")}
    return {**with_fragments(found["DOCUMENTATION"]), "examples": found["EXAMPLES"], "returned": found["RETURN"]}


def documented(project: Path) -> Iterator[Entry]:
    """Everything that has a page."""
    for path in sorted(project.glob("roles/*/meta/argument_specs.yml")):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        yield Entry("role", path.parts[-3], str(path.relative_to(project)), specs)
    for kind, folder in (("module", "modules"), ("filter", "filter")):
        for path in sorted(project.glob(f"plugins/{folder}/*")):
            # The documentation of PowerShell and of filters is a YAML file beside the code
            if path.suffix == ".yml" or (kind == "module" and path.suffix == ".py"):
                yield Entry(kind, path.stem, str(path.relative_to(project)), plugin_documentation(path))


def wanted_files(project: Path) -> dict[Path, str]:
    """Every generated page with its text."""
    entries = list(documented(project))
    files = {project / "docs" / FOLDERS[entry.kind] / f"{entry.name}.md": page(entry) for entry in entries}
    for kind, folder in FOLDERS.items():
        if of_kind := [entry for entry in entries if entry.kind == kind]:
            files[project / "docs" / folder / "README.md"] = index(kind, of_kind)
    return files


def stale_files(project: Path) -> list[Path]:
    """Pages that are missing or differ, and pages of what is gone."""
    wanted = wanted_files(project)
    there = {path for folder in FOLDERS.values() for path in (project / "docs" / folder).glob("*.md")}
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
