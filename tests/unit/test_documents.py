"""What holds for every Markdown file: its links lead somewhere, and its words are the ones of CONTRIBUTING.md."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
# Said in CONTRIBUTING.md, "Words". Each of these was in this project's texts and slowed a reader down.
BANNED = {
    r"(?:is|are|be|was|were) told\b": "is reported, gets, receives",
    r"\bmends?\b|\bmended\b|\bmending\b": "fix",
    r"\bsees? to (?:it|a|the|that)\b": "makes sure, provides",
    r"\bmade anew\b": "created again",
    r"\bwhich side has to\b": "who must",
    r"\b(?:own|other|public|commercial|certificate) authorit(?:y|ies)\b": "CA",
    r"\bby another way\b": "in another way, over another channel",
    r"\bof its own accord\b": "by itself",
    r"\bwhat is done costs little\b": "a second run is quick",
    r"\b(?:an|the|another|issuing|intermediate|directory's) authorit(?:y|ies)\b": "CA",
    r"\btells? (?:a|an|the|no|nothing|it|whether|which)\b": "reports, shows, names",
    r"\bleave (?:it|them|the \w+|the key) away\b": "remove",
    r"\bholds a (?:tab|character)\b": "contains",
    r"\bpass(?:es|ed)? over\b": "ignores, ignored",
    r"\banew\b": "again, from scratch",
    r"\bwhatever (?:host|happens|cause)\b": "any, for any, always",
    r"\bas often as not\b": "often",
    r"\bcomes about\b": "happens, is made",
    r"\bnobody would think of\b": "is easy to miss",
    r"\bis heard before\b": "runs before",
    r"(?<!there )\bis no (?:file|port|key|address|name|part of|account|YAML|JSON|\.\w+ file)\b": "is not a",
}


def tracked(*endings: str) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [path for name in names if name.endswith(endings) and (path := PROJECT / name).is_file()]


def without_code(text: str) -> str:
    """A page without its fenced and inline code, which may show what looks like a link."""
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"``.+?``|`[^`\n]+`", "code", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).lower() for head in heads]
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in plain}


def dead_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name) if name else page
        if not there.exists():
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(there):
            yield f"{target}: no such heading"


# A customer's pack has links to files that only the pack has
@pytest.mark.parametrize(
    "page",
    [path for path in tracked(".md") if "golden" not in path.parts],
    ids=lambda path: str(path.relative_to(PROJECT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b` c\n\n[x](#a-b-c) [y](#gone) [z](gone.md) `[w](code.md)`\n\n```\n[v](code.md)\n```\n")
    assert list(dead_links(page)) == ["#gone: no such heading", "gone.md: no such file"]


MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
FOLDERS = r"(?:benchmarks|docs|inventories/(?:lab|example_\w+)|molecule|playbooks|plugins|roles|scripts|src|tests)"


def code(text: str) -> str:
    """What a page shows as code, and nothing else."""
    blocks = re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))])


def missing(page: Path) -> Iterator[str]:
    """What a page tells people to run or to open, and is not there."""
    shown = code(page.read_text(encoding="utf-8"))
    for target in re.findall(r"(?:^|[ ;])make ([a-z][a-z-]*)", shown, re.MULTILINE):
        if target not in MAKE_TARGETS:
            yield f"make {target}"
    # What follows a dot, a slash or a name is another path, and one with a placeholder is no path
    for name in re.findall(rf"(?<![\w./{{-]){FOLDERS}/[\w./-]*\w(?![\w/]*[<*{{…])", shown):
        if not (PROJECT / name).exists():
            yield name


# The changelog and the decisions name what was there; a pack has files of its own
PAGES = [path for path in tracked(".md") if not {"adr", "golden", "CHANGELOG.md"} & set(path.parts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_commands_and_files_that_a_page_names_exist(page: Path) -> None:
    assert list(missing(page)) == []


def test_a_missing_command_or_file_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "make sure of `make fun`, `roles/edge`, `roles/<role>`, `packs/x`\n\n"
        "```console\nmake lab; make no\nvi playbooks/no.yml\n```\n"
    )
    assert list(missing(page)) == ["make no", "make fun", "playbooks/no.yml"]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are prose: all of a page or a YAML file, comments and texts of a program."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING, tokenize.FSTRING_MIDDLE):
                for offset, line in enumerate(token.string.splitlines()):
                    yield token.start[0] + offset, line
    else:
        yield from enumerate(text.splitlines(), 1)


ANY_BANNED = re.compile("|".join(BANNED), re.IGNORECASE)


def banned_words(path: Path) -> Iterator[str]:
    # Most files have none, and finding the prose of a program takes much longer
    if not ANY_BANNED.search(path.read_text(encoding="utf-8")):
        return
    for number, line in prose(path):
        for pattern, better in BANNED.items():
            if found := re.search(pattern, line, re.IGNORECASE):
                yield f"{path.relative_to(PROJECT)}:{number}: {found[0]!r}, better: {better}"


def test_words_are_plain() -> None:
    named_on_purpose = {Path(__file__).resolve(), PROJECT / "CONTRIBUTING.md"}
    files = [path for path in tracked(".md", ".yml", ".py", ".ps1", ".sh", ".j2") if path not in named_on_purpose]
    if found := [finding for path in files for finding in banned_words(path)]:
        pytest.fail("\n".join(found), pytrace=False)


def test_a_banned_word_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PROJECT", tmp_path)
    program = tmp_path / "x.py"
    program.write_text("is_told = 1  # whoever is told\nprint(f'{is_told} sees to it')\n")
    assert [finding.split(",")[0] for finding in banned_words(program)] == ["x.py:1: 'is told'", "x.py:2: 'sees to it'"]
