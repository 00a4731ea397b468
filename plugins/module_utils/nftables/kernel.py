"""The kernel's table, through the program nft."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.listing import read_table
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Table, TableError
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.text import definition_text

Run = Callable[[Sequence[str], str], tuple[int, str, str]]


class Nft:
    """The few commands that touch the kernel."""

    def __init__(self, run: Run, family: str, name: str) -> None:
        self.run, self.family, self.name = run, family, name
        self.title = f"table {family} {name}"

    def live(self) -> Table | None:
        code, listing_json, error = self.run(["nft", "-j", "list", "table", self.family, self.name], "")
        if code and "No such file or directory" in error:
            return None
        if code:
            raise TableError(f"nft cannot list {self.title}: {error.strip()}")
        return read_table(listing_json, self._checked(["nft", "-s", "-t", "list", "table", self.family, self.name]))

    def dump(self) -> str:
        """The whole table with its elements and counters, as text that nft reads again."""
        return self._checked(["nft", "list", "table", self.family, self.name])

    def parsed(self, definition: str) -> Table:
        """What a kernel makes of a definition, tried in a network namespace of its own."""
        target = f"table {self.family} {self.name}"
        script = f"nft -f - && nft -j list {target} && echo && nft -s -t list {target}"
        text = definition_text(self.family, self.name, definition)
        code, output, error = self.run(["unshare", "--net", "sh", "-c", script], text)
        if code and "unshare" in error.partition(":")[0]:
            raise TableError(
                f"{self.title} cannot be compared: no network namespace to try its definition in ({error.strip()}). "
                "The module needs CAP_SYS_ADMIN: become root, and give a container that capability"
            )
        if code:
            raise TableError(f"nft refuses the definition of {self.title}: {error.strip()}")
        listing_json, _, listing_text = output.partition("\n")
        return read_table(listing_json, listing_text.lstrip("\n"))

    def check(self, text: str) -> None:
        code, _, error = self.run(["nft", "-c", "-f", "-"], text)
        if code:
            raise TableError(f"nft refuses the change of {self.title}: {error.strip()}")

    def load(self, text: str) -> None:
        code, _, error = self.run(["nft", "-f", "-"], text)
        if code:
            raise TableError(f"nft could not load {self.title}, which is as it was: {error.strip()}")

    def _checked(self, command: Sequence[str]) -> str:
        code, output, error = self.run(command, "")
        if code:
            raise TableError(f"'{' '.join(command)}' failed: {error.strip()}")
        return output
