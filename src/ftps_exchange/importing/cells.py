"""The text of a cell -> values as a customer file has them. What has several meanings is refused."""

from __future__ import annotations

import datetime
import re
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import Final

from ftps_exchange.model.problems import RefusedError

from .columns import plain_letters

_WRITE: Final = frozenset(["write", "rw", "w", "readwrite", "upload", "schreiben", "schreibend", "ecriture"])
_READ: Final = frozenset(["read", "ro", "r", "readonly", "download", "lesen", "lesend", "lecture"])
_YES: Final = frozenset(["yes", "y", "true", "1", "x", "ja", "oui", "si"])
_NO: Final = frozenset(["no", "n", "false", "0", "nein", "non", "nee"])
_STATES: Final = {"active": "present", "aktiv": "present", "locked": "suspended", "gesperrt": "suspended"}
_LANGUAGES: Final = {
    **dict.fromkeys(("english", "englisch", "anglais"), "en"),
    **dict.fromkeys(("german", "deutsch", "allemand"), "de"),
    **dict.fromkeys(("french", "franzosisch", "franzoesisch", "francais"), "fr"),
    **dict.fromkeys(("dutch", "nederlands", "niederlandisch", "niederlaendisch"), "nl"),
    **dict.fromkeys(("spanish", "espanol", "spanisch"), "es"),
}


def customer_name(text: str) -> str:
    """A company as it is called -> a name for its file: "Harbour Works" is harbour-works."""
    return re.sub(r"[^a-z0-9._]+", "-", plain_letters(text)).strip("-.")


def networks(text: str) -> list[str]:
    """Addresses and networks in one cell, in the notations of firewalls. What is not an address stays as it is."""
    # "198.51.100.0 255.255.255.0" and "198.51.100.1 - 198.51.100.6" are one value each
    text = re.sub(r"(?<=[0-9.]) +(?=255\.[0-9.]+(?:\s|[,;|]|$))", "/", text)
    text = re.sub(r"(?<=[0-9a-fA-F:.])\s*(?:-|\u2013|\bto\b|\bbis\b)\s*(?=[0-9a-fA-F:]+[.:])", "-", text)
    found: list[str] = []
    for part in re.split(r"[\s,;|]+", text):
        if part:
            found += [network for network in _network(part) if network not in found]
    return found


def _network(text: str) -> list[str]:
    first, dash, last = text.partition("-")
    try:
        if not dash:
            return [str(ip_network(text))]
        begin, end = ip_address(first), ip_address(last)
    except ValueError:
        return [text]  # the model says what is wrong with it
    if begin.version != end.version or int(begin) > int(end):
        return [text]
    pieces = summarize_address_range(begin, end)
    return list(map(str, pieces))


def words(text: str) -> list[str]:
    """Names in one cell."""
    return [word for word in re.split(r"[\s,;|]+", text) if word]


def grant(text: str) -> tuple[str, str | None]:
    """ "maps:read" or "maps(rw)" or "maps" -> the name, and the access if it is given."""
    match = re.fullmatch(r"(?P<name>[^:=()\[\]]+)(?:[:=(\[](?P<access>[^:=()\[\]]+)[)\]]?)?", text)
    if match is None:
        raise RefusedError("is not understood.", "Write NAME:read or NAME:write, several with commas between them.")
    return match["name"], access(match["access"]) if match["access"] else None


def access(text: str) -> str:
    """read or write, in the words that people use."""
    word = re.sub(r"[^a-z]", "", plain_letters(text))
    if word in _WRITE:
        return "write"
    if word in _READ:
        return "read"
    raise RefusedError("is neither read nor write.", "Write read or write.")


def yes_or_no(text: str) -> bool:
    """A truth value."""
    word = plain_letters(text)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise RefusedError("is neither yes nor no.", "Write yes or no.")


def state(text: str) -> str:
    """The state of a customer; the model knows which there are."""
    word = plain_letters(text)
    return _STATES.get(word, word)


def firewall(text: str) -> str:
    """ "Check Point" -> check_point; the model knows which formats there are."""
    return re.sub(r"[^a-z0-9]+", "_", plain_letters(text)).strip("_")


def language(text: str) -> str:
    """ "German" -> de; the model knows which languages there are."""
    word = plain_letters(text)
    return _LANGUAGES.get(word, word)


def day(text: str) -> str:
    """A day in ISO form. A day that two countries read differently is refused."""
    text = re.sub(r"[ T]00:00(:00)?$", "", text)
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text, re.ASCII):
        year, month, of_month = map(int, match.groups())
    elif match := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text, re.ASCII):
        of_month, month, year = map(int, match.groups())
    elif match := re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", text, re.ASCII):
        of_month, month, year = map(int, match.groups())
        if of_month <= 12 and month <= 12 and of_month != month:
            raise RefusedError(
                f"is {year}-{month:02}-{of_month:02} in Europe and {year}-{of_month:02}-{month:02} in America.",
                "Write the day as YYYY-MM-DD.",
            )
        if month > 12:
            of_month, month = month, of_month
    else:
        raise RefusedError("is not a day.", "Write the day as YYYY-MM-DD.")
    try:
        return datetime.date(year, month, of_month).isoformat()
    except ValueError as error:
        raise RefusedError(f"is not a calendar date ({error}).", "Write the day as YYYY-MM-DD.") from None
