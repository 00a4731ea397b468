"""What receivers of events are, for code without pydantic."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from ftps_exchange.model.problems import RefusedError

type Kind = Literal["webhook", "command", "mail"]
KINDS: Final[tuple[Kind, ...]] = ("webhook", "command", "mail")

_URL_REMEDY: Final = "Write it like https://gis.example.com/hooks/files, without a user and without a fragment."


def split_url(url: str) -> SplitResult:
    """Return the parts of the URL of a webhook if it can be used."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise RefusedError("has a character that a URL does not have.", _URL_REMEDY)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedError("is not a URL.", _URL_REMEDY) from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise RefusedError("is not a URL.", _URL_REMEDY)
    if parts.username is not None or parts.fragment or url.endswith("#"):
        raise RefusedError("has a user or a fragment.", _URL_REMEDY)
    return parts
