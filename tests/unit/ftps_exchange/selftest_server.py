"""An FTP server with TLS for tests of the self-test and the programs: pyftpdlib, whole or with one fault.

    python selftest_server.py whole|short|refuses ADDRESS PORT FIRST LAST FOLDER PASSWORD

`short` empties every file after it said 226; `refuses` answers 425 to every upload. FOLDER has server.pem, and home/
gets the files. It prints a line when it listens.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class Whole(TLS_FTPHandler):
    tls_control_required = True
    tls_data_required = True
    auth_failed_timeout = 0.1

    def ftp_STAT(self, path: str) -> None:  # noqa: N802 (the library's name)
        """As ProFTPD says it."""
        self.push(f"211-Status of 'x'\r\n Connected from {self.remote_ip} ({self.remote_ip})\r\n")
        self.respond("211 End of status")


class Short(Whole):
    def on_file_received(self, file: str) -> None:
        os.truncate(file, 0)


class Refuses(Whole):
    def ftp_STOR(self, file: str, mode: str = "w") -> None:  # noqa: N802 (the library's name)
        self.respond("425 Unable to build data connection: TLS negotiation failed")


def main(kind: str, address: str, port: int, first: int, last: int, folder: Path, password: str) -> None:
    handler: Any = {"whole": Whole, "short": Short, "refuses": Refuses}[kind]
    handler.certfile = str(folder / "server.pem")
    handler.passive_ports = range(first, last + 1)
    handler.authorizer = DummyAuthorizer()
    handler.authorizer.add_user("acme-up", password, str(folder / "home"), perm="elradfmwMT")
    server = FTPServer((address, port), handler)
    print("ready", flush=True)
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    kind, address, port, first, last, folder, password = sys.argv[1:]
    main(kind, address, int(port), int(first), int(last), Path(folder), password)
