"""What the directory says to the accounts of a deployment: reads, and changes nothing."""

from __future__ import annotations

import socket
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.connection import BIND_REFUSALS
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import split_dn
from ansible_collections.ftps.exchange.plugins.module_utils.preflight.ldap_wire import (
    Answer,
    Connection,
    LdapError,
    windows_code,
)

SECONDS = 4.0
NO_SUCH_OBJECT = 32
RIGHTS = "allowedChildClassesEffective"


def look(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Each server of the address: does it answer, is its certificate good; the first good one is asked the rest."""
    servers = []
    answers: dict[str, Any] = {}
    for uri in asked["server_uri"].split():
        problem, bound = _server(uri, asked, first=not answers)
        servers.append({"uri": uri, **problem})
        answers = answers or bound
    return {"servers": servers, **answers}


def _server(uri: str, asked: Mapping[str, Any], *, first: bool) -> tuple[dict[str, str], dict[str, Any]]:
    url = urllib.parse.urlsplit(uri)
    host, port = url.hostname or "", url.port or 636
    try:
        with Connection(host, port, SECONDS, asked["ca_cert"]) as connection:
            bound = _accounts(connection, asked) if first else {}
        if first and asked.get("join_user"):
            with Connection(host, port, SECONDS, asked["ca_cert"]) as connection:
                bound["join"] = _bound(connection.bind(asked["join_user"], asked["join_password"]))
    except ssl.SSLCertVerificationError as error:
        kind = "name" if error.verify_code in (62, 64) else "dates" if error.verify_code in (9, 10) else "ca"
        return {"kind": kind, "detail": error.verify_message}, {}
    except ssl.SSLError as error:
        # A file without a certificate in it ends here as well
        return {
            "kind": "ca_file" if "PEM" in str(error) or "NO_CERT" in str(error).upper() else "tls",
            "detail": error.reason or str(error),
        }, {}
    except socket.gaierror:
        return {"kind": "name_unknown", "detail": host}, {}
    except ConnectionRefusedError:
        return {"kind": "refused", "detail": f"{host}:{port}"}, {}
    except OSError as error:
        return {"kind": "silent", "detail": error.strerror or str(error)}, {}
    except LdapError as error:
        return {"kind": "strange", "detail": str(error)}, {}
    return {"kind": "", "detail": ""}, bound


def _bound(answer: Answer) -> dict[str, Any]:
    code = windows_code(answer.diagnostic)
    return {"code": answer.code, "reason": BIND_REFUSALS.get(code, answer.diagnostic) if answer.code else ""}


def _accounts(connection: Connection, asked: Mapping[str, Any]) -> dict[str, Any]:
    bound = _bound(connection.bind(asked["bind_dn"], asked["bind_password"]))
    if bound["code"]:
        return {"bind": bound}
    return {"bind": bound, "ou": _ou(connection, asked["managed_ou"])}


def _ou(connection: Connection, managed: str) -> dict[str, Any]:
    """The nearest object above the managed OU that exists, and what the account may create there."""
    base = managed
    while True:
        answer = connection.read(base, [RIGHTS, "objectClass"])
        parts = split_dn(base)
        if answer.code != NO_SUCH_OBJECT or len(parts) < 2:
            break
        base = ",".join(parts[1:])
    return {
        "found": base if answer.code == 0 and answer.attributes else "",
        "exists": base == managed and answer.code == 0 and bool(answer.attributes),
        "may_create": [name.lower() for name in answer.attributes.get(RIGHTS.lower(), [])],
    }
