#!/usr/bin/python
"""Limits of the homes and shares of an exchange, enforced by the file system."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: folder_quotas
short_description: Limit what homes and shares may hold, by the quotas of the file system
description:
  - Runs on an FTPS server with Linux.
  - Takes the limits of all folders in one call, and sets those that differ. Folders directly in C(homes) and C(shares)
    of O(root) that are not listed lose their limits.
  - On ext4 and XFS each folder gets the number of a project, which everything in it inherits. A folder that is new to
    its number, with all of its content, gets it before its limits are set. So a run that was interrupted does that
    again.
  - On btrfs each folder must be a subvolume, as M(ftps.exchange.folder_tree) creates them.
  - A limit below what a folder holds is set, and a warning says so.
options:
  root:
    description: Absolute path of the top folder.
    type: path
    required: true
  folders:
    description:
      - The folders with a limit, a list of dictionaries or its JSON text, with C(path) relative to O(root),
        C(bytes_limit), a multiple of 1024, and C(files_limit). Null is no limit.
      - C(files_limit) counts files and folders together. btrfs does not have it.
    type: json
    default: "[]"
requirements:
  - Linux 5.14, with ext4 or XFS mounted with C(prjquota), or btrfs
notes:
  - Must run as root.
  - The other folders of the file system, and users' or groups' quotas, stay as they are.
attributes:
  check_mode: {support: full, description: Nothing is changed.}
  diff_mode: {support: full, description: One line for each folder whose limits change.}
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Limit two homes and a share
  ftps.exchange.folder_quotas:
    root: /srv/ftps-exchange
    folders:
      - {path: homes/acme, bytes_limit: 10737418240, files_limit: 100000}
      - {path: homes/globex, bytes_limit: 10737418240, files_limit: null}
      - {path: shares/maps, bytes_limit: null, files_limit: 1000}
"""

RETURN = r"""
limited:
  description: Paths of the folders whose limits were set or removed (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: [homes/acme]
counted:
  description: Paths of the folders that got a number, with all of their content.
  returned: always
  type: list
  elements: str
  sample: [homes/acme]
full:
  description: Paths of changed folders that hold as much as they may, or more.
  returned: always
  type: list
  elements: str
  sample: []
"""

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json
from ansible_collections.ftps.exchange.plugins.module_utils.folder_quota import (
    BLOCK,
    FIRST,
    KINDS,
    LAST,
    OPEN_FOLDER,
    Count,
    Kernel,
    Projects,
    QuotaError,
    Subvolumes,
    amount,
    file_system,
    folders,
)
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import checked_root
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few

Limits = tuple[int | None, int | None]
NONE: Limits = (None, None)


@dataclass(frozen=True)
class Step:
    """A folder whose number or limits change. Without a path, the folder no longer exists."""

    path: str
    number: int
    before: Limits
    after: Limits
    new: bool = False
    """Whether the folder and its content get the number first."""


def declared_limits(items: Iterable[Any]) -> dict[str, Limits]:
    """Check the list."""
    found: dict[str, Limits] = {}
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("path"), str):
            raise QuotaError(f"folders[{number}] has no path")
        path = item["path"]
        parent, _, name = path.partition("/")
        if parent not in KINDS or "/" in name or name in ("", ".", ".."):
            raise QuotaError(f"folder {path!r}: only folders directly in {' and '.join(KINDS)} can have a limit")
        limits = item.get("bytes_limit"), item.get("files_limit")
        if any(isinstance(value, bool) or not isinstance(value, int | None) or value == 0 for value in limits):
            raise QuotaError(f"folder {path!r}: bytes_limit and files_limit must be whole numbers above 0, or null")
        if (limits[0] or 0) % BLOCK:
            raise QuotaError(f"folder {path!r}: bytes_limit must be a multiple of {BLOCK}")
        found[path] = limits
    return found


def unused(path: str, taken: set[int]) -> int:
    """A number for a folder, the same each time unless somebody has it."""
    span = LAST - FIRST + 1
    number = FIRST + zlib.crc32(path.encode()) % span
    while number in taken:
        number = FIRST + (number - FIRST + 1) % span
    return number


def steps(
    declared: Mapping[str, Limits], found: Mapping[str, int], counts: Mapping[int, Count], *, by_project: bool
) -> Iterator[Step]:
    """What changes. ``found`` has the number of each folder that is there."""
    taken = set(counts) | set(found.values())
    owners: dict[int, str] = {}
    for path, number in sorted(found.items()):
        before = counts.get(number, Count()).limits
        after = declared.get(path, NONE)
        # A folder that was moved here brought the number of another one
        foreign = number == 0 or owners.setdefault(number, path) != path
        if foreign and after == NONE:
            continue
        if foreign:
            number = unused(path, taken)
            taken.add(number)
            owners[number] = path
            before = NONE
        # Limits are set last. So one without limits may have content that is not counted
        new = by_project and after != NONE and (foreign or before == NONE)
        if new or before != after:
            yield Step(path, number, before, after, new)
    for number, count in sorted(counts.items()):
        if by_project and number not in owners and count.limits != NONE:
            yield Step("", number, count.limits, NONE)


def missing(declared: Mapping[str, Limits], found: Mapping[str, int]) -> list[Step]:
    """The folders that this run would create, in check mode."""
    return [Step(path, 0, NONE, limits, True) for path, limits in sorted(declared.items()) if path not in found]


def text(limits: Limits) -> str:
    """Limits for the diff."""
    space, files = limits
    shown = [] if space is None else [amount(space)]
    shown += [] if files is None else [f"{files} files"]
    return ", ".join(shown) or "no limit"


def diff(changes: Iterable[Step]) -> dict[str, str]:
    """One line for each folder."""
    sides: dict[str, list[str]] = {"before": [], "after": []}
    for step in changes:
        name = step.path or f"project {step.number}, of a folder that is gone"
        for side, limits in (("before", step.before), ("after", step.after)):
            sides[side].append(f"{name}: {text(limits)}\n")
    return {side: "".join(lines) for side, lines in sides.items()}


def apply(root: int, kernel: Kernel, system: Projects | Subvolumes, changes: list[Step]) -> list[str]:
    """Numbers first, then limits. Returns what could not get its number."""
    failed: list[str] = []
    new = {step.path: step for step in changes if step.new}
    if new and isinstance(system, Projects):
        for step in new.values():
            # Content that joins must not meet the limits of a folder that had the number
            system.limit(step.number, None, None)
        for path, _, fd in folders(root, kernel, system):
            if path in new:
                failed += [f"{path}/{name.removeprefix('./')}" for name in system.take(fd, new[path].number)]
    for step in changes:
        system.limit(step.number, *step.after)
    return failed


def run(module: AnsibleModule, kernel: Kernel) -> dict[str, Any]:
    """Read, compare, apply, report."""
    root = checked_root(module.params["root"])
    declared = declared_limits(from_json(module, "folders", list))
    try:
        fd = os.open(root, OPEN_FOLDER)
    except FileNotFoundError:
        if not module.check_mode:
            raise
        return report(module, missing(declared, {}), {})
    try:
        return changed_limits(module, kernel, fd, declared)
    finally:
        os.close(fd)


def changed_limits(module: AnsibleModule, kernel: Kernel, root: int, declared: Mapping[str, Limits]) -> dict[str, Any]:
    """The part that needs the root."""
    try:
        system = file_system(kernel, root)
        if problem := system.problem():
            raise QuotaError(problem)
    except QuotaError as error:
        if declared:
            raise QuotaError(f"no limit can be set: {error} (docs/quotas.md)") from None
        return report(module, [], {})
    if not system.counts_files and (path := next((path for path, limits in declared.items() if limits[1]), "")):
        raise QuotaError(f"{path}: btrfs has no limit for the number of files. Remove files from the quota")
    found = {path: number for path, number, _ in folders(root, kernel, system)}
    if isinstance(system, Subvolumes):
        prepare(module, system, declared, found)
    counts = system.counts()
    changes = list(steps(declared, found, counts, by_project=isinstance(system, Projects)))
    if module.check_mode:
        return report(module, [*changes, *missing(declared, found)], counts)
    failed = apply(root, kernel, system, changes)
    if failed:
        module.warn(f"Not counted, and not limited: {few(failed)}")
    after = system.counts() if changes else counts
    wrong = [step for step in changes if after.get(step.number, Count()).limits != step.after]
    if wrong:
        raise QuotaError(
            f"{wrong[0].path}: the file system was given {text(wrong[0].after)}, and has "
            f"{text(after.get(wrong[0].number, Count()).limits)}"
        )
    return report(module, changes, after)


def prepare(
    module: AnsibleModule, system: Subvolumes, declared: Mapping[str, Limits], found: Mapping[str, int]
) -> None:
    """On btrfs every folder with a limit must be a subvolume, and quotas must be on."""
    ordinary = sorted(path for path in declared if found.get(path) == 0)
    if ordinary:
        raise QuotaError(
            f"no limit is possible for {few(ordinary)}: on btrfs that needs a subvolume, and an ordinary folder is "
            "there. Move its content into a subvolume of the same name (docs/quotas.md)"
        )
    if declared and not module.check_mode and not system.enabled():
        system.enable()


def report(module: AnsibleModule, changes: list[Step], counts: Mapping[int, Count]) -> dict[str, Any]:
    """The result and the warnings of the module."""
    full = []
    for step in changes:
        count = counts.get(step.number, Count())
        space, files = step.after
        over = (space is not None and count.bytes_used >= space) or (
            files is not None and count.files_used is not None and count.files_used >= files
        )
        if step.path and over:
            full.append(step.path)
    if full:
        module.warn(f"Already hold as much as they may, or more, so nothing can be uploaded there: {few(full)}")
    result: dict[str, Any] = {
        "changed": bool(changes),
        "limited": [step.path for step in changes if step.path],
        "counted": [step.path for step in changes if step.new],
        "full": full,
    }
    if module._diff and changes:
        result["diff"] = diff(changes)
    return result


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "folders": {"type": "json", "default": "[]"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module, Kernel())
    except (QuotaError, FolderError) as error:
        module.fail_json(msg=f"{module.params['root']}: {error}")
    except OSError as error:
        module.fail_json(msg=f"{module.params['root']}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
