"""Rolls back a change that is not confirmed."""

from __future__ import annotations

import secrets
from pathlib import Path

from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.kernel import Run
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import TableError

#: What waits for a confirmation lives here, so that a reboot forgets it: it loads the confirmed table anyway.
ROLLBACK_DIRECTORY = Path("/run/nftables-table")


class Rollback:
    """A transient timer that restores the last confirmed table.

    Each is a unit and a file of its own, so what an earlier run has left behind can neither fire on this run's
    change nor be confirmed by it.
    """

    def __init__(self, run: Run, family: str, name: str, directory: Path = ROLLBACK_DIRECTORY) -> None:
        self.run, self.directory = run, directory
        self.target = f"table {family} {name}"
        self.family, self.name = family, name
        self.prefix = f"nftables-rollback-{family}-{name}-"

    def files(self) -> list[Path]:
        return sorted(self.directory.glob(f"{self.prefix}*.nft"), key=lambda path: path.stat().st_mtime)

    def is_armed(self, token: str) -> bool:
        code, _, _ = self.run(["systemctl", "is-active", "--quiet", f"{self.prefix}{token}.timer"], "")
        return code == 0

    def pending(self) -> list[str]:
        """Tokens of changes that nobody has confirmed yet, oldest first."""
        tokens = [path.stem.removeprefix(self.prefix) for path in self.files()]
        return [token for token in tokens if self.is_armed(token)]

    def arm(self, previous: str, boot: str, seconds: int) -> str:
        """Arm a timer, then disarm older ones: their saved table, the last confirmed one, is taken over.

        'boot' is the file to load at boot once this is confirmed.
        """
        older = self.pending()
        if older:
            previous = self._file(older[0]).read_text()
        token = secrets.token_hex(6)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._file(token)
        replace_file(path, previous)
        replace_file(self._boot_file(token), boot)
        code, _, error = self.run(
            [
                "systemd-run",
                f"--unit={self.prefix}{token}",
                f"--description=Restore {self.target}: nobody confirmed its new rules",
                f"--on-active={seconds}s",
                "--timer-property=AccuracySec=500ms",
                "--quiet",
                self._nft_path(),
                "-f",
                str(path),
            ],
            "",
        )
        if code:
            self._forget(token)
            raise TableError(
                f"{self.target} is unchanged: the timer that would restore it could not be armed ({error.strip()}). "
                "Changing rules safely needs systemd; rollback_seconds: 0 goes without"
            )
        for old in self.files():
            if old != path:
                self._disarm(old.stem.removeprefix(self.prefix))
        return token

    def confirm(self, token: str) -> str:
        """Disarm the timer and return the file to load at boot."""
        # Without its file the timer can restore nothing, so removing that first leaves no window between the two.
        self._file(token).unlink(missing_ok=True)
        if not self.is_armed(token):
            self._forget(token)
            raise TableError(
                f"the new rules of {self.target} were not confirmed in time and the previous ones are active again"
            )
        boot = self._boot_file(token).read_text()
        self._disarm(token)
        return boot

    def disarm_all(self) -> None:
        for path in self.files():
            self._disarm(path.stem.removeprefix(self.prefix))

    def _disarm(self, token: str) -> None:
        self._forget(token)
        self.run(["systemctl", "stop", f"{self.prefix}{token}.timer"], "")

    def _forget(self, token: str) -> None:
        self._file(token).unlink(missing_ok=True)
        self._boot_file(token).unlink(missing_ok=True)

    def _boot_file(self, token: str) -> Path:
        return self.directory / f"{self.prefix}{token}.boot"

    def _file(self, token: str) -> Path:
        return self.directory / f"{self.prefix}{token}.nft"

    def _nft_path(self) -> str:
        code, output, _ = self.run(["sh", "-c", "command -v nft"], "")
        return output.strip() if code == 0 else "/usr/sbin/nft"
