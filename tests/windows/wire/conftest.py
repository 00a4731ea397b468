"""What the tests over the wire share: a listener, a deployment that reaches it, a host that answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.windows.iis import stand_in_root
from tests.windows.powershell import PowerShell

from .authority import Authority, write_private
from .deployment import USER, Deployment, deploy
from .endpoint import Endpoint, FarEnd, listening

type Listener = Callable[..., Endpoint]
type Deploy = Callable[[Endpoint], Deployment]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA that the control node trusts."""
    return Authority(tmp_path_factory.mktemp("authority"), "test-authority")


@pytest.fixture(scope="session")
def password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The password of the account that logs in, and the file from which the server side of NTLM knows it."""
    password = secrets.token_urlsafe(18)
    domain, user = USER.split("\\")
    accounts = tmp_path_factory.mktemp("ntlm") / "accounts"
    write_private(accounts, f"{domain}:{user}:{password}\n".encode())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NTLM_USER_FILE", str(accounts))
        yield password


@pytest.fixture(scope="session")
def listener(authority: Authority, password: str) -> Iterator[Listener]:
    """Start listeners: who answers for the host, and the name in the certificate."""
    with ExitStack() as stack:

        def start(far_end: FarEnd, name: str = "localhost", issuer: Authority = authority) -> Endpoint:
            pair = issuer.host(name)
            return stack.enter_context(listening(Endpoint(pair.certificate, pair.key, authority.certificate, far_end)))

        yield start


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, project: Path, authority: Authority, password: str) -> Deploy:
    """Make a deployment that ends at a listener."""

    def make(endpoint: Endpoint) -> Deployment:
        directory = tmp_path_factory.mktemp("deployment")
        return deploy(directory, project, port=endpoint.port, password=password, authority=authority.certificate)

    return make


@pytest.fixture(scope="session")
def system_root(powershell: PowerShell) -> Path:
    """The folder in which the stand-in of IIS is found."""
    return stand_in_root(powershell)
