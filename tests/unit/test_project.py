"""What holds for the project as a whole: one fact in one place, and documentation that is what the code does."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import ansible_collections
import pytest
import yaml

from scripts import reference_docs
from scripts.fragments import with_fragments

PROJECT = Path(__file__).resolve().parent.parent.parent
ROLES = sorted(path for path in (PROJECT / "roles").iterdir() if path.is_dir())
MODULES = sorted(path.stem for path in (PROJECT / "plugins" / "modules").glob("*.py"))
PLUGINS = "ansible_collections.ftps.exchange.plugins"
# What runs in Ansible's own process; of such a module the file has the documentation only
ACTIONS = sorted(path.stem for path in (PROJECT / "plugins" / "action").glob("*.py"))
FILTERS = {
    name: function
    for plugin in sorted((PROJECT / "plugins" / "filter").glob("*.py"))
    for name, function in importlib.import_module(f"{PLUGINS}.filter.{plugin.stem}").FilterModule().filters().items()
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def text_files() -> list[Path]:
    """Every text file that git knows, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = [PROJECT / name for name in names if name]
    return [path for path in found if path.is_file() and b"\0" not in path.read_bytes()]


# Roles


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_defaults_are_the_ones_that_its_specs_tell(role: Path) -> None:
    options: dict[str, Any] = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options") or {}
    defaults_file = role / "defaults" / "main.yml"
    defaults: dict[str, Any] = (load(defaults_file) or {}) if defaults_file.exists() else {}
    assert sorted(defaults.keys() - options.keys()) == [], "a default that meta/argument_specs.yml does not name"
    for name, option in options.items():
        if option.get("required"):
            # undef() is Ansible's way to say so with a hint
            assert "undef(" in str(defaults.get(name, "undef(")), f"{name} is required and has a default"
            assert "default" not in option, f"{name} is required and has a default in the specs"
        else:
            assert name in defaults, f"{name} is optional and defaults/main.yml has no value for it"
            assert option.get("default") == defaults[name], f"{name}: specs and defaults/main.yml differ"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_variables_carry_the_name_of_their_role(role: Path) -> None:
    for part, prefix in (("defaults", role.name), ("vars", f"__{role.name}")):
        for file in sorted((role / part).glob("*.yml")):
            for name in load(file) or {}:
                assert name.startswith(f"{prefix}_"), f"{name} in {part}/{file.name}"


def check_described(options: dict[str, Any], where: str) -> None:
    for name, option in options.items():
        assert option.get("type"), f"{where}{name} has no type"
        assert option.get("description"), f"{where}{name} has no description"
        check_described(option.get("options") or {}, f"{where}{name}.")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_options_have_a_type_and_a_description(role: Path) -> None:
    for spec in load(role / "meta" / "argument_specs.yml")["argument_specs"].values():
        check_described(spec.get("options") or {}, "")


def test_references_are_current() -> None:
    stale = [str(path.relative_to(PROJECT)) for path in reference_docs.stale_files(PROJECT)]
    assert stale == [], "run: make docs"


def loops(content: Any) -> Iterator[str]:
    """What each task of a file loops over, however the line is folded."""
    if isinstance(content, list):
        for entry in content:
            yield from loops(entry)
    elif isinstance(content, dict):
        for key, value in content.items():
            if key == "loop" or str(key).startswith("with_"):
                yield str(value)
            yield from loops(value)


def test_nothing_loops_over_customers() -> None:
    folded = yaml.safe_load("- debug:\n  loop: >-\n    {{ exchange_model\n       .customers }}\n")
    assert "customers" in next(loops(folded)), "this test would not see a folded line"
    found = [
        f"{path}: {over}"
        for folder in ("roles", "playbooks")
        for path in (PROJECT / folder).rglob("*.yml")
        for over in loops(load(path))
        if re.search("customers|accounts|exchange_model|exchange_desired", over)
    ]
    assert found == [], "an item costs 0.3 s at every run: give one module the whole list"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_has_no_plugins_of_its_own(role: Path) -> None:
    """A role of a collection does not find them: docs/adr/0022."""
    found = [
        path.name for path in role.iterdir() if path.name in ("library", "module_utils") or "_plugins" in path.name
    ]
    assert found == []


# Filters


def texts(content: Any) -> Iterator[str]:
    """Every text in a file of a role or in a playbook; comments are none."""
    if isinstance(content, dict):
        for value in content.values():
            yield from texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from texts(value)
    elif isinstance(content, str):
        yield content


@pytest.fixture(scope="module")
def used_or_offered() -> str:
    """What roles and playbooks do, and how the variables of a role that stands alone are said to be obtained."""
    files = [path for folder in ("roles", "playbooks", "molecule") for path in (PROJECT / folder).rglob("*.yml")]
    return "\n".join(text for path in files for text in texts(load(path)))


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_serves_somebody(name: str, used_or_offered: str) -> None:
    assert re.search(rf"ftps\.exchange\.{name}\b|C\({name}\)", used_or_offered), "no role or playbook calls or names it"


# Modules


def documentation_of(name: str) -> dict[str, Any]:
    return with_fragments(yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{name}").DOCUMENTATION))


class SpecTakenError(Exception):
    """Stops a module's main() at the moment that it hands over its argument specification."""


def taken_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a module passes to AnsibleModule, or an action takes."""
    if name in ACTIONS and hasattr(importlib.import_module(f"{PLUGINS}.action.{name}"), "ARGUMENTS"):
        return {"argument_spec": importlib.import_module(f"{PLUGINS}.action.{name}").ARGUMENTS}
    module = importlib.import_module(f"{PLUGINS}.modules.{name}")
    taken: dict[str, Any] = {}

    def take(argument_spec: dict[str, Any], **options: Any) -> None:
        taken.update(options, argument_spec=argument_spec)
        raise SpecTakenError

    monkeypatch.setattr(module, "AnsibleModule", take)
    with pytest.raises(SpecTakenError):
        module.main()
    return taken


def check_options(documented: dict[str, Any], accepted: dict[str, Any], where: str) -> None:
    assert documented.keys() == accepted.keys(), f"{where}: documented and accepted options differ"
    for name, spec in accepted.items():
        told = documented[name]
        here = f"{where}.{name}"
        assert told.get("description"), f"{here} has no description"
        assert told.get("type", "str") == spec.get("type", "str"), f"{here}: type"
        assert bool(told.get("required")) == bool(spec.get("required")), f"{here}: required"
        for key in ("default", "elements"):
            assert told.get(key) == spec.get(key), f"{here}: {key}"
        assert list(told.get("choices") or []) == list(spec.get("choices") or []), f"{here}: choices"
        assert list(told.get("aliases") or []) == list(spec.get("aliases") or []), f"{here}: aliases"
        check_options(told.get("suboptions") or {}, spec.get("options") or {}, here)


@pytest.mark.parametrize("name", MODULES)
def test_module_documentation_is_what_the_module_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documentation = documentation_of(name)
    taken = taken_arguments(name, monkeypatch)
    assert documentation["module"] == name
    assert documentation["short_description"]
    check_options(documentation.get("options") or {}, taken["argument_spec"], name)


@pytest.mark.parametrize("name", MODULES)
def test_module_examples_use_options_that_exist(name: str) -> None:
    module = importlib.import_module(f"{PLUGINS}.modules.{name}")
    options = documentation_of(name).get("options") or {}
    tasks = yaml.safe_load(module.EXAMPLES)
    used = [task[f"ftps.exchange.{name}"] for task in tasks if f"ftps.exchange.{name}" in task]
    assert used, "no example uses the module by its full name"
    for arguments in used:
        assert sorted((arguments or {}).keys() - options.keys()) == []
        for option, spec in options.items():
            assert not spec.get("required") or option in arguments, f"an example leaves out {option}"


@pytest.mark.parametrize("name", MODULES)
def test_module_returns_are_described(name: str) -> None:
    for key, value in (yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{name}").RETURN) or {}).items():
        assert value.get("description"), f"{key} has no description"
        assert value.get("type"), f"{key} has no type"
        assert value.get("returned"), f"{key} does not say when it is returned"


# Filters


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_filter_has_a_description_of_its_own(name: str) -> None:
    sidecar = load(PROJECT / "plugins" / "filter" / f"{name}.yml")
    documentation = sidecar["DOCUMENTATION"]
    assert documentation["name"] == name
    assert sidecar["EXAMPLES"]
    assert sidecar["RETURN"]
    accepted = list(inspect.signature(FILTERS[name]).parameters)[1:]
    documented = [option for option in documentation["options"] if option != "_input"]
    assert documented == accepted, "documented and accepted parameters differ"


def test_no_filter_description_is_left_over() -> None:
    assert sorted(path.stem for path in (PROJECT / "plugins" / "filter").glob("*.yml")) == sorted(FILTERS)


# Python


def renames(content: str) -> list[str]:
    """How Python text renames files. (``str.replace`` takes two arguments, ``Path.replace`` one.)"""
    found: list[str] = []
    for node in ast.walk(ast.parse(content)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="replace" | "rename" | "renames" as name):
                found.append(name)
            case ast.Call(func=ast.Attribute(attr="replace" | "rename" as name), args=[_], keywords=[]):
                found.append(name)
    return found


def test_files_are_replaced_in_one_place() -> None:
    samples = ("os.rename(a, b)", "path.replace(b)", "Path(a).rename(b)", "move = os.replace")
    assert [renames(sample) for sample in samples] == [["rename"], ["replace"], ["rename"], ["replace"]]
    assert not any(map(renames, ("'a'.replace('a', 'b')", "now.replace(tzinfo=UTC)", "ftp.rename(a, b)")))
    found = {
        str(path.relative_to(PROJECT)): renames(path.read_text(encoding="utf-8"))
        for path in text_files()
        if re.match("(plugins|roles|scripts|src|tests/exchange)/", path.relative_to(PROJECT).as_posix())
        # The snippets are customers' own programs.
        and "snippets" not in path.parts
        and (path.suffix == ".py" or re.match(r"#!.*python", path.read_text(encoding="utf-8")))
    }
    # Scripts of roles stand alone on a host: each has one function for it (and may move its log away).
    alone = {path for path in found if path.startswith("roles/")}
    assert [path for path in alone if found[path].count("replace") > 1] == []
    # The package knows nothing of modules, and backup.py is also a program that stands alone on the servers.
    places = {"plugins/module_utils/backup.py", "plugins/module_utils/files.py", "src/ftps_exchange/packs/store.py"}
    assert {path for path in found.keys() - alone if found[path]} == places, "use plugins/module_utils/files.py"


# Commands, pins and texts


def test_contributing_names_files_that_exist() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[`(]((?:docs|playbooks|plugins|roles|src|tests)/[\w./-]+)[`)]", text))
    assert len(named) > 10
    assert sorted(name for name in named if not (PROJECT / name).exists()) == []


def test_makefile_and_readme_agree_on_the_commands() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    for target in ("lab", "test", "verify", "bench", "lab-down"):
        assert target in targets
        assert f"make {target}" in readme
    assert set(re.findall(r"`make ([a-z-]+)", readme)) <= targets, "the README names a command that there is not"


def pins(name: str) -> dict[str, str]:
    text = (PROJECT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {package.lower().replace("_", "-"): version for package, version in found}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_pinned_requirements_are_what_is_asked_for(name: str) -> None:
    wanted, pinned = pins(f"{name}.in"), pins(f"{name}.txt")
    assert wanted.items() <= pinned.items(), "run: make requirements"
    text = (PROJECT / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"^\s*--(?!hash)\S+", text, re.MULTILINE) == [], "no index or other source belongs in there"


def test_the_two_lists_of_pins_do_not_contradict_each_other() -> None:
    run, develop = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {
        name: (run[name], develop[name]) for name in run.keys() & develop.keys() if run[name] != develop[name]
    } == {}


def test_galaxy_would_give_the_collections_that_are_used_here() -> None:
    for collection in load(PROJECT / "requirements.yml")["collections"]:
        name = collection["name"].replace(".", "/")
        (file,) = (
            found for root in ansible_collections.__path__ if (found := Path(root, name, "MANIFEST.json")).exists()
        )
        manifest = json.loads(file.read_text())
        assert collection["version"] == manifest["collection_info"]["version"], collection["name"]


def used_collections(*folders: str) -> set[str]:
    """Of modules, connections, filters, tests and lookups, wherever they are named in full."""
    named = re.compile(
        r"^\s+(?:- )?(?:connection: |ansible_connection: )?([a-z_]+\.[a-z_]+)\.[a-z_0-9]+:?$"
        r"|(?:\||\bis|\bis not|lookup\(['\"]|query\(['\"])\s*([a-z_]+\.[a-z_]+)\.[a-z_0-9]+",
        re.M,
    )
    files = [path for folder in folders for path in (PROJECT / folder).rglob("*.yml")]
    found = {name for path in files for names in named.findall(path.read_text(encoding="utf-8")) for name in names}
    return found - {"", "ansible.builtin", "ftps.exchange"}


def test_every_collection_that_is_used_is_declared() -> None:
    pinned = {entry["name"]: entry["version"] for entry in load(PROJECT / "requirements.yml")["collections"]}
    assert used_collections("roles", "playbooks", "inventories", "molecule") <= pinned.keys()
    required: dict[str, str] = load(PROJECT / "galaxy.yml")["dependencies"]
    assert used_collections("roles", "playbooks") == required.keys(), "galaxy.yml is what the collection itself needs"
    assert required == {name: f">={pinned[name]}" for name in required}


def test_the_package_is_installed_from_this_checkout() -> None:
    assert files("ftps-exchange"), "make venv"


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of somebody's machine", r"(?<![\w.}])/(?:home|Users|work)/\w"),
        ("the address of a registry", r"\b(?:docker|quay|ghcr|gcr|pypi|npmjs|pythonhosted)\.(?:io|org|com)\b"),
        ("a package index in a command", r"--(?:extra-)?index-url[ =]"),
    ],
)
def test_no_file_names(what: str, pattern: str) -> None:
    expression = re.compile(pattern)
    found = []
    for path in text_files():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if expression.search(line):
                found.append(f"{path.relative_to(PROJECT)}:{number}: {line.strip()[:100]}")
    assert found == [], what


def test_one_version_and_one_release_everywhere() -> None:
    """galaxy.yml has it; tests/unit/test_collection.py compares pyproject.toml."""
    version = load(PROJECT / "galaxy.yml")["version"]
    released = re.findall(r"^## \[(.+?)\](.*)$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == ("Unreleased", "")
    name, day = released[1]
    assert name == version
    assert re.fullmatch(r" - \d{4}-\d\d-\d\d", day)
    assert f"\n**{version}** ·" in (PROJECT / "README.md").read_text(encoding="utf-8")
    named = [
        found
        for page in (PROJECT / "docs").glob("*.md")
        for found in re.findall(r"ftps-exchange-(\d[\d.]*\d)", page.read_text(encoding="utf-8"))
    ]
    assert set(named) == {version}


def test_one_licence_everywhere() -> None:
    assert (PROJECT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")
    told = {str(role.name): load(role / "meta" / "main.yml")["galaxy_info"]["license"] for role in ROLES}
    assert {name: licence for name, licence in told.items() if licence != "MIT"} == {}
    assert '\nlicense = "MIT"\n' in (PROJECT / "pyproject.toml").read_text(encoding="utf-8")


def test_hosts_keep_the_order_of_the_inventory() -> None:
    """Ansible's filters for sets return lists in another order each time, and the first server has work of its own."""
    wrong = [
        f"{path.relative_to(PROJECT)}: {line.strip()}"
        for folder in ("playbooks", "roles", "molecule", "inventories")
        for path in (PROJECT / folder).rglob("*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(groups\[|play_hosts|servers).*\| (difference|intersect|union)\(", line)
        and "| length" not in line
    ]
    assert wrong == []


def test_hosts_of_a_lab_are_entered_through_podman() -> None:
    """A lab whose inventory lacks it speaks to hosts of these names somewhere else, by SSH."""
    labs = [
        path.parent
        for folder in ("inventories", "molecule")
        for path in (PROJECT / folder).rglob("hosts.yml")
        if "lab_containers" in path.read_text(encoding="utf-8")
    ]
    assert len(labs) >= 4
    files = [lab / "group_vars" / "lab_containers" / "connection.yml" for lab in labs]
    assert [str(file) for file in files if "podman" not in file.read_text(encoding="utf-8")] == []
