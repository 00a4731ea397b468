#!/usr/bin/python
"""Folders and text files of the system, and the units that they describe, many in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_files
short_description: Folders and text files of the system, and the units that they describe, many in one call
description:
  - Runs on a host with Linux.
  - Creates folders and writes text files with given content, owner and mode. It does for all of them in one call what
    M(ansible.builtin.file) and M(ansible.builtin.template) do in two or three calls for each.
  - Writes only what differs, each file atomically (a reader sees the old or the new content, never half of it), and
    only after O(files[].validate) has accepted it. The first rejected file ends the run; those before it in the list
    are already written.
  - Content comes from the control node, for example from the lookup P(ansible.builtin.template#lookup).
options:
  folders:
    description: Folders that must exist, created in this order before any file. Missing parents get mode C(0755).
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      mode: {description: "Mode, as octal digits.", type: str, default: "0755"}
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
  files:
    description: Files that must exist, written in this order. Missing parents get mode C(0755).
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path. A symbolic link is replaced by the file., type: path, required: true}
      content: {description: The whole content. It shows in the diff., type: str, required: true}
      mode: {description: "Mode, as octal digits.", type: str, default: "0644"}
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
      removal_pattern:
        description: Regular expression whose first group is the name of a customer, for each line of the file that
          names one. Only for a file that O(removal) guards.
        type: str
      validate:
        description:
          - Command that must succeed before new content is installed, with C(%s) for the name of a temporary file
            with the content.
          - It also runs in check mode, so that it finds a mistake there. The exception is a file that does not exist
            yet, because what the command needs may not exist either.
        type: str
  pending_file:
    description:
      - Absolute path of a file that records the paths of changed files until somebody removes it, best in C(/run),
        which is empty after a restart of the host.
      - If a run fails before its handlers, they are lost, and the next run finds no change that would notify them
        again. With this file, they are notified until the last one has removed it.
    type: path
  started:
    description:
      - Units that must be enabled and active once the files are written, as in M(ftps.exchange.units). One that runs
        already is not restarted, a handler does that.
    type: list
    elements: str
    default: []
  started_seconds:
    description: How long each of these must have run, as O(ftps.exchange.units#module:seconds).
    type: float
    default: 3.0
extends_documentation_fragment: [ftps.exchange.removal]
attributes:
  check_mode:
    support: full
    description: Reports what it would change.
  diff_mode:
    support: full
    description: Content, owner and mode, of every file that differs, and the state of every unit that does.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Describe the service
  ftps.exchange.managed_files:
    folders:
      - {path: /etc/example}
      - {path: /var/log/example, mode: "0750", group: adm}
    files:
      - path: /etc/example/example.conf
        content: "{{ lookup('ansible.builtin.template', 'example.conf.j2') }}"
        validate: example --configtest %s
      - path: /usr/local/sbin/example-helper
        content: "{{ lookup('ansible.builtin.file', 'example-helper', rstrip=false) }}"
        mode: "0755"
    pending_file: /run/example.pending
  register: example_files
  notify:
    - Reload example
    - Forget what had to be done

# The handlers, in this order:
- name: Reload example
  ansible.builtin.systemd_service:
    name: example.service
    state: reloaded
  when: "'/etc/example/example.conf' in example_files.pending_paths"

- name: Forget what had to be done
  ansible.builtin.file:
    path: /run/example.pending
    state: absent
"""

RETURN = r"""
changed_paths:
  description: Folders and files that were changed (in check mode, would be), in the order of the lists.
  returned: always
  type: list
  elements: str
  sample: [/etc/example/example.conf]
pending_paths:
  description: The changed paths, and those of earlier runs that are still in O(pending_file). If there are any, the
    task is changed.
  returned: always
  type: list
  elements: str
  sample: [/etc/example/example.conf]
changed_units:
  description: Those of O(started) that were changed (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: [example.timer]
"""

import grp
import os
import pwd
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils import commands
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file, temporary_file
from ansible_collections.ftps.exchange.plugins.module_utils.removal import (
    REMOVAL_SPEC,
    Removal,
    read_removal,
    refusal,
)
from ansible_collections.ftps.exchange.plugins.module_utils.units import Units, UnitsError, steady

# Runs a command: (exit status, output, errors)
Runner = Callable[[str], tuple[int, str, str]]


class FilesError(Exception):
    """An error for the user: path, problem, remedy."""


@dataclass(frozen=True)
class Wanted:
    """One folder (content is None) or file as it should be."""

    path: Path
    content: bytes | None
    mode: int
    owner: str
    group: str
    validate: str | None = None
    removal_pattern: str | None = None

    def attributes(self) -> str:
        """Owner and mode as a line of the diff."""
        return f"# {self.owner}:{self.group} {self.mode:04o}\n"


def wanted_of(item: dict[str, Any]) -> Wanted:
    """Read one element of the options."""
    path = Path(item["path"])
    if not path.is_absolute() or ".." in path.parts:
        raise FilesError(f"{item['path']}: not an absolute path without '..'")
    try:
        mode = int(item["mode"], 8)
    except ValueError:
        raise FilesError(f'{path}: mode {item["mode"]!r} is not octal; quote it, for example "0644"') from None
    content = item.get("content")
    if item.get("validate") and "%s" not in item["validate"]:
        raise FilesError(f"{path}: validate {item['validate']!r} lacks %s for the file to look at")
    return Wanted(
        path=path,
        content=None if content is None else content.encode(),
        mode=mode,
        owner=item["owner"],
        group=item["group"],
        validate=item.get("validate"),
        removal_pattern=item.get("removal_pattern"),
    )


def name_of(number: int, lookup: Callable[[int], Any]) -> str:
    """Name of a user or group id; the number where it has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def found_attributes(status: os.stat_result) -> str:
    """Owner and mode that are there, as a line of the diff."""
    owner, group = name_of(status.st_uid, pwd.getpwuid), name_of(status.st_gid, grp.getgrgid)
    return f"# {owner}:{group} {stat.S_IMODE(status.st_mode):04o}\n"


def look(path: Path) -> tuple[os.stat_result | None, bytes | None]:
    """Read what is there: its status and, of a regular file, the content."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    return status, path.read_bytes() if stat.S_ISREG(status.st_mode) else None


def difference(want: Wanted) -> dict[str, str] | None:
    """Compare one folder or file with what is there; None if nothing is to be done."""
    status, content = look(want.path)
    is_folder = status is not None and stat.S_ISDIR(status.st_mode)
    if want.content is None and status is not None and not is_folder:
        raise FilesError(f"{want.path}: should be a folder, but is something else; move it away")
    if want.content is not None and is_folder:
        raise FilesError(f"{want.path}: should be a file, but is a folder; move it away")
    attributes = "" if status is None else found_attributes(status)
    if attributes == want.attributes() and content == want.content:
        return None
    return {
        "before_header": str(want.path),
        "after_header": str(want.path),
        "before": attributes + (content or b"").decode(errors="replace"),
        "after": want.attributes() + (want.content or b"").decode(),
    }


def check(want: Wanted, path: Path, run: Runner) -> None:
    """Run the validation command on the new content."""
    if want.validate is None:
        return
    code, output, errors = run(want.validate.replace("%s", str(path)))
    if code != 0:
        told = (errors.strip() or output.strip()).replace(str(path), str(want.path))
        raise FilesError(f"{want.path}: refused by {want.validate.split()[0]}, left as it was: {told}")


def set_attributes(want: Wanted, path: Path) -> None:
    """Set owner and mode (in this order: chown drops bits)."""
    try:
        os.chown(path, pwd.getpwnam(want.owner).pw_uid, grp.getgrnam(want.group).gr_gid)
    except KeyError as problem:
        raise FilesError(f"{want.path}: no such owner or group: {want.owner}:{want.group}") from problem
    os.chmod(path, want.mode)


class Pending:
    """The paths changed in this run and earlier ones that no handler has processed."""

    def __init__(self, path: Path | None, *, check_mode: bool) -> None:
        self.path = path
        self.check_mode = check_mode
        content = None if path is None else look(path)[1]
        self.paths = [] if content is None else content.decode().splitlines()

    def add(self, path: Path) -> None:
        """Record a path before the change: one notification too many is better than none."""
        if str(path) in self.paths:
            return
        self.paths.append(str(path))
        if self.path is None or self.check_mode:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{path}\n")


def apply(want: Wanted, run: Runner, pending: Pending) -> None:
    """Create or correct one folder or file."""
    if want.content is None:
        want.path.mkdir(mode=want.mode, parents=True, exist_ok=True)
        set_attributes(want, want.path)
        return
    if look(want.path)[1] == want.content and not want.path.is_symlink():
        set_attributes(want, want.path)
        return

    def prepare(path: Path) -> None:
        check(want, path, run)
        set_attributes(want, path)
        pending.add(want.path)

    replace_file(want.path, want.content, before=prepare)


def foresee(want: Wanted, run: Runner) -> None:
    """Check mode: find what would stop the real run."""
    if want.content is None or want.validate is None or not want.path.exists():
        return
    if look(want.path)[1] != want.content:
        with temporary_file(want.content, want.path.name) as path:
            check(want, path, run)


def guard(wanted: list[Wanted], removal: Removal | None) -> None:
    """Stop where too many customers would vanish from a file."""
    for want in wanted:
        if want.removal_pattern:
            there, declared = (
                re.findall(want.removal_pattern, (content or b"").decode(errors="replace"), re.MULTILINE)
                for content in (look(want.path)[1], want.content)
            )
            if reason := refusal(there, declared, removal, f"customers in {want.path}"):
                raise FilesError(reason)


def manage(wanted: list[Wanted], run: Runner, pending: Pending, *, check_mode: bool) -> list[dict[str, str]]:
    """Go through the list in order; give the differences."""
    differences = []
    for want in wanted:
        found = difference(want)
        if found is None:
            continue
        if check_mode:
            foresee(want, run)
        else:
            apply(want, run, pending)
        if want.content is not None:
            pending.add(want.path)
        differences.append(found)
    return differences


def start(run: commands.Runner, names: list[str], seconds: float, check_mode: bool) -> Units:
    """Enable and start units, and wait until they have run for long enough."""
    units = Units(run, names, [], check_mode=check_mode)
    units.apply()
    if names and not check_mode:
        steady(run, names, seconds, timeout=30.0)
    return units


def main() -> None:
    """Run the module."""
    place = {
        "path": {"type": "path", "required": True},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
    }
    folder = place | {"mode": {"type": "str", "default": "0755"}}
    file = place | {
        "mode": {"type": "str", "default": "0644"},
        "content": {"type": "str", "required": True},
        "validate": {"type": "str"},
        "removal_pattern": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "folders": {"type": "list", "elements": "dict", "default": [], "options": folder},
            "files": {"type": "list", "elements": "dict", "default": [], "options": file},
            "pending_file": {"type": "path"},
            "started": {"type": "list", "elements": "str", "default": []},
            "started_seconds": {"type": "float", "default": 3.0},
            "removal": REMOVAL_SPEC,
        },
        supports_check_mode=True,
    )
    # Modes are exact, with any umask of the connection.
    os.umask(0o022)
    try:
        wanted = [wanted_of(item) for item in module.params["folders"] + module.params["files"]]
        guard(wanted, read_removal(module.params["removal"]))
        pending_file = module.params["pending_file"]
        pending = Pending(Path(pending_file) if pending_file else None, check_mode=module.check_mode)
        differences = manage(wanted, module.run_command, pending, check_mode=module.check_mode)
        units = start(
            commands.runner(module), module.params["started"], module.params["started_seconds"], module.check_mode
        )
    except (FilesError, UnitsError, OSError, ValueError) as problem:
        module.fail_json(msg=str(problem))
    paths = [one["after_header"] for one in differences]
    module.exit_json(
        changed=bool(differences or pending.paths or units.changed),
        changed_paths=paths,
        pending_paths=pending.paths,
        changed_units=units.changed,
        diff=[*differences, units.diff()] if units.changed else differences,
    )


if __name__ == "__main__":
    main()
