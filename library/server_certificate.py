#!/usr/bin/python
"""One PEM file with a server's key, certificate and chain: is it good, for how long, and replace it by a better one."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: server_certificate
short_description: Check and replace the PEM file with a server's key, certificate and chain
description:
  - Reads the PEM file that a server serves TLS with and says whether it is good for the names it has to carry, who
    signed it, for how many days it lasts, and whether a new one is due.
  - When O(certificate) is given and differs from what is installed, it is checked as a whole first (it belongs to the
    key, it is made out for every name, its dates hold, its chain leads to O(ca)), put in order (leaf, then each issuer;
    a self-signed root is left out, a client has it or does not trust it), and takes the place of the old file in one
    rename. If any check fails, every reason is told at once and the old file stays as it is.
  - The private key is read where it lies and written beside itself. It is no parameter and no return value.
requirements:
  - python3-cryptography (38 or newer, as in Debian 12) and the program C(openssl) on the host
options:
  path:
    description: The PEM file, kept at mode V(0600). Its folder is made with mode V(0700) when it does not exist.
    type: path
    required: true
  key_file:
    description:
      - The private key that the next certificate is for, kept at mode V(0600). Its folder is made for it when a
        certificate is due.
      - The key inside O(path) is used as well, so a certificate that was issued again for the same key is accepted.
    type: path
    required: true
  request_file:
    description:
      - A certificate signing request that waits for the answer of a certificate authority, if there is one.
      - Removed when a certificate for it has been installed.
    type: path
    required: true
  dns_names:
    description: Names that the certificate must be made out for.
    type: list
    elements: str
    required: true
  ip_addresses:
    description: Addresses that the certificate must be made out for.
    type: list
    elements: str
    default: []
  ca:
    description:
      - The certificates, in PEM, of which one must be the end of the chain.
      - Without it the chain must lead to one of the authorities that the host's operating system trusts.
    type: str
  key_type:
    description: The key asked for. Another one makes a new certificate due.
    type: str
    choices: [ecc_p256, ecc_p384, rsa_3072, rsa_4096]
    required: true
  renew_days:
    description:
      - A new certificate is due when fewer days than these are left to it or to a certificate of its chain.
      - One that has fewer left from the start is refused.
    type: int
    required: true
  renew:
    description: Say that a new certificate is due whatever the old one is like.
    type: bool
    default: false
  certificate:
    description: The certificate to install, with its chain, in PEM and in any order. Nothing when left out or empty.
    type: str
attributes:
  check_mode:
    description: Predicts. Where a new certificate is due and no request for one waits yet, says changed.
    support: full
  diff_mode:
    description: Shows who issued the old and the new certificate, their names and dates; never a key.
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: See whether the certificate is good
  server_certificate:
    path: /etc/ftps-exchange/tls/server.pem
    key_file: /etc/ftps-exchange/tls/server.key
    request_file: /etc/ftps-exchange/tls/server.csr
    dns_names: [ftps.exchange.example]
    ca: "{{ lookup('ansible.builtin.file', 'root.pem') }}"
    key_type: ecc_p256
    renew_days: 30
  register: server

- name: Install the answer of the certificate authority
  server_certificate:
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
  description: Whether what is installed can serve clients right now.
  returned: always
  type: bool
request:
  description: The signing request that waits for an answer, in PEM.
  returned: when there is one that fits the key and the names
  type: str
certificate:
  description: The installed certificate.
  returned: when there is one that can be read
  type: dict
  contains:
    subject: {description: Whom it is made out for., type: str, returned: always, sample: "CN=ftps.exchange.example"}
    issuer: {description: Who signed it., type: str, returned: always, sample: "CN=Example issuing CA"}
    names: {description: DNS names and addresses., type: list, elements: str, returned: always}
    not_before: {description: "First moment (UTC, ISO 8601).", type: str, returned: always}
    not_after: {description: "Last moment (UTC, ISO 8601).", type: str, returned: always}
    days_left: {description: "Whole days left, to it or to a certificate of its chain.", type: int, returned: always}
    fingerprint: {description: SHA-256 of the certificate in hex., type: str, returned: always}
    chain: {description: Subjects of the certificates sent after it., type: list, elements: str, returned: always}
"""

import ipaddress
import os
import re
import subprocess
import tempfile
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    CRYPTOGRAPHY_ERROR = None
except ImportError:
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----\s*", re.DOTALL)
CURVES = {"secp256r1": "ecc_p256", "secp384r1": "ecc_p384"}


class RefusedError(Exception):
    """A certificate that must not be installed; each argument is one reason."""


@dataclass(frozen=True)
class Wanted:
    """What a certificate has to be like."""

    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    ca: str | None
    key_type: str
    renew_days: int
    now: datetime


@dataclass(frozen=True)
class Bundle:
    """A key with the certificates that are sent for it: the leaf, then each certificate's issuer."""

    key: Any
    chain: tuple[Any, ...]

    @property
    def leaf(self) -> Any:
        return self.chain[0]

    def pem(self) -> bytes:
        key: bytes = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + b"".join(cert.public_bytes(serialization.Encoding.PEM) for cert in self.chain)


def pem_blocks(text: str, kind: str) -> list[bytes]:
    """The blocks of one kind (``CERTIFICATE``, ``PRIVATE KEY``) in a PEM text, without what stands around them."""
    return [match.group(0).encode() for match in BLOCK.finditer(text) if match.group(1).endswith(kind)]


def read_certificates(text: str) -> list[Any]:
    """Every certificate in a PEM text, in its order and each once."""
    certificates: dict[Any, None] = {}
    for number, block in enumerate(pem_blocks(text, "CERTIFICATE"), 1):
        try:
            certificates[x509.load_pem_x509_certificate(block)] = None
        except ValueError as error:
            raise RefusedError(f"certificate number {number} in it cannot be read: {error}") from None
    if not certificates:
        raise RefusedError("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    return list(certificates)


def read_key(path: str) -> Any | None:
    """The private key in a PEM file; None when there is no such file or no key in it."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            blocks = pem_blocks(file.read(), "PRIVATE KEY")
        return serialization.load_pem_private_key(blocks[0], password=None) if blocks else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def public_bytes(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def key_type(key: Any) -> str:
    """The kind of a key, in the words of the option key_type where it has one."""
    if isinstance(key, rsa.RSAPrivateKey):
        return f"rsa_{key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return CURVES.get(key.curve.name, f"ecc_{key.curve.name}")
    return type(key).__name__.removesuffix("PrivateKey").lower()


def begins(cert: Any) -> datetime:
    # The names with _utc came with cryptography 42; the others are deprecated there
    found: datetime | None = getattr(cert, "not_valid_before_utc", None)
    return found or cert.not_valid_before.replace(tzinfo=UTC)


def ends(cert: Any) -> datetime:
    found: datetime | None = getattr(cert, "not_valid_after_utc", None)
    return found or cert.not_valid_after.replace(tzinfo=UTC)


def days_left(chain: tuple[Any, ...], now: datetime) -> int:
    """Whole days until the first certificate of a chain ends; below zero when one has ended."""
    return (min(ends(cert) for cert in chain) - now).days


def subject(cert: Any) -> str:
    return str(cert.subject.rfc4514_string())


def alternative_names(holder: Any) -> tuple[list[str], list[str]]:
    """DNS names and addresses of a certificate or a request. Nobody reads a name in the subject any more (RFC 9525)."""
    try:
        names = holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    return (
        [name.lower() for name in names.get_values_for_type(x509.DNSName)],
        [str(address) for address in names.get_values_for_type(x509.IPAddress)],
    )


def covers(dns_names: list[str], name: str) -> bool:
    """Whether one of the names is this one, or has ``*`` for its first label (RFC 9525, section 6.3)."""
    name = name.lower().rstrip(".")
    return name in dns_names or f"*.{name.partition('.')[2]}" in dns_names


def missing_names(holder: Any, wanted: Wanted) -> list[str]:
    dns_names, addresses = alternative_names(holder)
    missing = [name for name in wanted.dns_names if not covers(dns_names, name)]
    return missing + [text for text in wanted.ip_addresses if str(ipaddress.ip_address(text)) not in addresses]


def in_order(leaf: Any, certificates: list[Any]) -> tuple[tuple[Any, ...], list[Any]]:
    """The chain from a leaf upwards without a self-signed root, and the certificates that have no place in it."""
    chain = [leaf]
    rest = [cert for cert in certificates if cert != leaf and cert.subject != cert.issuer]
    while True:
        issuer = next((cert for cert in rest if cert.subject == chain[-1].issuer and signed_by(chain[-1], cert)), None)
        if issuer is None:
            return tuple(chain), rest
        chain.append(issuer)
        rest.remove(issuer)


def signed_by(cert: Any, issuer: Any) -> bool:
    """Whether the key identifiers agree, if there are any: an authority keeps its name when it changes its key."""
    try:
        named = cert.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return True
    return named is None or named == own


def chain_problem(chain: tuple[Any, ...], ca: str | None) -> str | None:
    """Why OpenSSL would not follow a chain to its authority, apart from dates; None when it does.

    OpenSSL decides because the clients' libraries decide the same way: signatures, basic constraints, path length, key
    usage and name constraints are more than a comparison of names.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["openssl", "verify", "-purpose", "sslserver", "-no_check_time"]
        files = {"leaf": chain[:1], "chain": chain[1:]}
        for name, certificates in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.writelines(cert.public_bytes(serialization.Encoding.PEM) for cert in certificates)
        if len(chain) > 1:
            command += ["-untrusted", os.path.join(folder, "chain")]
        if ca:
            with open(os.path.join(folder, "ca"), "w", encoding="utf-8") as file:
                file.write(ca)
            command += ["-no-CApath", "-no-CAstore", "-CAfile", os.path.join(folder, "ca")]
        done = subprocess.run([*command, os.path.join(folder, "leaf")], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    errors = re.findall(r"error \d+ at (\d+) depth lookup: *(.+)", done.stderr)
    if not errors:
        return done.stderr.strip() or "openssl gave no reason"
    depth, reason = errors[0]
    return f"{reason} ({subject(chain[int(depth)]) if int(depth) < len(chain) else 'the authority'})"


def authority_of(chain: tuple[Any, ...], ca: str | None) -> Any | None:
    """The trusted certificate that a chain leads to; of several (one was renewed) the one that is good for longest."""
    top = chain[-1]
    anchors = (
        [cert for cert in read_certificates(ca) if cert.subject == top.issuer and signed_by(top, cert)] if ca else []
    )
    return max(anchors, key=ends, default=None)


def problems(bundle: Bundle, wanted: Wanted) -> list[str]:
    """Why clients would refuse a certificate today, one sentence each."""
    found = []
    if public_bytes(bundle.leaf.public_key()) != public_bytes(bundle.key.public_key()):
        found.append("certificate and key do not belong together")
    missing = missing_names(bundle.leaf, wanted)
    if missing:
        there = [*alternative_names(bundle.leaf)[0], *alternative_names(bundle.leaf)[1]]
        found.append(f"it is not made out for {', '.join(missing)} (but for {', '.join(there) or 'no name at all'})")
    for cert in bundle.chain:
        if begins(cert) > wanted.now:
            found.append(f"{subject(cert)} is not valid before {begins(cert):%Y-%m-%d %H:%M} UTC")
        if ends(cert) < wanted.now:
            found.append(f"{subject(cert)} ended on {ends(cert):%Y-%m-%d %H:%M} UTC")
    authority = authority_of(bundle.chain, wanted.ca)
    if authority is not None and authority not in bundle.chain and ends(authority) < wanted.now:
        found.append(f"the authority {subject(authority)} ended on {ends(authority):%Y-%m-%d %H:%M} UTC")
    reason = chain_problem(bundle.chain, wanted.ca)
    if reason:
        found.append(f"its chain does not lead to the authority: {reason}")
    return found


def reasons_to_renew(bundle: Bundle, wanted: Wanted) -> list[str]:
    """Why a certificate that works today should be replaced."""
    found = []
    left = days_left(bundle.chain, wanted.now)
    if 0 <= left < wanted.renew_days:
        short = min(bundle.chain, key=ends)
        whose = "" if short == bundle.leaf else f" to {subject(short)} in its chain"
        found.append(f"{left} days are left{whose}, fewer than {wanted.renew_days}")
    if key_type(bundle.key) != wanted.key_type:
        found.append(f"its key is {key_type(bundle.key)}, {wanted.key_type} is asked for")
    return found


def read_bundle(path: str) -> Bundle | None:
    """What is installed; None when there is no file. Refused when it cannot serve at all."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            certificates = read_certificates(file.read())
    except FileNotFoundError:
        return None
    key = read_key(path)
    if key is None:
        raise RefusedError("it holds no private key that can be read")
    # As it stands and not put in order: this is what clients are sent
    return Bundle(key, tuple(certificates))


def candidate(text: str, keys: list[Any], wanted: Wanted) -> tuple[Bundle, list[str]]:
    """The bundle that an authority's answer makes, and warnings. Refused with every reason that speaks against it."""
    certificates = read_certificates(text)
    pairs = [
        (key, cert)
        for key in keys
        for cert in certificates
        if public_bytes(cert.public_key()) == public_bytes(key.public_key())
    ]
    if not pairs:
        raise RefusedError(
            "none of its certificates belongs to this host's key (for: "
            f"{'; '.join(subject(cert) for cert in certificates)}). Was it made from another signing request?"
        )
    key, leaf = pairs[0]
    chain, rest = in_order(leaf, certificates)
    bundle = Bundle(key, chain)
    found = problems(bundle, wanted)
    left = days_left(chain, wanted.now)
    if 0 <= left < wanted.renew_days:
        found += [reason for reason in reasons_to_renew(bundle, wanted) if "days are left" in reason]
    if found:
        raise RefusedError(*found)
    return bundle, [f"{subject(cert)} has no place in the chain and was left out" for cert in rest]


def read_request(path: str) -> Any | None:
    """A certificate signing request; None when there is no such file or no request in it."""
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


def describe(bundle: Bundle, now: datetime) -> dict[str, Any]:
    dns_names, addresses = alternative_names(bundle.leaf)
    return {
        "subject": subject(bundle.leaf),
        "issuer": str(bundle.leaf.issuer.rfc4514_string()),
        "names": [*dns_names, *addresses],
        "not_before": begins(bundle.leaf).isoformat(),
        "not_after": ends(bundle.leaf).isoformat(),
        "days_left": days_left(bundle.chain, now),
        "fingerprint": bundle.leaf.fingerprint(hashes.SHA256()).hex(),
        "chain": [subject(cert) for cert in bundle.chain[1:]],
    }


def shown(certificate: dict[str, Any] | None) -> str:
    """One side of a diff. Days left change by themselves and stay out."""
    lines = [f"{name}: {value}" for name, value in (certificate or {}).items() if name != "days_left"]
    return "\n".join(lines) + "\n" if lines else ""


def make_folder(folder: str) -> None:
    """A folder for secrets; those above it, where they are missing too, are ordinary ones."""
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
        os.mkdir(folder, 0o700)


def write(path: str, content: bytes) -> None:
    """Put a file that only its owner may read in place of another in one step, never half written."""
    folder = os.path.dirname(path)
    make_folder(folder)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".server-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


def loose(path: str) -> bool:
    """Whether others than its owner may open a file."""
    return os.path.exists(path) and os.stat(path).st_mode & 0o777 != 0o600


@dataclass
class State:
    """The installed bundle and what there is to say about it."""

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
    wanted = Wanted(
        tuple(params["dns_names"]),
        tuple(params["ip_addresses"]),
        params["ca"] or None,
        params["key_type"],
        params["renew_days"],
        now,
    )
    state = State.of(path, wanted)
    before = state.told(now)
    after = before
    changed = False

    if params["certificate"]:
        keys = [key for key in (read_key(key_file), state.bundle and state.bundle.key) if key is not None]
        given = read_certificates(params["certificate"])
        # The answer to an earlier request, still lying there, is no news
        if state.bundle is None or state.bundle.leaf not in given or state.problems:
            bundle, warnings = candidate(params["certificate"], keys, wanted)
            for warning in warnings:
                module.warn(warning)
            changed = True
            if not module.check_mode:
                write(path, bundle.pem())
                if requested_key(params["request_file"]) in (None, public_bytes(bundle.key.public_key())):
                    remove(params["request_file"])
            state = State(bundle, [], reasons_to_renew(bundle, wanted))
            after = state.told(now)

    authority = authority_of(state.bundle.chain, wanted.ca) if state.bundle else None
    if authority is not None and 0 <= (left := days_left((authority,), now)) < wanted.renew_days:
        module.warn(
            f"The authority {subject(authority)}, which customers trust, ends in {left} days: "
            "give them its successor in time"
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
    "dns_names": {"type": "list", "elements": "str", "required": True},
    "ip_addresses": {"type": "list", "elements": "str", "default": []},
    "ca": {"type": "str"},
    "key_type": {"type": "str", "choices": ["ecc_p256", "ecc_p384", "rsa_3072", "rsa_4096"], "required": True},
    "renew_days": {"type": "int", "required": True},
    "renew": {"type": "bool", "default": False},
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
            "What is installed stays as it is." if os.path.exists(module.params["path"]) else "Nothing was installed."
        )
        module.fail_json(msg=f"The certificate for {names} is refused: {'; '.join(refused.args)}. {kept}")


if __name__ == "__main__":
    main()
