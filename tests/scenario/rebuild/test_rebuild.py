"""A host is lost and created again: after one run of site.yml customers continue with the same passwords and files."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable

import pytest

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import Customer, Lab
from tests.scenario.playbooks import Run

Connect = Callable[..., FtpsClient]


@pytest.mark.parametrize("lost", ["server", "edge"])
def test_customers_go_on_where_they_were(lab: Lab, acme: Customer, connect: Connect, lost: str, fresh: str) -> None:
    content = secrets.token_bytes(300_000)
    with connect(acme.host).start_tls().login(acme.writer) as client:
        assert client.store(fresh, content).code == 226

    container = {"server": lab.server, "edge": lab.edge}[lost].name
    subprocess.run(["podman", "rm", "--force", "--time", "0", container], check=True, capture_output=True)
    Run(lab, "molecule/default/create.yml")
    Run(lab, "playbooks/site.yml")

    # The network namespace is a new one as well
    host = acme.host.anew()
    with connect(host).start_tls().login(acme.writer) as client:
        assert client.retrieve(fresh)[1] == content
        client.expect(f"DELE {fresh}", 250)
    with connect(host).start_tls().login(acme.reader) as client:
        assert "shared" in client.names()
    assert set(Run(lab, "playbooks/site.yml").changed.values()) == {0}
