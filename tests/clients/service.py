"""The service's newest TLS version, for as long as it is tried."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.exchange.lab import Lab

from .clients import TICKETS

PROFTPD = "/etc/ftps-exchange/proftpd.conf"
RELOAD = f"proftpd -t -c {PROFTPD} 2>&1 && systemctl reload proftpd && sleep 1"
SETTINGS = {
    "1.2": "  TLSProtocol TLSv1.2\n  TLSSessionTickets off\n",
    TICKETS: "  TLSProtocol TLSv1.2\n  TLSSessionTickets on\n",
    "1.3": "  TLSProtocol TLSv1.2 TLSv1.3\n  TLSSessionTickets off\n",
}


def newest_tls_spoken(lab: Lab) -> str:
    """What the service as it runs agrees on with a client that knows every version."""
    port = lab.implicit_port or lab.explicit_port
    with lab.customers["acme"].host.connect(lab.public_ip, port) as plain:
        if not lab.implicit_port:
            plain.recv(1000)
            plain.sendall(b"AUTH TLS\r\n")
            plain.recv(1000)
        context = ssl.create_default_context(cafile=lab.ca_file)
        with context.wrap_socket(plain, server_hostname=lab.fqdn) as secured:
            return str(secured.version()).removeprefix("TLSv")


def with_newest_tls(configuration: str, version: str) -> str:
    """The daemon's configuration, for both ports, with another newest version."""
    bare = re.sub(r"(?m)^[ \t]*(TLSProtocol|TLSSessionTickets)[ \t].*\n", "", configuration)
    changed = bare.replace("<Global>\n", "<Global>\n" + SETTINGS[version], 1)
    if changed == bare:
        raise ValueError(f"{PROFTPD} has no <Global>")
    return changed


@contextmanager
def newest_tls(lab: Lab, version: str) -> Iterator[None]:
    """Let the service speak this version at most; untouched where it does already, and put back at the end."""
    if newest_tls_spoken(lab) == version:
        yield
        return
    kept = lab.server.sh(f"exec cat {PROFTPD}")
    write = f"cat > {PROFTPD}; {RELOAD}"
    try:
        lab.server.sh(write, stdin=with_newest_tls(kept, version).encode())
        assert newest_tls_spoken(lab) == version.split()[0]
        yield
    finally:
        lab.server.sh(write, stdin=kept.encode())
