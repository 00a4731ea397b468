"""Save what an FTPS server cannot rebuild, with restic, and put it back. On the servers: ftps-exchange-backup.

    ftps-exchange-backup create       the repository, once
    ftps-exchange-backup save         now; a timer does it too
    ftps-exchange-backup snapshots    what is saved
    ftps-exchange-backup restore      everything, onto a server without customers' files
    ftps-exchange-backup restore --folder homes/acme [--snapshot ID]
    ftps-exchange-backup status       the last run, as JSON

Each save ends with a test: the folders of homes and shares are restored into an empty place, without their content, and
their owners, rights, ACLs and other extended attributes are compared. A backup that lost them fails.

Neither the repository's address, which may contain a password, nor its password is ever an argument.
"""

# Standard library only, and Python 3.11: it runs on the servers without anything of ours. The control node uses Restic.
from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

SETTINGS = Path("/etc/ftps-exchange/backup.json")
TAG = "ftps-exchange"
INCOMPLETE = 3
"""The code of restic when it could not read everything, but saved the rest."""

GONE = "no such file or directory"
"""A file that a customer removed while it was saved is no error."""


MISSING = "the program restic is not installed. Install Debian's package restic"


class BackupError(Exception):
    """What went wrong, with its remedy, for a person."""


class Restic:
    """The program, for one repository."""

    def __init__(self, repository_file: Path, password_file: Path, cache: Path, ca_file: str = "") -> None:
        self.options = ["--quiet", *(["--cacert", ca_file] if ca_file else [])]
        self.environment = {
            **os.environ,
            "RESTIC_REPOSITORY_FILE": str(repository_file),
            "RESTIC_PASSWORD_FILE": str(password_file),
            "RESTIC_CACHE_DIR": str(cache),
        }

    def run(self, *arguments: str, accepted: Sequence[int] = (0,)) -> subprocess.CompletedProcess[bytes]:
        """Run a command of restic to its end."""
        try:
            done = subprocess.run(
                ["restic", *self.options, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise BackupError(MISSING) from None
        if done.returncode not in accepted:
            said = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
            raise BackupError(f"restic {arguments[0]} failed ({done.returncode}): {said}")
        return done

    def save_stream(self, host: str, name: str, write: Callable[[IO[bytes]], None]) -> str:
        """Save what `write` writes as one file, and return the id of the snapshot."""
        options = ["--json", "--stdin", f"--stdin-filename={name}", f"--host={host}", f"--tag={TAG}"]
        with self._started("backup", options, stdin=subprocess.PIPE) as (process, errors):
            try:
                with _pipe(process.stdin) as stream:
                    write(stream)
            except BrokenPipeError:
                # Its own words are better
                self._ended("backup", process, errors)
                raise
            except BaseException:
                # Never half of it as a snapshot that looks whole
                process.kill()
                raise
            said = _pipe(process.stdout).read()
            self._ended("backup", process, errors)
        return _snapshot(said)

    def read_stream(self, snapshot: str, name: str, read: Callable[[IO[bytes]], None]) -> None:
        """Give `read` the content of a file."""
        with self._started("dump", [snapshot, f"/{name}"]) as (process, errors):
            try:
                stream = _pipe(process.stdout)
                read(stream)
                stream.read()
            except BaseException:
                # If restic itself failed, its own words are better
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(2)
                    self._ended("dump", process, errors)
                process.kill()
                raise
            self._ended("dump", process, errors)

    @contextlib.contextmanager
    def _started(
        self, command: str, options: Sequence[str], stdin: int = subprocess.DEVNULL
    ) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    ["restic", *self.options, command, *options],
                    env=self.environment,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            except FileNotFoundError:
                raise BackupError(MISSING) from None
            with process:
                yield process, errors

    @staticmethod
    def _ended(command: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        if process.wait():
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise BackupError(f"restic {command} failed ({process.returncode}): {said}")

    def create(self) -> bool:
        """Create the repository, unless it is there."""
        if self.exists():
            return False
        self.run("init")
        return True

    def exists(self) -> bool:
        with contextlib.suppress(BackupError):
            self.run("cat", "config", "--no-lock")
            return True
        return False

    def require(self) -> None:
        """Never create one by itself: an empty folder may be a mount that is missing."""
        try:
            self.run("cat", "config", "--no-lock")
        except BackupError as error:
            raise BackupError(
                f"the repository cannot be opened ({error}). Make its place reachable. If this is the first backup, "
                "create it: make backup CREATE=1"
            ) from None

    def forget(self, host: str, keep: Mapping[str, int]) -> None:
        """Drop old snapshots, and the space that only they need. Without numbers all are kept."""
        numbers = [f"--keep-{period}={number}" for period, number in keep.items() if number]
        if numbers:
            self.run("forget", "--prune", f"--host={host}", f"--tag={TAG}", "--group-by=host,tags", *numbers)

    def snapshots(self, host: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.run("snapshots", "--json", f"--host={host}", f"--tag={TAG}").stdout
        )
        return found or []

    def newest(self, host: str, snapshot: str = "latest") -> str:
        """The id of a snapshot of this host."""
        found = [one for one in self.snapshots(host) if snapshot == "latest" or one["id"].startswith(snapshot)]
        if not found:
            raise BackupError(
                f"The repository has no snapshot {snapshot} of {host}. ftps-exchange-backup snapshots lists them"
            )
        return str(max(found, key=lambda one: one["time"])["id"])

    def compares_before_writing(self) -> bool:
        """Whether a restore leaves files alone that are as they were (restic 0.17 and newer)."""
        version = re.search(rb"restic (\d+)\.(\d+)", self.run("version").stdout)
        return version is not None and (int(version[1]), int(version[2])) >= (0, 17)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ftps-exchange-backup", description="Backup of this FTPS server.")
    parser.add_argument("--settings", type=Path, default=SETTINGS, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("create", help="create the repository")
    save = commands.add_parser("save", help="save now")
    save.add_argument(
        "--quick", action="store_true", help="without the test of rights, and without dropping old snapshots"
    )
    commands.add_parser("snapshots", help="list what is saved")
    commands.add_parser("status", help="the last run, as JSON")
    restore = commands.add_parser("restore", help="put back everything, or one folder")
    restore.add_argument("--snapshot", default="latest", help="its id (default: the newest)")
    restore.add_argument("--host", default="", help="of another server, whose place this one takes")
    restore.add_argument("--folder", default="", help="only this folder below the root, such as homes/acme")
    restore.add_argument("--over", action="store_true", help="although there are customers' files")
    restore.add_argument("--exact", action="store_true", help="also remove what the snapshot does not have")
    restore.add_argument("--only", action="append", default=[], metavar="PATH", help="only this one of the saved paths")
    asked = parser.parse_args(arguments)
    try:
        return _Server(json.loads(asked.settings.read_text(encoding="utf-8"))).obey(asked)
    except (BackupError, OSError) as error:
        print(f"ftps-exchange-backup: {error}", file=sys.stderr)
        return 1


class _Server:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.host = str(settings["host"])
        self.root = Path(settings["root"])
        self.paths = [Path(path) for path in settings["paths"]]
        self.exclude = [str(pattern) for pattern in settings["exclude"]]
        self.keep: Mapping[str, int] = settings["keep"]
        self.state = Path(settings["state_dir"])
        self.restic = Restic(
            Path(settings["repository_file"]),
            Path(settings["password_file"]),
            Path(settings["cache_dir"]),
            str(settings.get("ca_file", "")),
        )

    def obey(self, asked: argparse.Namespace) -> int:
        if asked.command == "status":
            print((self.state / "status.json").read_text(encoding="utf-8"), end="")
        elif asked.command == "snapshots":
            for one in self.restic.snapshots(self.host):
                print(one["id"][:8], one["time"][:19], *one["paths"])
        elif asked.command == "create":
            print("created" if self.restic.create() else "is there already")
        else:
            with self._alone():
                if asked.command == "save":
                    self._save_and_remember(quick=asked.quick)
                else:
                    self._restore(asked)
        return 0

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.state / "lock").open("w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError("another backup or restore runs on this server. Wait for its end") from None
            yield

    def _save_and_remember(self, *, quick: bool) -> None:
        begun = time.time()
        result: dict[str, Any] = {"begun": begun, "result": "failed", "error": "", "snapshot": ""}
        try:
            result |= self._save(begun, quick=quick)
            result["result"] = "ok"
        except BackupError as error:
            result["error"] = str(error)
            raise
        finally:
            result["ended"] = time.time()
            before = self._status()
            result["last_success"] = result["ended"] if result["result"] == "ok" else before.get("last_success")
            path = self.state / "status.json"
            path.with_suffix(".new").write_text(json.dumps(result) + "\n", encoding="utf-8")
            path.with_suffix(".new").replace(path)
        print(f"saved as {result['snapshot'][:8]}, {result['folders_compared']} folders compared")

    def _status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.state / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def _save(self, begun: float, *, quick: bool) -> dict[str, Any]:
        self.restic.require()
        there = [str(path) for path in self.paths if path.exists()]
        if str(self.root) in map(str, self.paths) and str(self.root) not in there:
            raise BackupError(f"{self.root} is not there: is it mounted?")
        done = self.restic.run(
            "backup",
            "--json",
            f"--host={self.host}",
            f"--tag={TAG}",
            *(f"--exclude={pattern}" for pattern in self.exclude),
            "--",
            *there,
            accepted=(0, INCOMPLETE),
        )
        snapshot = _snapshot(done.stdout)
        unread = [line for line in _errors(done.stdout + done.stderr) if GONE not in line.lower()]
        if done.returncode == INCOMPLETE and unread:
            raise BackupError(f"restic could not read everything: {'; '.join(unread[:5])}")
        if quick:
            return {"snapshot": snapshot, "folders_compared": 0}
        compared = self._compare(snapshot, begun) if self.root in self.paths else 0
        self.restic.forget(self.host, self.keep)
        return {"snapshot": snapshot, "folders_compared": compared}

    def _compare(self, snapshot: str, begun: float) -> int:
        """Restore the folders of homes and shares without content, and compare what the kernel enforces on them."""
        live = [path for path in (self.root, *self.root.glob("*"), *self.root.glob("*/*")) if _is_folder(path)]
        with tempfile.TemporaryDirectory(dir=self.state, prefix="compare-") as place:
            others = [str(path) for path in self.paths if path != self.root]
            self.restic.run(
                "restore",
                snapshot,
                f"--target={place}",
                *(f"--exclude={pattern}" for pattern in (*others, f"{self.root}/*/*/*")),
            )
            differing = []
            for path in live:
                restored = Path(place) / path.relative_to("/")
                if restored.is_dir() and rights(restored) == rights(path):
                    continue
                # A run of site.yml may have changed it meanwhile
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_ctime < begun:
                        differing.append(str(path))
        if differing:
            raise BackupError(
                f"the snapshot {snapshot[:8]} does not hold the owners, rights, ACLs and extended attributes of "
                f"{len(differing)} folders: {', '.join(differing[:5])}. It is no backup. Look at restic, and at the "
                f"file system of {self.state}, which must support ACLs and extended attributes"
            )
        return len(live)

    def _restore(self, asked: argparse.Namespace) -> None:
        self.restic.require()
        found = self.restic.newest(asked.host or self.host, asked.snapshot)
        if asked.folder:
            included = [self._below_the_root(asked.folder)]
        else:
            included = [path for path in self.paths if not asked.only or str(path) in asked.only]
            if self.root in included and not asked.over and (file := _any_file(self.root)):
                raise BackupError(
                    f"{file} is there: a restore would replace customers' files by older ones. To restore one folder, "
                    "name it (--folder). To replace everything: --over (make restore OVER=1)"
                )
        options = []
        if self.restic.compares_before_writing():
            options += ["--overwrite=if-changed", *(["--delete"] if asked.exact else [])]
        elif asked.exact:
            raise BackupError("--exact needs restic 0.17 or newer (Debian 13)")
        # Only what is named: folders above it keep their owner and mode
        self.restic.run("restore", found, "--target=/", *options, *(f"--include={path}" for path in included))
        print(f"restored {asked.folder or ', '.join(map(str, included))} from {found[:8]}")

    def _below_the_root(self, folder: str) -> Path:
        parts = Path(folder).parts
        path = self.root / folder
        if folder.startswith("/") or ".." in parts or len(parts) < 2 or re.search(r"[*?\[\\]", folder):
            raise BackupError(f"--folder {folder}: name a folder below {self.root}, such as homes/acme")
        if path.parent.resolve() != path.parent or path.is_symlink():
            raise BackupError(f"--folder {folder}: a part of {path} is a link, and a restore never follows one")
        return path


def rights(path: Path) -> dict[str, object]:
    """What decides who may use a folder, and what the folder passes on."""
    found = path.lstat()
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False).hex()
        for name in os.listxattr(path, follow_symlinks=False)
        # Of the file system itself, not of a file in a backup
        if not name.startswith("btrfs.")
    }
    return {"owner": found.st_uid, "group": found.st_gid, "mode": found.st_mode, "attributes": attributes}


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _any_file(root: Path) -> str:
    for folder, _, files in os.walk(root):
        if files:
            return os.path.join(folder, files[0])
    return ""


def _messages(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                yield message


def _snapshot(text: bytes) -> str:
    for message in _messages(text):
        if message.get("message_type") == "summary":
            return str(message["snapshot_id"])
    raise BackupError("restic names no snapshot: it saved nothing")


def _errors(text: bytes) -> list[str]:
    """What restic could not read; an error that it does not explain counts as well."""
    found = []
    for message in _messages(text):
        if message.get("message_type") == "error":
            error = message.get("error")
            said = (error.get("message") or json.dumps(error)) if isinstance(error, dict) else str(error)
            found.append(f"{message.get('item', '')}: {said}")
    return found or ["no reason given"]


if __name__ == "__main__":
    sys.exit(main())
