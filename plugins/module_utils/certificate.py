"""The requirements for a server's certificate, shared by all modules that install one.

Certificates and keys are those of ``cryptography``, which a host may not have before the first run: importing this file
never fails, ``CRYPTOGRAPHY_ERROR`` says why nothing else in it works.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import subprocess
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    CRYPTOGRAPHY_ERROR = None
except ImportError:
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----\s*", re.DOTALL)
# When renew_days is 0: by the lifetime, because the lifetimes of public certificates get shorter (47 days in 2029)
AUTOMATIC_DAYS = 30
AUTOMATIC_SHARE = 3
CURVES = {"secp256r1": "ecc_p256", "secp384r1": "ecc_p384"}


class RefusedError(Exception):
    """A certificate that must not be installed; each argument is one reason."""


def certificate_arguments() -> dict[str, dict[str, Any]]:
    """Common options for the requirements. Documented in plugins/doc_fragments."""
    return {
        "dns_names": {"type": "list", "elements": "str", "required": True},
        "ip_addresses": {"type": "list", "elements": "str", "default": []},
        "ca": {"type": "str"},
        "key_type": {"type": "str", "choices": ["ecc_p256", "ecc_p384", "rsa_3072", "rsa_4096"], "required": True},
        "renew_days": {"type": "int", "required": True},
        "renew": {"type": "bool", "default": False},
    }


@dataclass(frozen=True)
class Wanted:
    """The requirements for a certificate."""

    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    ca: str | None
    key_type: str
    renew_days: int
    now: datetime

    def days_before_end(self, cert: Any) -> timedelta:
        """How long before its end a certificate is due for renewal."""
        if self.renew_days:
            return timedelta(days=self.renew_days)
        return min(timedelta(days=AUTOMATIC_DAYS), (ends(cert) - begins(cert)) / AUTOMATIC_SHARE)

    @classmethod
    def of(cls, options: Mapping[str, Any], now: datetime) -> Wanted:
        """What the options of ``certificate_arguments()`` ask for."""
        return cls(
            tuple(options["dns_names"]),
            tuple(options["ip_addresses"]),
            options["ca"] or None,
            options["key_type"],
            options["renew_days"],
            now,
        )


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
        raise RefusedError("it contains no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    return list(certificates)


def read_key(path: str) -> Any | None:
    """The private key in a PEM file; None without a file or a key."""
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
    """The kind of a private or public key, in the words of the option key_type where it has one."""
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return f"rsa_{key.key_size}"
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return CURVES.get(key.curve.name, f"ecc_{key.curve.name}")
    return type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey").lower()


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
    """Whether the key identifiers agree, if present: a CA may keep its name with a new key."""
    try:
        named = cert.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return True
    return named is None or named == own


def chain_problem(chain: tuple[Any, ...], ca: str | None) -> str | None:
    """Why OpenSSL would not verify a chain up to its CA, apart from dates; None if it would.

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
    return f"{reason} ({subject(chain[int(depth)]) if int(depth) < len(chain) else 'the CA'})"


def authority_of(chain: tuple[Any, ...], ca: str | None) -> Any | None:
    """The trusted certificate at the end of a chain; of several, the one that is valid longest."""
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
        found.append(f"it is not valid for {', '.join(missing)} (but for {', '.join(there) or 'no name at all'})")
    for cert in bundle.chain:
        if begins(cert) > wanted.now:
            found.append(f"{subject(cert)} is not valid before {begins(cert):%Y-%m-%d %H:%M} UTC")
        if ends(cert) < wanted.now:
            found.append(f"{subject(cert)} ended on {ends(cert):%Y-%m-%d %H:%M} UTC")
    authority = authority_of(bundle.chain, wanted.ca)
    if authority is not None and authority not in bundle.chain and ends(authority) < wanted.now:
        found.append(f"the CA {subject(authority)} ended on {ends(authority):%Y-%m-%d %H:%M} UTC")
    reason = chain_problem(bundle.chain, wanted.ca)
    if reason:
        found.append(f"its chain does not lead to the CA: {reason}")
    return found


def reasons_to_renew(bundle: Bundle, wanted: Wanted) -> list[str]:
    """Why a certificate that works today should be replaced."""
    found = []
    short = ends_too_soon(bundle.chain, wanted)
    if short is not None:
        whose = "" if short == bundle.leaf else f" to {subject(short)} in its chain"
        limit = math.ceil(wanted.days_before_end(short) / timedelta(days=1))
        found.append(f"{days_left((short,), wanted.now)} days are left{whose}, fewer than {limit}")
    if key_type(bundle.key.public_key()) != wanted.key_type:
        found.append(f"its key is {key_type(bundle.key.public_key())}, {wanted.key_type} is asked for")
    return found


def ends_too_soon(chain: tuple[Any, ...], wanted: Wanted) -> Any | None:
    """The certificate that has to be renewed first, if one is due and none has ended yet."""
    if days_left(chain, wanted.now) < 0:
        return None
    due = [cert for cert in chain if ends(cert) - wanted.now < wanted.days_before_end(cert)]
    return min(due, key=ends, default=None)


def candidate(text: str, keys: list[Any], wanted: Wanted) -> tuple[Bundle, list[str]]:
    """The bundle from a CA's answer, and warnings. Raises with all reasons if it cannot be used."""
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
    if ends_too_soon(chain, wanted) is not None:
        found += [reason for reason in reasons_to_renew(bundle, wanted) if "days are left" in reason]
    if found:
        raise RefusedError(*found)
    return bundle, [f"{subject(cert)} has no place in the chain and was left out" for cert in rest]


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
        "pem": bundle.leaf.public_bytes(serialization.Encoding.PEM).decode(),
    }


def shown(certificate: dict[str, Any] | None) -> str:
    """One side of a diff. Days left change by themselves and stay out; the fingerprint stands for the whole."""
    lines = [f"{name}: {value}" for name, value in (certificate or {}).items() if name not in ("days_left", "pem")]
    return "\n".join(lines) + "\n" if lines else ""
