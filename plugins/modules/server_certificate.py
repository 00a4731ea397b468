#!/usr/bin/python
"""One PEM file with a server's key, certificate and chain: is it good, for how long, and replace it by a better one."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: server_certificate
short_description: Check and replace the PEM file with a server's key, certificate and chain
description:
  - Runs on an FTPS server with Linux.
  - Reads the PEM file of a TLS server and reports whether it is valid for the required names, who signed it, how many
    days are left, and whether a new one is due.
  - When O(certificate) is given and differs from what is installed, the module first checks it completely (it belongs
    to the key, it is valid for every name, its dates are valid, its chain leads to O(ca)). Then it puts the chain in
    order (leaf, then each issuer; without a self-signed root, which a client either has or does not trust) and
    replaces the old file with one rename. If any check fails, the module reports every reason at once and the old
    file stays as it is.
  - The private key stays on the host. It is neither a parameter nor a return value.
requirements:
  - python3-cryptography (38 or newer, as in Debian 12) and the program C(openssl) on the host
extends_documentation_fragment: [ftps.exchange.server_certificate]
options:
  path:
    description: The PEM file, with mode V(0600). Its folder is created with mode V(0700) if it does not exist.
    type: path
    required: true
  key_file:
    description:
      - The private key of the next certificate, with mode V(0600). Its folder is created when a certificate is due.
      - The key inside O(path) counts as well, so a certificate that was issued again for the same key is accepted.
    type: path
    required: true
  request_file:
    description:
      - A pending certificate signing request, if there is one.
      - Removed when a certificate for it has been installed.
    type: path
    required: true
  certificate:
    description: The certificate to install, with its chain, in PEM and in any order. Empty means none.
    type: str
attributes:
  check_mode:
    description: Predicts. Reports a change if a new certificate is due and no request is pending yet.
    support: full
  diff_mode:
    description: Shows who issued the old and the new certificate, their names and dates; never a key.
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: See whether the certificate is good
  ftps.exchange.server_certificate:
    path: /etc/ftps-exchange/tls/server.pem
    key_file: /etc/ftps-exchange/tls/server.key
    request_file: /etc/ftps-exchange/tls/server.csr
    dns_names: [ftps.exchange.example]
    ca: "{{ lookup('ansible.builtin.file', 'root.pem') }}"
    key_type: ecc_p256
    renew_days: 30
  register: server

- name: Install the certificate from the CA
  ftps.exchange.server_certificate:
    path: /etc/ftps-exchange/tls/server.pem
    key_file: /etc/ftps-exchange/tls/server.key
    request_file: /etc/ftps-exchange/tls/server.csr
    dns_names: [ftps.exchange.example]
    key_type: ecc_p256
    renew_days: 30
    certificate: "{{ lookup('ansible.builtin.file', 'answer.pem') }}"
"""

RETURN = r"""
due:
  description: Whether a new certificate is needed.
  returned: always
  type: bool
reasons:
  description: Why a new one is due, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["19 days are left, fewer than 30"]
usable:
  description: Whether the installed certificate can serve clients right now.
  returned: always
  type: bool
request:
  description: The pending signing request, in PEM.
  returned: when there is one that fits the key and the names
  type: str
certificate:
  description: The installed certificate.
  returned: when there is one that can be read
  type: dict
  contains:
    subject: {description: Its subject., type: str, returned: always, sample: "CN=ftps.exchange.example"}
    issuer: {description: Who signed it., type: str, returned: always, sample: "CN=Example issuing CA"}
    names: {description: DNS names and addresses., type: list, elements: str, returned: always}
    not_before: {description: "First moment (UTC, ISO 8601).", type: str, returned: always}
    not_after: {description: "Last moment (UTC, ISO 8601).", type: str, returned: always}
    days_left: {description: "Whole days left for it or for a certificate of its chain.", type: int, returned: always}
    fingerprint: {description: SHA-256 of the certificate in hex., type: str, returned: always}
    chain: {description: Subjects of the certificates sent after it., type: list, elements: str, returned: always}
    pem: {description: "The certificate alone, in PEM.", type: str, returned: always}
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.certificate import (
    CRYPTOGRAPHY_ERROR,
    Bundle,
    RefusedError,
    Wanted,
    authority_of,
    candidate,
    certificate_arguments,
    days_left,
    describe,
    ends_too_soon,
    key_type,
    missing_names,
    problems,
    public_bytes,
    read_certificates,
    read_key,
    reasons_to_renew,
    shown,
    subject,
)
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    # Reported with CRYPTOGRAPHY_ERROR
    pass


def read_bundle(path: str) -> Bundle | None:
    """The installed bundle; None without a file. Raises if it cannot be used at all."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            certificates = read_certificates(file.read())
    except FileNotFoundError:
        return None
    key = read_key(path)
    if key is None:
        raise RefusedError("it contains no readable private key")
    # As it stands and not put in order: this is what clients are sent
    return Bundle(key, tuple(certificates))


def read_request(path: str) -> Any | None:
    """A certificate signing request; None without a file or a request."""
    try:
        with open(path, "rb") as file:
            return x509.load_pem_x509_csr(file.read())
    except (FileNotFoundError, ValueError):
        return None


def requested_key(path: str) -> bytes | None:
    """The public key that a request asks a certificate for."""
    request = read_request(path)
    return request and public_bytes(request.public_key())


def pending_request(path: str, key: Any | None, wanted: Wanted) -> str | None:
    """The request that waits for an answer, when it is for this key and these names."""
    request = read_request(path)
    if request is None or key is None or requested_key(path) != public_bytes(key.public_key()):
        return None
    if missing_names(request, wanted) or key_type(key) != wanted.key_type:
        return None
    return str(request.public_bytes(serialization.Encoding.PEM).decode())


def make_folder(folder: str) -> None:
    """A folder for secrets; those above it, where they are missing too, are ordinary ones."""
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
        os.mkdir(folder, 0o700)


def remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


def loose(path: str) -> bool:
    """Whether others than its owner may open a file."""
    return os.path.exists(path) and os.stat(path).st_mode & 0o777 != 0o600


@dataclass
class State:
    """The installed bundle and its problems."""

    bundle: Bundle | None
    problems: list[str]
    reasons: list[str]

    @classmethod
    def of(cls, path: str, wanted: Wanted) -> State:
        try:
            bundle = read_bundle(path)
        except RefusedError as refused:
            return cls(None, list(refused.args), [])
        if bundle is None:
            return cls(None, ["there is no certificate yet"], [])
        return cls(bundle, problems(bundle, wanted), reasons_to_renew(bundle, wanted))

    def told(self, now: datetime) -> dict[str, Any] | None:
        return describe(self.bundle, now) if self.bundle else None


def run(module: AnsibleModule, now: datetime) -> dict[str, Any]:
    params = module.params
    path, key_file = params["path"], params["key_file"]
    wanted = Wanted.of(params, now)
    state = State.of(path, wanted)
    before = state.told(now)
    after = before
    changed = False

    if params["certificate"]:
        keys = [key for key in (read_key(key_file), state.bundle and state.bundle.key) if key is not None]
        given = read_certificates(params["certificate"])
        # Ignore the answer to an earlier request
        if state.bundle is None or state.bundle.leaf not in given or state.problems:
            bundle, warnings = candidate(params["certificate"], keys, wanted)
            for warning in warnings:
                module.warn(warning)
            changed = True
            if not module.check_mode:
                make_folder(os.path.dirname(path))
                replace_file(path, bundle.pem())
                if requested_key(params["request_file"]) in (None, public_bytes(bundle.key.public_key())):
                    remove(params["request_file"])
            state = State(bundle, [], reasons_to_renew(bundle, wanted))
            after = state.told(now)

    authority = authority_of(state.bundle.chain, wanted.ca) if state.bundle else None
    if authority is not None and ends_too_soon((authority,), wanted) is not None:
        left = days_left((authority,), now)
        module.warn(
            f"The CA {subject(authority)}, which customers trust, ends in {left} days: give them its successor in time"
        )

    for file in (path, key_file):
        if loose(file):
            changed = True
            if not module.check_mode:
                os.chmod(file, 0o600)

    reasons = [*state.problems, *state.reasons]
    if params["renew"]:
        reasons.append("a new one was asked for")
    request = pending_request(params["request_file"], read_key(key_file), wanted)
    if reasons and not module.check_mode:
        make_folder(os.path.dirname(key_file))
    diff = {"before": shown(before), "after": shown(after), "before_header": path, "after_header": path}
    if module.check_mode and reasons and request is None:
        changed = True
        diff["after"] = f"a new certificate: {'; '.join(reasons)}\n"
    result = {
        "changed": changed,
        "due": bool(reasons),
        "reasons": reasons,
        "usable": not state.problems,
        "diff": diff,
    }
    if request:
        result["request"] = request
    if after:
        result["certificate"] = after
    return result


ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "key_file": {"type": "path", "required": True},
    "request_file": {"type": "path", "required": True},
    **certificate_arguments(),
    "certificate": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if CRYPTOGRAPHY_ERROR or not module.get_bin_path("openssl"):
        if module.check_mode:
            # Before the first run the packages are predicted, not installed
            reason = "python3-cryptography and openssl are not installed yet, so there is no certificate"
            module.exit_json(changed=True, due=True, reasons=[reason], usable=False)
        if CRYPTOGRAPHY_ERROR:
            module.fail_json(msg=missing_required_lib("cryptography"), exception=CRYPTOGRAPHY_ERROR)
        module.fail_json(msg="The program openssl is missing on this host: install the package openssl.")
    try:
        module.exit_json(**run(module, datetime.now(UTC)))
    except RefusedError as refused:
        names = ", ".join(module.params["dns_names"])
        kept = (
            "The installed certificate stays as it is."
            if os.path.exists(module.params["path"])
            else "Nothing was installed."
        )
        module.fail_json(msg=f"The certificate for {names} is refused: {'; '.join(refused.args)}. {kept}")


if __name__ == "__main__":
    main()
