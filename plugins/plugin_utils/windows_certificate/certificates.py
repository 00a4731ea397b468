"""Certificates as a Windows host names and holds them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.certificate import in_order
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


@dataclass(frozen=True)
class HeldKey:
    """A private key that lies on the host: only its public half is known here."""

    public: Any

    def public_key(self) -> Any:
        return self.public


def der(text: str) -> Any:
    return x509.load_der_x509_certificate(base64.b64decode(text))


def thumbprint(cert: Any) -> str:
    """As Windows names a certificate in its stores. SHA-1 is a name here and protects nothing."""
    return str(cert.fingerprint(hashes.SHA1()).hex().upper())  # noqa: S303


def pem(*certificates: Any) -> str:
    return "".join(cert.public_bytes(serialization.Encoding.PEM).decode() for cert in certificates)


def with_issuers(certificates: list[Any], authorities: list[Any]) -> list[Any]:
    """Certificates and those above them that the host has: an answer is often the leaf alone."""
    found = dict.fromkeys(certificates)
    for cert in certificates:
        found.update(dict.fromkeys(in_order(cert, [*certificates, *authorities])[0]))
    return list(found)
