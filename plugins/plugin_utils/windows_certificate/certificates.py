"""Certificates in the form of a Windows host."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.certificate import in_order
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


@dataclass(frozen=True)
class HeldKey:
    """A private key on the host: only its public half is known here."""

    public: Any

    def public_key(self) -> Any:
        return self.public


def der(text: str) -> Any:
    return x509.load_der_x509_certificate(base64.b64decode(text))


def thumbprint(cert: Any) -> str:
    """Return the name of a certificate in the stores of Windows. SHA-1 protects nothing here."""
    return str(cert.fingerprint(hashes.SHA1()).hex().upper())  # noqa: S303


def pem(*certificates: Any) -> str:
    return "".join(cert.public_bytes(serialization.Encoding.PEM).decode() for cert in certificates)


def with_issuers(certificates: list[Any], authorities: list[Any]) -> list[Any]:
    """Add the issuers that the host has: a signed certificate often comes without them."""
    found = dict.fromkeys(certificates)
    for cert in certificates:
        found.update(dict.fromkeys(in_order(cert, [*certificates, *authorities])[0]))
    return list(found)
