#!/usr/bin/python
"""Ansible module: build the system image that the lab's hosts boot from."""

# Standard library and ansible.module_utils only: it runs on the control node, before anything of ours is installed.
from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_image
short_description: Build the system image of the lab with mmdebstrap
description:
  - Runs on the machine that runs the lab.
  - Makes a bootable Debian system image for Podman out of Debian packages alone; no image registry is involved.
  - The image's tag is a digest of everything that went into it (suite, packages, options, the customisation folder),
    so it is built again only when one of these changes, and every lab on the machine shares it.
  - The machine's own Debian mirrors are used when its apt sources name some, since they are known to be reachable;
    otherwise, or when they do not carry the suite, mmdebstrap's defaults are. A suite of Ubuntu always comes from
    these.
  - The image appears whole or not at all. Older images of the name that no container uses are removed after a build.
options:
  name:
    description: Name of the image, without a tag.
    type: str
    required: true
  suite:
    description: Debian suite to install.
    type: str
    required: true
  packages:
    description: Packages to install beside the essential ones. Their order does not matter.
    type: list
    elements: str
    required: true
  path_excludes:
    description: Paths (patterns of dpkg's C(path-exclude)) that are left out of every package.
    type: list
    elements: str
    default: []
  customize_dir:
    description:
      - Folder with an executable C(customize), which is called with the root of the new system as its only argument
        after all packages are in place. Everything in the folder is part of the image's digest.
    type: path
    required: true
  mirrors:
    description:
      - apt source lines (C(deb URI SUITE COMPONENT)) or mirror addresses to install from instead of those found.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
notes:
  - Needs mmdebstrap, podman and root.
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Build the system image of the lab
  ftps.exchange.lab_image:
    name: localhost/ftps-exchange-lab
    suite: trixie
    packages: [systemd, systemd-sysv, dbus, python3, iproute2]
    customize_dir: "{{ role_path }}/files/image"
  register: image
"""

RETURN = r"""
image:
  description: Name and tag of the image.
  returned: always
  type: str
  sample: localhost/ftps-exchange-lab:3f0c1e5a9b72
seconds:
  description: How long the build took, in seconds; 0 when the image was there already.
  returned: always
  type: float
removed:
  description: Older images that were removed.
  returned: always
  type: list
  elements: str
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# Raise it when the way of building changes, so that images built the old way are not taken for new ones.
BUILD_METHOD = 1
# Ubuntu has in universe what Debian has in main. Without an entry: a suite of Debian
UBUNTU_COMPONENTS = {"noble": "main,universe"}
# The archive that is made on the way takes about 1 GiB. Not /tmp, which is memory on many machines
SCRATCH_DIR = "/var/tmp"  # noqa: S108


def digest_of_folder(folder: Path) -> list[tuple[str, bool, str]]:
    """Path, executable bit and content digest of every file below a folder, in a stable order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        (
            path.relative_to(folder).as_posix(),
            os.access(path, os.X_OK),
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in files
    ]


def image_tag(suite: str, packages: Sequence[str], path_excludes: Sequence[str], customize_dir: Path) -> str:
    """Tag that changes exactly when the image would."""
    ingredients = {
        "method": BUILD_METHOD,
        "suite": suite,
        "packages": sorted(set(packages)),
        "path_excludes": sorted(set(path_excludes)),
        "customize": digest_of_folder(customize_dir),
    }
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:12]


def mirrors_of_machine(index_targets: str, suite: str) -> list[str]:
    """Source lines for a suite from the Debian mirrors that a machine uses for its own suite.

    ``index_targets`` holds lines ``URI|codename|label|component`` as ``apt-get indextargets`` prints them. On a machine
    that is no Debian nothing is found.
    """
    archive = ""
    security = ""
    for line in index_targets.splitlines():
        uri, codename, label, component = (*line.strip().split("|"), "", "", "", "")[:4]
        if component != "main" or "://" not in uri:
            continue
        if label == "Debian" and "-" not in codename:
            archive = archive or uri
        elif label == "Debian-Security":
            security = security or uri
    if not archive:
        return []
    lines = [f"deb {archive} {suite} main", f"deb {archive} {suite}-updates main"]
    if security:
        lines.append(f"deb {security} {suite}-security main")
    return lines


def mmdebstrap_command(
    suite: str,
    archive: Path,
    packages: Sequence[str],
    path_excludes: Sequence[str],
    customize_dir: Path,
    mirrors: Sequence[str],
) -> list[str]:
    """Command that makes the archive of the root file system."""
    command = ["mmdebstrap", "--variant=minbase", f"--components={UBUNTU_COMPONENTS.get(suite, 'main')}"]
    command.append(f"--include={','.join(sorted(set(packages)))}")
    # A half-made archive is thrown away anyway: there is nothing to gain from flushing every file to the disk.
    command.append("--dpkgopt=force-unsafe-io")
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in sorted(set(path_excludes))]
    command.append(f"--customize-hook={customize_dir / 'customize'}")
    return [*command, suite, str(archive), *mirrors]


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command with its output captured and without input (mmdebstrap would read sources from it)."""
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def find_mirrors(suite: str) -> list[str]:
    """Source lines from the apt sources of this machine."""
    if suite in UBUNTU_COMPONENTS or shutil.which("apt-get") is None:
        return []
    listing = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(CODENAME)|$(LABEL)|$(COMPONENT)", "Created-By: Packages"]
    )
    return mirrors_of_machine(listing.stdout, suite) if listing.returncode == 0 else []


def build(module: AnsibleModule, image: str, work: Path) -> None:
    """Make the archive from the first set of mirrors that works and import it."""
    options = module.params
    suite = options["suite"]
    archive = work / "rootfs.tar"
    candidates = [options["mirrors"]] if options["mirrors"] else [find_mirrors(suite), []]
    failures = []
    for mirrors in [lines for index, lines in enumerate(candidates) if lines not in candidates[:index]]:
        made = run(
            mmdebstrap_command(
                suite,
                archive,
                options["packages"],
                options["path_excludes"],
                Path(options["customize_dir"]),
                mirrors,
            )
        )
        if made.returncode == 0:
            break
        archive.unlink(missing_ok=True)
        source = ", ".join(mirrors) or "mmdebstrap's default mirrors"
        errors = [line for line in made.stderr.splitlines() if line.startswith("E: ")] or made.stderr.splitlines()
        failures.append(f"from {source}: " + " ".join(errors[-6:]))
    else:
        module.fail_json(
            msg=f"The lab's system image ({suite}) could not be built with mmdebstrap. "
            + " Then ".join(failures)
            + " Remedy: check that this machine reaches a Debian mirror that carries the suite, or name one in "
            "lab_hosts_image_mirrors, and run the command again."
        )
    imported = run(
        [
            *("podman", "import", "--quiet"),
            *("--change", 'CMD ["/sbin/init"]', "--change", "STOPSIGNAL=SIGRTMIN+3"),
            *(str(archive), image),
        ]
    )
    if imported.returncode != 0:
        module.fail_json(msg=f"podman could not import the lab's system image: {imported.stderr.strip()}")


def remove_older(name: str, image: str) -> list[str]:
    """Remove other images of the same name; podman refuses those that a container still uses."""
    listing = run(["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", name])
    older = [line for line in listing.stdout.split() if line.startswith(f"{name}:") and line != image]
    return [line for line in older if run(["podman", "rmi", line]).returncode == 0]


def main() -> None:
    """Build the image unless it is there."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "suite": {"type": "str", "required": True},
            "packages": {"type": "list", "elements": "str", "required": True},
            "path_excludes": {"type": "list", "elements": "str", "default": []},
            "customize_dir": {"type": "path", "required": True},
            "mirrors": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    options: dict[str, Any] = module.params
    for tool in ("podman", "mmdebstrap"):
        if shutil.which(tool) is None:
            module.fail_json(msg=f"{tool} is not installed on the control node. Remedy: apt-get install {tool}")
    tag = image_tag(options["suite"], options["packages"], options["path_excludes"], Path(options["customize_dir"]))
    image = f"{options['name']}:{tag}"
    if run(["podman", "image", "exists", image]).returncode == 0:
        module.exit_json(changed=False, image=image, seconds=0.0, removed=[])
    if module.check_mode:
        module.exit_json(changed=True, image=image, seconds=0.0, removed=[])
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lab-image-", dir=SCRATCH_DIR) as work:
        build(module, image, Path(work))
    removed = remove_older(options["name"], image)
    module.exit_json(changed=True, image=image, seconds=round(time.monotonic() - started, 1), removed=removed)


if __name__ == "__main__":
    main()
