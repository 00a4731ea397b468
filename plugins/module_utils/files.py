"""Replaces files atomically. All modules use this."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def temporary_file(content: bytes, name: str, folder: Path | None = None, mode: int = 0o600) -> Iterator[Path]:
    """A file with this content, on the disk, named after the one it is for. It goes at the end unless it was renamed.

    Nobody but its owner can read it before it has its mode. Without a folder it lies where temporary files do.
    """
    # Some programs that check a file judge it by its suffix. A leading dot keeps it out of patterns such as *.conf.
    handle, path = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=Path(name).suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        yield Path(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def replace_file(
    path: str | Path, content: str | bytes, mode: int = 0o600, before: Callable[[Path], None] | None = None
) -> None:
    """Replace a file in one step: readers never see half of it, and a power failure leaves one of both versions.

    ``before`` gets the path of the finished file just before it takes its place: to check it, or to set its owner.
    Creates a missing folder. A failure leaves no temporary file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = content.encode() if isinstance(content, str) else content
    with temporary_file(whole, path.name, path.parent, mode) as finished:
        if before is not None:
            before(finished)
        os.replace(finished, path)
