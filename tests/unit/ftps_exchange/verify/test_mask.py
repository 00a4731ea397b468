"""No secret leaves in any form."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.verify.mask import MASK, masked, masker

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=8, max_size=40)


@given(SECRETS, st.binary(max_size=20), st.binary(max_size=20))
def test_base64_of_anything_around_the_secret_is_masked(secret: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()
    left = masker([secret])(text)
    assert left != text
    # Decoding the rest, from any place, gives less than the secret
    for part in left.split(MASK):
        for start in range(4):
            piece = part[start:][: (len(part) - start) // 4 * 4]
            assert secret.encode() not in base64.b64decode(piece + "=" * (-len(piece) % 4))


@given(SECRETS, st.text(max_size=20))
def test_the_secret_itself_is_masked_wherever_it_stands(secret: str, around: str) -> None:
    mask = masker([secret])
    assert secret not in mask(around + secret + around)
    assert secret not in mask(secret + secret)


def test_quoted_forms_are_masked() -> None:
    mask = masker(["a b/c'd\\e"])
    assert mask("ftp://u:a%20b%2Fc%27d%5Ce@host/") == f"ftp://u:{MASK}@host/"
    assert "a b/c" not in mask(repr("a b/c'd\\e"))


def test_of_two_secrets_the_longer_goes_as_a_whole() -> None:
    assert masker(["secret", "secret-and-more"])("secret-and-more") == MASK


def test_without_secrets_nothing_changes() -> None:
    assert masker([])("password") == "password"
    assert masker(["ab"])("abc") == "abc"


def test_a_structure_is_masked_in_depth() -> None:
    content = {"secret-1": ["x secret-1", {"y": ("secret-1", 3, None)}]}
    assert "secret-1" not in json.dumps(masked(content, masker(["secret-1"])))
