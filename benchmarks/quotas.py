"""How long it takes to set the quotas of many folders in one call, and to read them.

    benchmarks/quotas.py FOLDERS [DIRECTORY]

Without DIRECTORY (root): on a btrfs of 4 GiB in a sparse file, which is removed again. Otherwise DIRECTORY is an empty
one on a file system with quotas for folders (docs/quotas.md), and the folders stay there.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "collections"))

from ansible_collections.ftps.exchange.plugins.module_utils import folder_quota as quota  # noqa: E402
from ansible_collections.ftps.exchange.plugins.modules import folder_quotas  # noqa: E402

GIB = 1 << 30


class Module:
    """The part of AnsibleModule that is used."""

    check_mode = False
    _diff = True

    def __init__(self, root: Path, limits: dict[str, int], files: int | None) -> None:
        folders = [{"path": path, "bytes_limit": limit, "files_limit": files} for path, limit in limits.items()]
        self.params = {"root": str(root), "folders": json.dumps(folders)}

    def warn(self, text: str) -> None:
        print(text, file=sys.stderr)


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Run and print seconds."""
    begin = time.monotonic()
    result = work()
    print(f"{what}: {time.monotonic() - begin:.2f} s")
    return result


def expect(holds: bool, what: str) -> None:
    """Figures of something that did not work mean nothing."""
    if not holds:
        raise SystemExit(f"{what}: not what was expected")


@contextlib.contextmanager
def btrfs() -> Iterator[Path]:
    """A file system for the time of the measurement."""
    with tempfile.TemporaryDirectory() as scratch:
        image, root = Path(scratch, "image"), Path(scratch, "root")
        with image.open("wb") as file:
            file.truncate(4 << 30)
        root.mkdir()
        subprocess.run(["mkfs.btrfs", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop,noatime,nodatacow", image, root], check=True)
        try:
            yield root
        finally:
            subprocess.run(["umount", root], check=True)


def main(arguments: list[str]) -> int:
    """Measure."""
    number = int(arguments[0])
    with contextlib.nullcontext(Path(arguments[1]).resolve()) if arguments[1:] else btrfs() as root:
        measure(root, number)
    return 0


def measure(root: Path, number: int) -> None:
    """All limits in one call, the same again, one more, and reading."""
    kernel = quota.Kernel()
    homes = root / "homes"
    homes.mkdir(exist_ok=True)
    parent = os.open(homes, quota.OPEN_FOLDER)
    try:
        measure_in(root, homes, parent, number, kernel)
    finally:
        os.close(parent)


def measure_in(root: Path, homes: Path, parent: int, number: int, kernel: quota.Kernel) -> None:
    """The same, with the folder of the homes open."""
    names = [f"customer-{index:05}" for index in range(number)]

    def make() -> None:
        for name in names:
            if not (homes / name).exists():
                quota.make_folder(name, parent, kernel)

    system = quota.file_system(kernel, parent)
    print(f"{quota.probe(str(root))['filesystem']}, {number} folders")
    timed("folders made", make)
    files = 1000 if system.counts_files else None
    limits = {f"homes/{name}": 10 * GIB for name in names}
    for what in ("all limits set", "nothing to change"):
        result = timed(what, lambda: folder_quotas.run(Module(root, limits, files), kernel))
        expect(result["changed"] == (what == "all limits set"), what)
    limits[f"homes/{names[0]}"] = 20 * GIB
    result = timed("one limit changed", lambda: folder_quotas.run(Module(root, limits, files), kernel))
    expect(result["limited"] == [f"homes/{names[0]}"], "one limit changed")
    found = timed("use and limits read", lambda: quota.read_use(str(root), kernel))
    expect(len(found) == number, "use and limits read")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
