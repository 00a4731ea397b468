"""FTP servers that are set up badly, by a product that this project knows nothing of: pyftpdlib, on 127.0.0.1.

    python tests/unit/exchange/bad_server.py plain|half FOLDER

`plain` has no TLS at all. `half` has it, with half the settings wrong: TLS is not demanded, a self-signed certificate
with another name, an inner address in PASV, passive ports outside of the declared range, active mode, anonymous
logins, any number of guesses. It prints the port. The account is acme-up, its password in ACME_PASSWORD.
"""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

INNER_ADDRESS = "10.9.8.7"
PASSIVE_PORTS = range(61_100, 61_200)
"""What the servers use; the inventories of the tests declare 61000 to 61049."""


def self_signed(path: Path, name: str) -> None:
    """A certificate that nobody issued, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=300))
        .not_valid_after(now + datetime.timedelta(days=5))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


def handler(kind: str, folder: Path) -> Any:
    """The settings, as somebody might leave them who follows the first example that comes along."""
    authorizer = DummyAuthorizer()
    home = folder / "home"
    home.mkdir()
    authorizer.add_user("acme-up", os.environ["ACME_PASSWORD"], str(home), perm="elradfmwMT")
    authorizer.add_anonymous(str(home))
    parent = FTPHandler if kind == "plain" else TLS_FTPHandler

    class Handler(parent):  # type: ignore[misc, valid-type]
        """Remembers which passwords came, and whether anybody could have read them on the way."""

        def ftp_PASS(self, line: str) -> Any:  # noqa: N802 (the library's name)
            how = "TLS" if getattr(self, "_ssl_established", False) else "clear"
            with (folder / "passwords").open("a") as record:
                record.write(f"{how} {line}\n")
            return super().ftp_PASS(line)

    chosen = Handler
    chosen.authorizer = authorizer
    chosen.passive_ports = PASSIVE_PORTS
    chosen.permit_foreign_addresses = True
    chosen.auth_failed_timeout = 0.1
    chosen.max_login_attempts = 1000
    if kind == "half":
        self_signed(folder / "server.pem", "old-name.example")
        chosen.certfile = str(folder / "server.pem")
        chosen.tls_control_required = False
        chosen.tls_data_required = False
        chosen.masquerade_address = INNER_ADDRESS
    return chosen


def main(kind: str, folder: Path) -> None:
    server = FTPServer(("127.0.0.1", 0), handler(kind, folder))
    print(server.address[1], flush=True)
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
