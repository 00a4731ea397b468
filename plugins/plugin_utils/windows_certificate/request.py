"""The signing request that a Windows host makes, and the one that waits there."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.certificate import (
    RefusedError,
    Wanted,
    key_type,
    missing_names,
    public_bytes,
)
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.certificates import der
from cryptography import x509

# Algorithm and length as the [NewRequest] section of certreq has them
INF_KEYS = {
    "ecc_p256": ("ECDSA_P256", 256),
    "ecc_p384": ("ECDSA_P384", 384),
    "rsa_3072": ("RSA", 3072),
    "rsa_4096": ("RSA", 4096),
}
PLAIN = re.compile(r"[A-Za-z0-9.:*_ -]+")


def waiting_request(text: str, request_keys: list[str], wanted: Wanted) -> Any | None:
    """The request on the host, when its key is there and it asks for what is wanted."""
    try:
        request = x509.load_pem_x509_csr(text.encode())
    except ValueError:
        return None
    if public_bytes(request.public_key()) not in [public_bytes(der(one).public_key()) for one in request_keys]:
        return None
    if missing_names(request, wanted) or key_type(request.public_key()) != wanted.key_type:
        return None
    return request


def request_inf(wanted: Wanted, friendly_name: str) -> str:
    """What certreq makes a key, which stays in the host, and a request from.

    The extension for the names is in the text form of certreq: a line for each name.
    """
    for text in (*wanted.dns_names, *wanted.ip_addresses, friendly_name):
        if not PLAIN.fullmatch(text):
            raise RefusedError(f"{text!r} has characters that no name in a certificate may have")
    algorithm, length = INF_KEYS[wanted.key_type]
    # A common name may have 64 characters; the names that count stand in the extension
    subject = f"CN={wanted.dns_names[0]}" if len(wanted.dns_names[0]) <= 64 else ""
    names = [f"dns={name}" for name in wanted.dns_names] + [f"ipaddress={text}" for text in wanted.ip_addresses]
    lines = [
        "[Version]",
        'Signature = "$Windows NT$"',
        "[NewRequest]",
        f'Subject = "{subject}"',
        f'FriendlyName = "{friendly_name}"',
        "MachineKeySet = TRUE",
        "Exportable = FALSE",
        'ProviderName = "Microsoft Software Key Storage Provider"',
        f"KeyAlgorithm = {algorithm}",
        f"KeyLength = {length}",
        "HashAlgorithm = sha256",
        "KeyUsage = 0x80",
        "RequestType = PKCS10",
        "Silent = TRUE",
        "[Extensions]",
        '2.5.29.17 = "{text}"',
        *(f'_continue_ = "{name}&"' for name in names),
        '2.5.29.37 = "{text}1.3.6.1.5.5.7.3.1"',
    ]
    return "\r\n".join(lines) + "\r\n"
