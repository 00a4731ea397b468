"""Kernel parameters (sysctl), in the running kernel and for the next boot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file

HEADER = "# Managed by Ansible: changes made here are lost.\n"
OURS = "# of these, ours: "


class ParameterError(Exception):
    """An error for the user: what, where, remedy."""


def parse_numbers(text: str) -> set[int]:
    """'21,50000-50003' -> {21, 50000, 50001, 50002, 50003}."""
    numbers: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise ParameterError(f"'{part}' is neither a number nor a range first-last")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def format_numbers(numbers: Iterable[int]) -> str:
    """The kernel's own form: sorted, neighbours joined."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def ours_before(file_text: str) -> dict[str, set[int]]:
    """What the file of the last run says about whose numbers are whose."""
    ours: dict[str, set[int]] = {}
    marked = ""
    for line in file_text.splitlines():
        if marked:
            ours[line.partition("=")[0].strip()] = parse_numbers(marked)
        marked = line.removeprefix(OURS) if line.startswith(OURS) else ""
    return ours


def merge(live: str, ours: str, previously_ours: set[int]) -> str:
    return format_numbers((parse_numbers(live) - previously_ours) | parse_numbers(ours))


def file_content(values: Mapping[str, str], ours: Mapping[str, str]) -> str:
    text = HEADER
    for name, value in sorted(values.items()):
        if name in ours:
            text += f"{OURS}{ours[name]}\n"
        text += f"{name} = {value}\n"
    return text


def same(left: str, right: str) -> bool:
    return left.split() == right.split()


class Kernel:
    """/proc/sys; another root in tests."""

    def __init__(self, root: Path = Path("/proc/sys")) -> None:
        self.root = root

    def get(self, name: str) -> str | None:
        path = self._path(name)
        return path.read_text().strip() if path.is_file() else None

    def set(self, name: str, value: str) -> None:
        try:
            self._path(name).write_text(f"{value}\n")
        except OSError as error:
            raise ParameterError(
                f"{name} is '{self.get(name)}', should be '{value}', and cannot be set: {error.strerror}. In a "
                f"container, have it set from outside, for example podman run --sysctl {name}={value}"
            ) from None

    def names(self, pattern: str) -> list[str]:
        """The parameters that a name stands for; an interface may have dots in its own, so with slashes."""
        if "*" not in pattern:
            return [pattern]
        found = self.root.glob(pattern.replace(".", "/"))
        return sorted(str(path.relative_to(self.root)) for path in found)

    def _path(self, name: str) -> Path:
        return self.root.joinpath(*name.split("/" if "/" in name else "."))


def apply(
    kernel: Kernel,
    path: Path,
    values: Mapping[str, Any],
    number_lists: Mapping[str, Any],
    optional: Iterable[str],
    check_mode: bool,
) -> dict[str, Any]:
    file_before = path.read_text() if path.is_file() else ""
    previously_ours = ours_before(file_before)
    wanted = {name: str(int(value) if isinstance(value, bool) else value) for name, value in values.items()}
    ours = {name: str(numbers) for name, numbers in number_lists.items()}
    live: dict[str, str] = {}
    skipped = set()
    members: dict[str, list[str]] = {}
    for name in [*wanted, *ours]:
        members[name] = kernel.names(name)
        values_found = {member: value for member in members[name] if (value := kernel.get(member)) is not None}
        if values_found:
            live.update(values_found)
        elif name in optional:
            skipped.add(name)
        else:
            raise ParameterError(f"this kernel has no parameter {name}: is the part that it belongs to switched off?")
    wanted = {name: value for name, value in wanted.items() if name not in skipped}
    for name in ours.keys() - skipped:
        wanted[name] = merge(live[name], ours[name], previously_ours.get(name, set()))

    single = {member: value for name, value in wanted.items() for member in members[name] if member in live}
    different = [name for name in sorted(single) if not same(live[name], single[name])]
    content = file_content(wanted, ours)
    if not check_mode:
        for name in different:
            kernel.set(name, single[name])
        if content != file_before:
            replace_file(path, content, 0o644)
    return {
        "changed": bool(different) or content != file_before,
        "set": different,
        "diff": [
            {
                "before_header": "running kernel",
                "after_header": "running kernel",
                "before": "".join(f"{name} = {live[name]}\n" for name in different),
                "after": "".join(f"{name} = {single[name]}\n" for name in different),
            },
            {"before_header": str(path), "after_header": str(path), "before": file_before, "after": content},
        ],
    }
