"""Packs on disk: what is there, what differs, and the difference made.

A pack is a folder with ``pack.json``, which lists its files and what they were made from. So a pack whose customer and
program are the same as before is known without making it again, a file that somebody edited is found and reported, and
what somebody else put beside our files stays.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from ftps_exchange.errors import ExchangeError

from .build import EXECUTABLE, MADE_BY, MARKER, Pack
from .changes import sound_change, sound_facts

type Action = Literal["created", "changed", "unchanged", "removed", "archived"]
type Diff = dict[str, str]

ARCHIVE: Final = ".archive"
_UNFINISHED: Final = ".unfinished-"
_LONGEST_DIFF: Final = 100_000


@dataclass
class Result:
    """What was done with one pack; in check mode, what would be."""

    customer: str
    action: Action
    version: str = ""
    new_change: bool = False
    edited: list[str] = field(default_factory=list)
    """Files of ours that somebody changed or removed."""
    foreign: list[str] = field(default_factory=list)
    """Files that are not ours: they stay."""
    diffs: list[Diff] = field(default_factory=list)


def read_marker(folder: str, exchange: str, customer: str) -> dict[str, Any] | None:
    """The ``pack.json`` of a folder; None if there is nothing yet. What is not ours is an error."""
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        raise _not_ours(folder, customer, "is not a folder (or a link to one)", OtherPackError)
    path = os.path.join(folder, MARKER)
    try:
        with open(path, encoding="utf-8", opener=_open_itself) as file:
            marker = json.load(file)
    except FileNotFoundError:
        if not os.listdir(folder):
            return None
        raise _not_ours(folder, customer, f"has no {MARKER}, so it was not made here", OtherPackError) from None
    except (OSError, ValueError, RecursionError) as error:
        raise _not_ours(path, customer, f"cannot be read ({error})") from None
    if not _sound(marker):
        raise _not_ours(path, customer, "is not what this program wrote")
    for key in ("exchange", "customer"):
        if marker[key] != {"exchange": exchange, "customer": customer}[key]:
            raise _not_ours(folder, customer, f"is a pack of another {key}, {marker[key]!r}", OtherPackError)
    return dict(marker)


def _sound(marker: object) -> bool:
    """Whether it has what is used of it later; above all no path that leads out of the folder."""
    if not isinstance(marker, dict) or marker.get("made_by") != MADE_BY or marker.get("schema") != 1:
        return False
    files, changes = marker.get("files"), marker.get("changes")
    return (
        all(isinstance(marker.get(key), str) for key in ("exchange", "customer", "version", "inputs"))
        # It becomes the name of a folder in the archive
        and bool(re.fullmatch(r"[0-9a-f]{64}", marker["version"]))
        and sound_facts(marker.get("facts"), whole=True)
        and isinstance(changes, list)
        and all(map(sound_change, changes))
        and isinstance(files, dict)
        and all(isinstance(name, str) and _inside(name) and isinstance(sum_, str) for name, sum_ in files.items())
    )


@lru_cache(maxsize=4096)
def _inside(path: str) -> bool:
    return path.isprintable() and path.isascii() and not {"", ".", ".."} & set(path.split("/"))


class OtherPackError(ExchangeError):
    """A folder that is somebody else's, or the pack of another exchange or customer: none of our business."""


def _not_ours(path: str, customer: str, what: str, kind: type[ExchangeError] = ExchangeError) -> ExchangeError:
    return kind(
        what,
        customer=customer,
        field="pack",
        value=path,
        remedy="Move it away, or give another folder (customer_packs_dir)",
    )


def _open_itself(path: str, flags: int = os.O_RDONLY) -> int:
    """Opens a regular file, not what a link leads to; a pipe without a writer holds nobody up."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no regular file", path)
    return handle


def _digest(path: str) -> str | None:
    """SHA-256 of a regular file; None for anything else."""
    try:
        handle = _open_itself(path)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_texts(folder: str, marker: Mapping[str, Any], wanted: Callable[[str], bool]) -> dict[str, str]:
    """The files of a pack as they were handed out; one that somebody edited is not among them."""
    found = {}
    for path, sum_ in marker["files"].items():
        if wanted(path) and not _beneath(path, _links(folder, [path])):
            with contextlib.suppress(OSError):
                with open(os.path.join(folder, path), "rb", opener=_open_itself) as file:
                    data = file.read()
                if hashlib.sha256(data).hexdigest() == sum_:
                    found[path] = data.decode()
    return found


def _entries(folder: str, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(os.path.join(folder, prefix) if prefix else folder) as found:
        for entry in found:
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(folder, f"{path}/")
            else:
                yield path, entry


def inspect(folder: str, marker: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(edited, foreign): files of ours that are no longer as they were written, and files that are not ours.

    ``pack.json`` is written last, so a file whose status did not change since is as it was: its content need not be
    read. Any edit, move or copy moves that time, which no program can set; and where the status of ``pack.json`` itself
    was changed later, the time of the edit still shows it.
    """
    files: Mapping[str, str] = marker["files"]
    own = os.lstat(os.path.join(folder, MARKER))
    written, content_written, modes = own.st_ctime_ns, own.st_mtime_ns, _keeps_modes(own)
    edited, foreign, seen = [], [], 0
    if modes and own.st_mode != _PLAIN:
        edited.append(MARKER)
    for path, entry in _entries(folder):
        if path == MARKER:
            continue
        wanted = files.get(path)
        if wanted is None:
            foreign.append(path)
            continue
        seen += 1
        status = entry.stat(follow_symlinks=False)
        mode = status.st_mode
        odd = mode != (_PROGRAM if path in EXECUTABLE else _PLAIN) and (modes or not stat.S_ISREG(mode))
        later = status.st_ctime_ns > written or status.st_mtime_ns > content_written
        if odd or (later and _digest(entry.path) != wanted):
            edited.append(path)
    if seen < len(files):
        there = {path for path, _entry in _entries(folder)}
        edited += [path for path in files if path not in there]
    return sorted(edited), sorted(foreign)


_PLAIN: Final = stat.S_IFREG | 0o644
_PROGRAM: Final = stat.S_IFREG | 0o755
_A_MOMENT: Final = 2_000_000_000


def _keeps_modes(own: os.stat_result) -> bool:
    """Whether modes say anything, by the status of ``pack.json``: some file systems give every file the same.

    One that nobody changed since it was written, and that has another mode than it was given, lies on such a one.
    """
    return own.st_mode == _PLAIN or own.st_ctime_ns - own.st_mtime_ns > _A_MOMENT


def write_pack(
    root: str, customer: str, pack: Pack, marker: Mapping[str, Any] | None, *, check_mode: bool, want_diff: bool
) -> Result:
    """Bring the pack on disk to what it should be: only files that differ are written, each in one step."""
    folder = os.path.join(root, customer)
    if marker is None:
        if not check_mode:
            _create(root, customer, pack)
        result = Result(customer, "created", pack.version, pack.new_change)
        if want_diff:
            result.diffs.append(_diff(folder, "", "".join(f"{path}\n" for path in pack.files)))
        return result
    edited, foreign = inspect(folder, marker)
    modes = _keeps_modes(os.lstat(os.path.join(folder, MARKER)))
    links = _links(folder, [*pack.files, *marker["files"]])
    gone = sorted(path for path in marker["files"].keys() - pack.files.keys() if not _beneath(path, links))
    # What stands there is compared, not what pack.json says: an interrupted run may have come half way.
    different = [
        path for path, data in pack.files.items() if _beneath(path, links) or _differs(folder, path, data, modes)
    ]
    links = {link for link in links if any(path.startswith(f"{link}/") for path in pack.files)}
    result = Result(customer, "changed" if different or gone else "unchanged", pack.version, pack.new_change)
    # An edit that says just what the new pack says is none.
    result.edited = [path for path in edited if path in different or path in gone]
    result.foreign = [path for path in foreign if path not in links]
    if want_diff:
        result.diffs += [
            _diff(
                os.path.join(folder, path),
                "" if _beneath(path, links) else _text(os.path.join(folder, path)),
                pack.files[path].decode(),
            )
            for path in different
        ]
        result.diffs += [_diff(os.path.join(folder, path), _text(os.path.join(folder, path)), "") for path in gone]
    if not check_mode and (different or gone):
        for link in links:
            os.unlink(os.path.join(folder, link))
        for path in different:
            if path != MARKER:
                _write(os.path.join(folder, path), pack.files[path])
        for path in gone:
            _unlink(folder, path)
        # Last, and always: by its time the next run knows that nothing was changed since
        _write(os.path.join(folder, MARKER), pack.files[MARKER])
    return result


def _links(folder: str, paths: Iterable[str]) -> set[str]:
    """Links in place of the folders that these files lie in: they may lead anywhere, so nothing goes through them."""
    found = set()
    for inner in {os.path.dirname(path) for path in paths}:
        place = ""
        for name in inner.split("/") if inner else ():
            place = f"{place}/{name}" if place else name
            if os.path.islink(os.path.join(folder, place)):
                found.add(place)
                break
    return found


def _beneath(path: str, links: Iterable[str]) -> bool:
    return any(path.startswith(f"{link}/") for link in links)


def _differs(folder: str, path: str, data: bytes, modes: bool) -> bool:
    try:
        handle = _open_itself(os.path.join(folder, path))
    except OSError:
        return True
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        return (
            (modes and stat.S_IMODE(status.st_mode) != _mode(path))
            or status.st_size != len(data)
            or file.read() != data
        )


def _create(root: str, customer: str, pack: Pack) -> None:
    """A new pack appears as a whole: it is made beside its place and renamed."""
    unfinished = os.path.join(root, f"{_UNFINISHED}{customer}")
    if os.path.lexists(unfinished):
        shutil.rmtree(unfinished)
    made = set()
    for path, data in pack.files.items():
        target = os.path.join(unfinished, path)
        parent = os.path.dirname(target)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        _write_new(target, data, _mode(path))
    os.replace(unfinished, os.path.join(root, customer))


def _mode(path: str) -> int:
    return 0o755 if os.path.basename(path) in EXECUTABLE else 0o644


def _write(path: str, data: bytes) -> None:
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    if os.path.isdir(path) and not os.path.islink(path):
        raise ExchangeError(
            "is a folder where a file of the pack has to be", field="pack", value=path, remedy="Move it away"
        )
    temporary = os.path.join(parent, f".{os.path.basename(path)}.new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    _write_new(temporary, data, _mode(path))
    os.replace(temporary, path)


def _write_new(path: str, data: bytes, mode: int) -> None:
    """Not written through to the disk, for which 10,000 packs would wait long: packs can be made again."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        # Packs are handed out: everybody may read them, whatever the umask. Some file systems know no modes.
        with contextlib.suppress(OSError):
            os.fchmod(handle, mode)
        file.write(data)


def _unlink(folder: str, path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, path))
    for parent in Path(path).parents:
        if str(parent) != ".":
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(folder, parent))


def remove_pack(
    root: str, customer: str, marker: Mapping[str, Any], *, archive: bool, check_mode: bool, want_diff: bool
) -> Result:
    """Take a pack away: only the files that it lists, or the whole folder into the archive."""
    folder = os.path.join(root, customer)
    edited, foreign = inspect(folder, marker)
    result = Result(customer, "archived" if archive else "removed", marker["version"], edited=edited, foreign=foreign)
    if want_diff:
        result.diffs.append(_diff(folder, "".join(f"{path}\n" for path in sorted([*marker["files"], MARKER])), ""))
    if check_mode:
        return result
    if archive:
        target = os.path.join(root, ARCHIVE, f"{customer}-{marker['version'][:12]}")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.lexists(target):
            os.replace(folder, target)
            return result
        # The same version lies there already.
    links = _links(folder, marker["files"])
    for path in [*marker["files"], MARKER]:
        if not _beneath(path, links):
            _unlink(folder, path)
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    return result


def remove_unfinished(root: str) -> None:
    """What a run left that was stopped while it made a customer's first pack."""
    with os.scandir(root) as found:
        left = [
            entry.path for entry in found if entry.name.startswith(_UNFINISHED) and entry.is_dir(follow_symlinks=False)
        ]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def folders(root: str) -> list[str]:
    """The names of what may be packs, sorted."""
    try:
        with os.scandir(root) as found:
            return sorted(entry.name for entry in found if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace", opener=_open_itself) as file:
            return file.read(_LONGEST_DIFF)
    except OSError:
        return ""


def _diff(path: str, before: str, after: str) -> Diff:
    return {
        "before_header": path,
        "after_header": path,
        "before": before[:_LONGEST_DIFF],
        "after": after[:_LONGEST_DIFF],
    }
