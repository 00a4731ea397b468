"""Takes secrets out of everything that is written or shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

MASK = "***"


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces each secret: as it is, as URLs quote it, in base64 at any of its three alignments."""
    forms: set[str] = set()
    for secret in secrets:
        # A shorter one would also mask ordinary words; nobody should have such a password
        if len(secret) >= 4:
            forms |= {secret, quote(secret, safe=""), repr(secret)[1:-1]}
            forms |= set(_base64_forms(secret.encode()))
    if not forms:
        return lambda text: text
    # The longest first: a secret that contains another must go as a whole
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(MASK, text)


def _base64_forms(secret: bytes) -> Iterable[str]:
    for shift in range(3):
        # The characters at both ends depend on the neighbours, so only the middle is the secret's own
        encoded = base64.b64encode(b"\0" * shift + secret).decode()
        first = (0, 2, 3)[shift]
        last = len(encoded.rstrip("=")) - (0 if (len(secret) + shift) % 3 == 0 else 1)
        if last - first >= 4:
            yield encoded[first:last]


def masked(value: Any, mask: Callable[[str], str]) -> Any:
    """The same structure with every text masked, keys included."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {masked(key, mask): masked(entry, mask) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(entry, mask) for entry in value]
    return value
