"""Each client puts, gets, lists and resumes: intact, or its own exit status reports an error, as in clients.py."""

from __future__ import annotations

from typing import Any

import pytest

from .clients import CLIENTS, MODES, Client
from .desk import Desk

CELLS = [pytest.param(client, mode, id=f"{client.id}-{mode}") for client in CLIENTS for mode in client.modes()]


@pytest.mark.parametrize(("client", "mode"), CELLS)
def test_no_file_is_lost(desk: Desk, version: str, client: Client, mode: str, results: dict[str, Any]) -> None:
    """What a client does is what is declared of it."""
    known = results["clients"].setdefault(client.id, {"name": client.name})
    if client.needs_engine and not desk.engine:
        known["not_run"] = "not run: no PowerShell engine"
        pytest.skip("there is no PowerShell engine (FTPS_EXCHANGE_PWSH, or pwsh on the PATH)")
    known.pop("not_run", None)
    if "versions" not in known:
        known["versions"] = desk.version(client)
    cells = desk.measure(client, mode, client.actions(mode))
    known.setdefault("cells", {}).setdefault(version, {})[mode] = {name: cell.to_dict() for name, cell in cells.items()}
    unexpected = [
        f"{action}: {cell.outcome} ({cell.whole} of {cell.files}, exit status {cell.status}), expected: "
        f"{' or '.join(sorted(client.expected(version, action, mode)))}; it said: {cell.said}"
        for action, cell in cells.items()
        if cell.outcome not in client.expected(version, action, mode)
    ]
    assert not unexpected, f"{client.name}, {MODES[mode]}, TLS {version}:\n" + "\n".join(unexpected)
