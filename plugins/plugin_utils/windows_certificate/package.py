"""What is to be installed, as a Windows host can read it."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.offer import Brought
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12


def write(folder: str, name: str, content: bytes) -> None:
    handle = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def package(params: dict[str, Any], offer: Brought | None, missing: list[Any], install: str) -> None:
    """What is to be installed, as the host can read it."""
    folder = params["package_folder"]
    if install == "pfx" and offer:
        # The only way that Windows Server 2016 reads (PBES2 came with 2019). The password is random and lives as long
        # as the file, some seconds.
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50000)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303
            .build(params["package_password"].encode())
        )
        name = params["friendly_name"].encode()
        content = pkcs12.serialize_key_and_certificates(name, offer.bundle.key, offer.bundle.leaf, None, encryption)
        write(folder, "leaf.pfx", content)
    if missing:
        write(folder, "chain.p7b", pkcs7.serialize_certificates(missing, serialization.Encoding.DER))
