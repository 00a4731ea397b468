"""The language of the PowerShell files: what Windows PowerShell 5.1 lacks, the engine here would run all the same."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ftps_exchange.packs_folder import subject, texts
from tests.windows.powershell import PowerShell

PROJECT = Path(__file__).parents[3]
SCRIPT = PROJECT / "tests" / "windows" / "syntax.ps1"
ALLOWED = yaml.safe_load((PROJECT / "tests" / "windows" / "allowed.yml").read_text(encoding="utf-8"))
PACKS = PROJECT / "src" / "ftps_exchange" / "packs" / "files"


def files() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.ps1", "*.psm1"]
    names = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    return [PROJECT / name for name in sorted(names) if (PROJECT / name).is_file()]


FILES = files()
# What the tests themselves are made of runs here only
SHIPPED = [path for path in FILES if not path.is_relative_to(PROJECT / "tests")]
MODULES = [path for path in FILES if path.parent == PROJECT / "plugins" / "modules"]


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def handed_out(path: Path) -> str:
    """The text as it runs: of a pack's script what the pack holds."""
    if not path.is_relative_to(PACKS):
        return path.read_text(encoding="utf-8")
    (text,) = (text for file, text in texts(subject()).items() if Path(file).name == path.name)
    return text


@pytest.fixture(scope="module")
def facts(powershell: PowerShell, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Any]:
    """What every file uses; a file of the packs as customers get it."""
    folder = tmp_path_factory.mktemp("powershell")
    copies = []
    for number, path in enumerate(FILES):
        copies.append(folder / f"{number}{path.suffix}")
        copies[-1].write_text(handed_out(path), encoding="utf-8")
    told = powershell.script(SCRIPT.read_text(encoding="utf-8"), [str(copy) for copy in copies])
    return dict(zip(FILES, told, strict=True))


def plain(type_name: str) -> str:
    """The name of a type as the list has it: without System, and a generic or an array without what it is made of."""
    return type_name.removeprefix("System.").split("[", 1)[0] or type_name


def problems(used: dict[str, Any], functions: set[str]) -> Iterator[str]:
    """What a file uses that is not on the list, each with its line."""
    commands = ALLOWED["commands"]
    for command in used["commands"]:
        line, called = command["line"], command["name"]
        if called in functions:
            continue
        if called is None:
            # & $block: a script block of its own
            continue
        if called not in commands:
            yield f"line {line}: the command {called}"
            continue
        unknown = {parameter.lower() for parameter in command["parameters"]}
        unknown -= {parameter.lower() for parameter in commands[called]["parameters"]}
        if unknown:
            yield f"line {line}: {called} -{' -'.join(sorted(unknown))}"
        if called == "Join-Path" and command["positional"] > 2:
            yield f"line {line}: Join-Path with more than two parts"
    static = ALLOWED["static"]
    instance = {member for group in ALLOWED["members"].values() for member in group["members"]} | set(used["keys"])
    for member in used["members"]:
        line, type_name, called = member["line"], member["type"], member["name"]
        if called is None:
            yield f"line {line}: a member whose name is computed: {member['text']}"
        elif type_name:
            known = static.get(type_name.removeprefix("System.")) or static.get(plain(type_name)) or {"members": []}
            if called not in known["members"]:
                yield f"line {line}: [{type_name}]::{called}"
        elif called not in instance:
            yield f"line {line}: .{called}{'()' if member['method'] else ''}"
    types = set(static) | set(ALLOWED["types"])
    for one in used["types"]:
        if plain(one["name"]) not in types:
            yield f"line {one['line']}: the type [{one['name']}]"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_it_parses(facts: dict[Path, Any], path: Path) -> None:
    assert facts[path]["errors"] == []


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_it_uses_nothing_that_windows_powershell_lacks(facts: dict[Path, Any], path: Path) -> None:
    assert facts[path]["constructs"] == []


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_it_uses_what_was_looked_up(facts: dict[Path, Any], path: Path) -> None:
    functions = {function for used in facts.values() for function in used["functions"]}
    found = list(problems(facts[path], functions))
    assert found == [], "look it up for Windows PowerShell 5.1 and .NET 4.8, and add it to tests/windows/allowed.yml"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$a ? 1 : 2", "? :"),
        ("$a ?? 1", "??"),
        ("$a ??= 1", "??="),
        ("${a}?.b", "?."),
        ("${a}?.b()", "?."),
        ("${a}?[0]", "?[]"),
        ("a && b", "&& or ||"),
        ("a || b", "&& or ||"),
        ("a &", "&"),
        ("$a = 1u", "number suffix"),
        ("$a = 0b11", "number suffix"),
        ('"`u{20}"', "`u{} or `e"),
        ("function f { clean { } }", "clean {}"),
    ],
)
def test_a_construct_that_windows_powershell_lacks_is_seen(
    powershell: PowerShell, tmp_path: Path, text: str, found: str
) -> None:
    file = tmp_path / "new.ps1"
    file.write_text(text, encoding="utf-8")
    told = powershell.script(SCRIPT.read_text(encoding="utf-8"), [str(file)])[0]
    assert told["errors"] == []
    assert [construct["text"] for construct in told["constructs"]] == [found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1 | ForEach-Object -Parallel { $_ }", "line 1: ForEach-Object -parallel"),
        ("ConvertFrom-Json -AsHashtable '{}'", "line 1: ConvertFrom-Json -ashashtable"),
        ("Join-Path a b c", "line 1: Join-Path with more than two parts"),
        ("[IO.Path]::Join('a', 'b')", "line 1: [IO.Path]::Join"),
        ("[Math]::Clamp(1, 2, 3)", "line 1: [Math]::Clamp"),
        ("$a.TryAdd(1, 2)", "line 1: .TryAdd()"),
        ("$a.$b", "line 1: a member whose name is computed: $a.$b"),
        ("[Text.Json.JsonDocument]$a", "line 1: the type [Text.Json.JsonDocument]"),
        ("$a = @{ Own = 1 }; $a.Own; $a.Count", None),
    ],
)
def test_what_was_not_looked_up_is_seen(powershell: PowerShell, tmp_path: Path, text: str, found: str | None) -> None:
    file = tmp_path / "new.ps1"
    file.write_text(text, encoding="utf-8")
    told = powershell.script(SCRIPT.read_text(encoding="utf-8"), [str(file)])[0]
    assert list(problems(told, set())) == ([] if found is None else [found])


def test_every_entry_says_why() -> None:
    for group in ("commands", "static", "members"):
        for called, entry in ALLOWED[group].items():
            assert entry["why"], called
            assert entry.get("members", True), called


# Documentation


SPEC = """param($file)
[Ansible.Basic.AnsibleModule]::_DebugArgSpec = $true
try { & ([scriptblock]::Create([IO.File]::ReadAllText($file))) }
catch { $null = $_ }
finally { [Ansible.Basic.AnsibleModule]::_DebugArgSpec = $false }
$global:ansibleTestArgSpec
"""


def check_options(documented: dict[str, Any], accepted: dict[str, Any], where: str) -> None:
    assert documented.keys() == accepted.keys(), f"{where}: documented and accepted options differ"
    for option, spec in accepted.items():
        told = documented[option]
        here = f"{where}.{option}"
        assert told.get("description"), f"{here} has no description"
        assert told.get("type", "str") == spec.get("type", "str"), f"{here}: type"
        assert bool(told.get("required")) == bool(spec.get("required")), f"{here}: required"
        for key in ("default", "elements"):
            assert told.get(key) == spec.get(key), f"{here}: {key}"
        assert list(told.get("choices") or []) == list(spec.get("choices") or []), f"{here}: choices"
        check_options(told.get("suboptions") or {}, spec.get("options") or {}, here)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_documentation_is_what_the_module_accepts(powershell: PowerShell, path: Path) -> None:
    sidecar = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    documentation = sidecar["DOCUMENTATION"]
    assert documentation["module"] == path.stem
    assert documentation["short_description"]
    spec = powershell.script(SPEC, str(path))[0]
    check_options(documentation.get("options") or {}, spec["options"], path.stem)
    supported = documentation["attributes"]["check_mode"]["support"] == "full"
    assert bool(spec.get("supports_check_mode")) == supported
    for key, value in (sidecar.get("RETURN") or {}).items():
        for fact in ("description", "type", "returned"):
            assert value.get(fact), f"RETURN: {key} has no {fact}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_examples_use_options_that_exist(path: Path) -> None:
    sidecar = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    options = sidecar["DOCUMENTATION"].get("options") or {}
    full_name = f"ftps.exchange.{path.stem}"
    used = [task[full_name] for task in yaml.safe_load(sidecar["EXAMPLES"]) if full_name in task]
    assert used, "no example uses the module"
    for arguments in used:
        assert sorted((arguments or {}).keys() - options.keys()) == []
        for option, spec in options.items():
            assert not spec.get("required") or option in arguments, f"an example leaves out {option}"
