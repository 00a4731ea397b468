"""What the tests over the wire share: a listener, and a deployment that reaches it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .authority import Authority, write_private
from .deployment import USER, Deployment, deploy
from .endpoint import Endpoint, FarEnd, listening


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the control node trusts."""
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


@pytest.fixture
def listener(authority: Authority, password: str) -> Iterator[Callable[..., Endpoint]]:
    """Start listeners: who answers for the host, and the name in the certificate."""
    with ExitStack() as stack:

        def start(far_end: FarEnd, name: str = "localhost", issuer: Authority = authority) -> Endpoint:
            pair = issuer.host(name)
            return stack.enter_context(listening(Endpoint(pair.certificate, pair.key, authority.certificate, far_end)))

        yield start


@pytest.fixture
def deployment(tmp_path: Path, project: Path, authority: Authority, password: str) -> Callable[[Endpoint], Deployment]:
    """Make a deployment that ends at a listener."""

    def make(endpoint: Endpoint) -> Deployment:
        return deploy(
            tmp_path / "deployment", project, port=endpoint.port, password=password, authority=authority.certificate
        )

    return make
