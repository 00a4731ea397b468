#!/usr/bin/python
"""Which certificate a Windows host serves, what is wrong with it, and what to do: decided on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: windows_certificate_choice
short_description: Decide which certificate a Windows host serves
description:
  - Runs on the control node. Takes what M(ftps.exchange.win_server_certificate) found in the stores of a host and
    what the operator provides (a PFX file, a signed certificate, a thumbprint). Decides which certificate to serve,
    whether it is valid, whether a new one is due, and what to install.
  - It first checks the provided certificate completely, like M(ftps.exchange.server_certificate) - it belongs to the
    key, it is valid for every name, its dates are valid, its chain leads to O(ca). If any check fails, it reports
    every reason and nothing is installed.
  - Changes nothing on the host. If O(package_folder) is set, writes the files to install there.
extends_documentation_fragment: [ftps.exchange.server_certificate]
options:
  friendly_name:
    description: Name in the host's store of the certificates that were installed for these names.
    type: str
    required: true
  certificates:
    description: Certificates in the host's personal store, as M(ftps.exchange.win_server_certificate) returns them.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate: {description: The certificate, its DER in base64., type: str, required: true}
      has_private_key: {description: Whether the host holds the key for it., type: bool, required: true}
      friendly_name: {description: Its name in the store., type: str, required: true}
  intermediates:
    description: Certificates in the host's store for intermediate CAs, each as DER in base64.
    type: list
    elements: str
    default: []
  request:
    description: The pending signing request of the host, in PEM.
    type: str
  request_keys:
    description: Certificates that represent the keys of pending requests in the host's store, each as DER in base64.
    type: list
    elements: str
    default: []
  answer:
    description: The certificate that a CA issued for the request, with its chain, in PEM and in any order.
    type: str
  pfx_file:
    description: File with key, certificate and chain (PKCS 12).
    type: path
  pfx_password:
    description: Password of O(pfx_file).
    type: str
  thumbprint:
    description: Serve the certificate with this thumbprint, which another system maintains in the host's store.
    type: str
  package_folder:
    description:
      - Folder on the control node for C(leaf.pfx), key and certificate of O(pfx_file) under O(package_password), and
        C(chain.p7b), the CA certificates that the host does not have yet. Only files to install are written, with
        mode V(0600).
      - The encryption of C(leaf.pfx) is one that Windows Server 2016 can read, whatever the format of O(pfx_file).
    type: path
  package_password:
    description: Password for C(leaf.pfx).
    type: str
requirements:
  - cryptography 42 or newer and the program C(openssl) on the control node
attributes:
  check_mode: {support: full, description: 'It never changes anything, so it does the same.'}
  diff_mode: {support: full, description: 'Shows who issued the old and the new certificate, their names and dates.'}
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Look at the stores
  win_server_certificate:
    request_file: C:\ProgramData\ftps-exchange\server.csr
  register: store

- name: Decide which certificate to serve
  ftps.exchange.windows_certificate_choice:
    dns_names: [ftps.exchange.example]
    key_type: rsa_3072
    renew_days: 30
    friendly_name: ftps-exchange ftps.exchange.example
    certificates: "{{ store.certificates }}"
    intermediates: "{{ store.intermediates }}"
    pfx_file: certificates/ftps1.pfx
    pfx_password: "{{ vault_pfx_password }}"
  delegate_to: localhost
"""

RETURN = r"""
thumbprint:
  description: SHA-1 of the certificate to serve, 40 hexadecimal digits. Empty if there is none yet.
  returned: always
  type: str
  sample: A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4
install:
  description: How to bring that certificate into the host's store, V(pfx) or V(answer). Empty if it is already there.
  returned: always
  type: str
install_chain:
  description: Whether the host lacks a certificate of the chain.
  returned: always
  type: bool
leaf:
  description: The certificate to install, in PEM.
  returned: when install is answer
  type: str
due:
  description: Whether a new certificate is needed.
  returned: always
  type: bool
reasons:
  description: Why a new one is due, one sentence each.
  returned: always
  type: list
  elements: str
usable:
  description: Whether there is, or will be after installation, a certificate that can serve clients right now.
  returned: always
  type: bool
request:
  description: The pending signing request of the host that matches key, names and type, in PEM.
  returned: when there is one
  type: str
request_inf:
  description: Input of certreq for a new key and request.
  returned: always
  type: str
superseded:
  description: Thumbprints of certificates that were installed earlier for these names and must not be served.
  returned: always
  type: list
  elements: str
certificate:
  description: The certificate to serve.
  returned: when there is one
  type: dict
"""

import base64
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.certificate import (
    CRYPTOGRAPHY_ERROR,
    Bundle,
    RefusedError,
    Wanted,
    begins,
    candidate,
    certificate_arguments,
    describe,
    in_order,
    key_type,
    missing_names,
    problems,
    public_bytes,
    read_certificates,
    reasons_to_renew,
    shown,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
except ImportError:
    # Told by CRYPTOGRAPHY_ERROR
    pass

# Algorithm and length as the [NewRequest] section of certreq has them
INF_KEYS = {
    "ecc_p256": ("ECDSA_P256", 256),
    "ecc_p384": ("ECDSA_P384", 384),
    "rsa_3072": ("RSA", 3072),
    "rsa_4096": ("RSA", 4096),
}
PLAIN = re.compile(r"[A-Za-z0-9.:*_ -]+")


@dataclass(frozen=True)
class HeldKey:
    """A private key that lies on the host: only its public half is known here."""

    public: Any

    def public_key(self) -> Any:
        return self.public


@dataclass(frozen=True)
class Brought:
    """What the operator brings, checked."""

    bundle: Bundle
    kind: str
    warnings: tuple[str, ...] = ()


def der(text: str) -> Any:
    return x509.load_der_x509_certificate(base64.b64decode(text))


def thumbprint(cert: Any) -> str:
    """As Windows names a certificate in its stores. SHA-1 is a name here and protects nothing."""
    return str(cert.fingerprint(hashes.SHA1()).hex().upper())  # noqa: S303


def pem(*certificates: Any) -> str:
    return "".join(cert.public_bytes(serialization.Encoding.PEM).decode() for cert in certificates)


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
        raise RefusedError(f"{path} is not a PKCS 12 file, or the password does not match") from None
    if key is None:
        raise RefusedError(f"{path} contains no private key")
    return key, [cert for cert in (leaf, *others) if cert is not None]


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


def with_issuers(certificates: list[Any], authorities: list[Any]) -> list[Any]:
    """Certificates and those above them that the host has: an answer is often the leaf alone."""
    found = dict.fromkeys(certificates)
    for cert in certificates:
        found.update(dict.fromkeys(in_order(cert, [*certificates, *authorities])[0]))
    return list(found)


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


def choose(params: dict[str, Any], wanted: Wanted) -> tuple[dict[str, Any], Brought | None, list[Any]]:
    """The decision, what is brought, and what of its chain the host does not have."""
    authorities = [der(one) for one in params["intermediates"]]
    held = [(der(one["certificate"]), one["friendly_name"]) for one in params["certificates"] if one["has_private_key"]]
    ours = [cert for cert, name in held if name == params["friendly_name"]]
    request = waiting_request(params["request"] or "", params["request_keys"], wanted)
    offer, along = brought(params, request, ours, authorities, wanted)
    known = [*authorities, *along]

    if params["thumbprint"]:
        candidates = [cert for cert, _ in held if thumbprint(cert) == params["thumbprint"]]
        if not candidates:
            raise RefusedError(f"the host has no certificate {params['thumbprint']} with a private key in its store")
    else:
        candidates = ours
    bundles = [Bundle(HeldKey(cert.public_key()), in_order(cert, known)[0]) for cert in candidates]
    # The best one that is there: without fault, then the newest
    found = [(problems(bundle, wanted), bundle) for bundle in bundles]
    found.sort(key=lambda one: (not one[0], begins(one[1].leaf)), reverse=True)
    faults, serving = found[0] if found else (["there is no certificate yet"], None)
    before = serving

    install = ""
    # An offer that is there already is no news, and neither is an older one
    if offer and offer.bundle.leaf not in candidates and (faults or newer(offer.bundle, serving)):
        install, serving, faults = offer.kind, offer.bundle, []
    reasons = [*faults, *(reasons_to_renew(serving, wanted) if serving and not faults else [])]
    if params["renew"] and not install:
        reasons.append("a new one was asked for")
    missing = [cert for cert in (serving.chain[1:] if serving else ()) if cert not in authorities]
    result: dict[str, Any] = {
        "changed": False,
        "thumbprint": thumbprint(serving.leaf) if serving else "",
        "install": install,
        "install_chain": bool(missing),
        "due": bool(reasons),
        "reasons": reasons,
        "usable": serving is not None and not faults,
        "request_inf": request_inf(wanted, params["friendly_name"]),
        "superseded": [thumbprint(cert) for cert in ours if serving is None or cert != serving.leaf],
    }
    if serving is None:
        result["superseded"] = []
    if install == "answer" and serving:
        result["leaf"] = pem(serving.leaf)
    if request:
        result["request"] = request.public_bytes(serialization.Encoding.PEM).decode()
    if serving:
        result["certificate"] = describe(serving, wanted.now)
    if install or missing:
        header = "certificate that is served"
        result["diff"] = {
            "before": shown(describe(before, wanted.now)) if before else "",
            "after": shown(result.get("certificate")),
            "before_header": header,
            "after_header": header,
        }
    return result, offer, missing


def newer(bundle: Bundle, serving: Bundle | None) -> bool:
    return serving is None or begins(bundle.leaf) > begins(serving.leaf)


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


def run(module: AnsibleModule, now: datetime) -> dict[str, Any]:
    params = module.params
    wanted = Wanted.of(params, now)
    result, offer, missing = choose(params, wanted)
    for warning in offer.warnings if offer else ():
        module.warn(warning)
    if params["package_folder"]:
        package(params, offer, missing, result["install"])
    return result


ARGUMENTS: dict[str, dict[str, Any]] = {
    **certificate_arguments(),
    "friendly_name": {"type": "str", "required": True},
    "certificates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "certificate": {"type": "str", "required": True},
            "has_private_key": {"type": "bool", "required": True},
            "friendly_name": {"type": "str", "required": True},
        },
    },
    "intermediates": {"type": "list", "elements": "str", "default": []},
    "request": {"type": "str"},
    "request_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "answer": {"type": "str"},
    "pfx_file": {"type": "path"},
    "pfx_password": {"type": "str", "no_log": True},
    "thumbprint": {"type": "str"},
    "package_folder": {"type": "path"},
    "package_password": {"type": "str", "no_log": True},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_together=[["package_folder", "package_password"]],
    )
    if CRYPTOGRAPHY_ERROR:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=CRYPTOGRAPHY_ERROR)
    if not module.get_bin_path("openssl"):
        module.fail_json(msg="The program openssl is missing on the control node: install the package openssl.")
    try:
        module.exit_json(**run(module, datetime.now(UTC)))
    except RefusedError as refused:
        names = ", ".join(module.params["dns_names"])
        module.fail_json(
            msg=f"The certificate for {names} is refused: {'; '.join(refused.args)}. Nothing was changed on the host."
        )


if __name__ == "__main__":
    main()
