"""Answers the HTTP challenges of an ACME CA and nothing else (RFC 8555, section 8.3).

The module http_challenge copies this file to the edge and runs it there for some minutes, as a user without rights:

    python3 -I responder.py PORT FOLDER

Each file in FOLDER is the answer to the challenge of that name. A request never becomes a path.
"""

from __future__ import annotations

import os
import socket
import socketserver
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

PREFIX = "/.well-known/acme-challenge/"
# A client that says nothing is cut off
SILENT_SECONDS = 5


def answers(folder: str) -> dict[str, bytes]:
    """The content of each file of a folder, by its name."""
    found = {}
    for entry in os.scandir(folder):
        with open(entry.path, "rb") as file:
            found[entry.name] = file.read()
    return found


class Handler(BaseHTTPRequestHandler):
    """One request."""

    timeout = SILENT_SECONDS
    server_version = "ftps-exchange"
    sys_version = ""
    server: Responder

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        there = answers(self.server.folder) if path.startswith(PREFIX) else {}
        content = there.get(path.removeprefix(PREFIX))
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Responder(socketserver.ThreadingTCPServer):
    """Listens at all addresses of the host. (http.server.HTTPServer would first look up the name of the host.)"""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, folder: str) -> None:
        self.folder = folder
        # A host may have no IPv6
        has_ip6 = os.path.exists("/proc/net/if_inet6")
        self.address_family = socket.AF_INET6 if has_ip6 else socket.AF_INET
        super().__init__(("::" if has_ip6 else "0.0.0.0", port), Handler)  # noqa: S104  (the edge admits only challenges)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not an error."""


def main(arguments: list[str]) -> None:
    """Answer until the end."""
    with Responder(int(arguments[0]), arguments[1]) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
