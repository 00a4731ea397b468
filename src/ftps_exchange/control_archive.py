"""Files and folders of the control node as one archive, by name: a restore may put them elsewhere."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO


class ArchiveError(Exception):
    """The archive is not one of ours."""


@dataclass
class Restored:
    """What a restore did, as name of the part and path in it."""

    written: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def existing(parts: Mapping[str, Path]) -> dict[str, Path]:
    """The parts that there are, in the order of their names: equal files then give an equal archive."""
    return {name: parts[name] for name in sorted(parts) if parts[name].exists()}


def write_archive(parts: Mapping[str, Path], stream: IO[bytes]) -> None:
    """Write all regular files of the parts. Links are not followed inside a folder."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, path in parts.items():
            for file in _files(path):
                member = str(PurePosixPath(name, *file.relative_to(path).parts))
                with file.open("rb") as content:
                    archive.addfile(archive.gettarinfo(arcname=member, fileobj=content), content)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def read_archive(stream: IO[bytes], parts: Mapping[str, Path], found: Restored) -> None:
    """Write the files that are missing. What is there stays, whatever it contains."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name, *inside = PurePosixPath(member.name).parts or ("",)
            content = archive.extractfile(member)
            if content is None or not member.isreg() or member.name.startswith("/") or ".." in inside:
                raise ArchiveError(f"{member.name} in the archive is not a file of the control node")
            if name not in parts:
                found.unknown.append(member.name)
                continue
            path = parts[name].joinpath(*inside)
            if path.exists() or path.is_symlink():
                if not path.is_file() or path.read_bytes() != content.read():
                    found.differing.append(f"{member.name} ({path})")
                continue
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Nobody else can read it before it has its mode
            path.touch(mode=0o600)
            path.write_bytes(content.read())
            path.chmod(member.mode & 0o777)
            found.written.append(f"{member.name} ({path})")
