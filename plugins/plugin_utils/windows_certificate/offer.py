"""What the operator brings: a PFX file, or the answer to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.certificate import (
    Bundle,
    RefusedError,
    Wanted,
    candidate,
    key_type,
    public_bytes,
    read_certificates,
)
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.certificates import (
    HeldKey,
    pem,
    with_issuers,
)
from cryptography.hazmat.primitives.serialization import pkcs12


@dataclass(frozen=True)
class Brought:
    """What the operator brings, checked."""

    bundle: Bundle
    kind: str
    warnings: tuple[str, ...] = ()


def read_pfx(path: str, password: str) -> tuple[Any, list[Any]]:
    """The key and all certificates of a PKCS 12 file."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror}") from None
    try:
        key, leaf, others = pkcs12.load_key_and_certificates(content, password.encode() if password else None)
    except ValueError:
        raise RefusedError(f"{path} is no PKCS 12 file, or the password is another one") from None
    if key is None:
        raise RefusedError(f"{path} holds no private key")
    return key, [cert for cert in (leaf, *others) if cert is not None]


def brought(
    params: dict[str, Any], request: Any | None, ours: list[Any], authorities: list[Any], wanted: Wanted
) -> tuple[Brought | None, list[Any]]:
    """What the operator brings and the host does not have, and all certificates that come with it.

    Refused with every reason that speaks against it. What has been installed from it before is no news, good or not.
    """
    if params["pfx_file"]:
        key, certificates = read_pfx(params["pfx_file"], params["pfx_password"] or "")
        leaves = [cert for cert in certificates if public_bytes(cert.public_key()) == public_bytes(key.public_key())]
        if any(cert in ours for cert in leaves):
            return None, certificates
        bundle, warnings = candidate(pem(*with_issuers(certificates, authorities)), [key], wanted)
        if key_type(key) != wanted.key_type:
            warnings = [*warnings, f"its key is {key_type(key)}, {wanted.key_type} is asked for"]
        return Brought(bundle, "pfx", tuple(warnings)), certificates
    if params["answer"]:
        certificates = read_certificates(params["answer"])
        waiting = [HeldKey(request.public_key())] if request else []
        answered = any(
            public_bytes(cert.public_key()) == public_bytes(key.public_key())
            for cert in certificates
            for key in waiting
        )
        if not answered and any(cert in ours for cert in certificates):
            return None, certificates
        keys = waiting + [HeldKey(cert.public_key()) for cert in ours]
        bundle, warnings = candidate(pem(*with_issuers(certificates, authorities)), keys, wanted)
        return Brought(bundle, "answer", tuple(warnings)), certificates
    return None, []
