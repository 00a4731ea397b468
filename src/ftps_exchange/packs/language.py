"""What packs say, in every language: English stands in the code and the templates, the others in gettext catalogues.

A text is looked up by its English wording. One that a catalogue lacks is an error: no pack is half English by accident.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from ftps_exchange.errors import ExchangeError

CATALOGUES: Final = Path(__file__).parent / "locales"
NAMES: Final = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "nl": "Nederlands",
    "es": "Español",
}
"""Each language by its own name."""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Marks a text that is translated later, where the language is known."""
    return text


class Catalogue:
    """The texts of one language."""

    def __init__(self, language: str, texts: dict[str, str] | None) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, text: str) -> str:
        """The text in this language."""
        if self._texts is None:
            return text
        try:
            return self._texts[text]
        except KeyError:
            raise ExchangeError(
                f"has no translation of {text!r}",
                field="language",
                value=self.language,
                remedy=f"Translate it in packs/locales/{self.language}.po (make translations)",
            ) from None

    def filled(self, text: str, **values: object) -> str:
        """The text with values in its holes, for what is neither HTML nor Markdown."""
        return self(text).format(**values)


@cache
def catalogue(language: str) -> Catalogue:
    """Read once for each process; a draft (fuzzy) counts as missing."""
    if language == "en":
        return Catalogue(language, None)
    # Imported here: a run with nothing to change needs no catalogue
    from babel.messages.pofile import read_po

    with open(CATALOGUES / f"{language}.po", "rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    return Catalogue(
        language,
        {str(one.id): str(one.string) for one in read if one.id and one.string and not one.fuzzy},
    )
