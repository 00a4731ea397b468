"""When the lab's image is built again, and from where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftps.exchange.plugins.modules import lab_image as image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rootfs" / "etc").mkdir(parents=True)
    (tmp_path / "rootfs" / "etc" / "motd").write_text("hello\n")
    (tmp_path / "customize").write_text("#!/bin/sh\n")
    (tmp_path / "customize").chmod(0o755)
    return tmp_path


def test_order_and_repetition_of_packages_do_not_matter(folder: Path) -> None:
    assert image.image_tag("trixie", ["b", "a", "b"], [], folder) == image.image_tag("trixie", ["a", "b"], [], folder)


def test_each_ingredient_matters(folder: Path) -> None:
    tags = {
        image.image_tag("trixie", ["a"], [], folder),
        image.image_tag("bookworm", ["a"], [], folder),
        image.image_tag("trixie", ["a", "b"], [], folder),
        image.image_tag("trixie", ["a"], ["/usr/share/doc/*"], folder),
    }
    (folder / "rootfs" / "etc" / "motd").write_text("good day\n")
    tags.add(image.image_tag("trixie", ["a"], [], folder))
    (folder / "rootfs" / "etc" / "motd").chmod(0o755)
    tags.add(image.image_tag("trixie", ["a"], [], folder))
    (folder / "rootfs" / "etc" / "motd").rename(folder / "rootfs" / "etc" / "issue")
    tags.add(image.image_tag("trixie", ["a"], [], folder))
    assert len(tags) == 7


def test_mirrors_of_a_debian_machine() -> None:
    listing = (
        "http://mirror.example/debian/|bookworm|Debian|main\n"
        "http://mirror.example/debian/|bookworm|Debian|contrib\n"
        "http://mirror.example/debian/|bookworm-updates|Debian|main\n"
        "http://mirror.example/security/|bookworm-security|Debian-Security|main\n"
        "https://packages.example/tools/|nodistro|Tools|main\n"
    )
    assert image.mirrors_of_machine(listing, "trixie") == [
        "deb http://mirror.example/debian/ trixie main",
        "deb http://mirror.example/debian/ trixie-updates main",
        "deb http://mirror.example/security/ trixie-security main",
    ]


@pytest.mark.parametrize(
    "listing",
    [
        "",
        "http://mirror.example/ubuntu/|noble|Ubuntu|main\n",
        "http://mirror.example/debian/|bookworm-updates|Debian|main\n",
        "http://mirror.example/debian/|bookworm|Debian|contrib\n",
        "$(REPO_URI)|$(CODENAME)|$(LABEL)|$(COMPONENT)\n",
    ],
)
def test_no_debian_mirror_is_found_where_there_is_none(listing: str) -> None:
    assert image.mirrors_of_machine(listing, "trixie") == []


def test_command(folder: Path) -> None:
    assert image.mmdebstrap_command(
        "trixie", Path("/x/rootfs.tar"), ["b", "a"], ["/doc/*"], folder, ["deb m trixie main"]
    ) == [
        "mmdebstrap",
        "--variant=minbase",
        "--components=main",
        "--include=a,b",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/doc/*",
        f"--customize-hook={folder / 'customize'}",
        "trixie",
        "/x/rootfs.tar",
        "deb m trixie main",
    ]


def test_ubuntu_has_our_packages_in_universe_and_never_comes_from_a_mirror_of_debian(folder: Path) -> None:
    assert "--components=main,universe" in image.mmdebstrap_command("noble", Path("/x"), ["a"], [], folder, [])
    assert image.find_mirrors("noble") == []


def packages_of_roles(project: Path) -> dict[str, set[str]]:
    """What the tasks of each role install with apt; a variable is looked up in the role's own defaults and vars."""
    found: dict[str, set[str]] = {}
    for tasks in sorted(project.glob("roles/*/tasks/*.yml")):
        role = tasks.parent.parent
        variables: dict[str, Any] = {}
        for file in [*role.glob("defaults/main.yml"), *role.glob("vars/main.yml")]:
            variables.update(yaml.safe_load(file.read_text()) or {})
        pending = list(yaml.safe_load(tasks.read_text()) or [])
        while pending:
            task = pending.pop()
            pending += [inner for key in ("block", "rescue", "always") for inner in task.get(key, [])]
            names = task.get("ansible.builtin.apt", {}).get("name", [])
            if isinstance(names, str) and (variable := re.fullmatch(r"\{\{ (\w+) \}\}", names)):
                names = variables[variable[1]]
            found.setdefault(role.name, set()).update([names] if isinstance(names, str) else names)
    return {role: names for role, names in found.items() if names}


def test_the_image_holds_all_that_roles_install(project: Path) -> None:
    """The lab has no way to a mirror, so a package that is missing here fails `make lab` much later."""
    defaults = yaml.safe_load((project / "roles/lab_hosts/defaults/main.yml").read_text())
    installed = packages_of_roles(project)
    assert {"edge", "ftps_server", "domain_member"} <= set(installed)
    missing = {role: names - set(defaults["lab_hosts_image_packages"]) for role, names in installed.items()}
    assert not {role: names for role, names in missing.items() if names}
