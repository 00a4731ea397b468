"""When the lab's image is built again, and from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from library import lab_image as image


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
