"""Brings the catalogues up to date: python -m ftps_exchange.packs.catalogues

Every text that a pack, or a mail to a customer, may say is looked for where it stands: in the templates and the
modules (by Babel), in the scripts (``scripts.marked_texts``) and in the tables of causes and firewalls. What is new
gets an empty translation, what is gone is dropped. A reworded text is a new one: nobody's old translation is guessed
to fit it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from .causes import spoken
from .formats import REGISTRY
from .language import CATALOGUES, NAMES
from .programs import PROGRAMS
from .scripts import SCRIPTS, marked_texts

_HERE: Final = Path(__file__).parent
_NOTICES: Final = _HERE.parent / "notices" / "texts.py"
"""Mails to customers speak the languages of packs."""
_KEYWORDS: Final = {"_": None, "N_": None, "say": None}


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(text, file): everything that is to be translated."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(_HERE.glob("*.py")):
        if path.name != "language.py":
            for _line, text, _comments, _context in extract_from_file("python", path, {"N_": None}):
                yield _one(text), path.name
    for _line, text, _comments, _context in extract_from_file("python", _NOTICES, {"N_": None}):
        yield _one(text), f"{_NOTICES.parent.name}/{_NOTICES.name}"
    for path in sorted((_HERE / "templates").glob("*.j2")):
        for _line, text, _comments, _context in extract_from_file(
            "jinja2", path, _KEYWORDS, options={"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
        ):
            yield _one(text), f"templates/{path.name}"
    for name in (*SCRIPTS, *(f"snippets/{program.file}" for program in PROGRAMS)):
        for _number, text in marked_texts(name):
            yield text, f"files/{name}"
    for text in spoken():
        yield text, "causes.py"
    for one in REGISTRY.values():
        yield one.inspection, f"formats/{one.name}.py"


def _one(text: str | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else text[0]


def brought_up_to_date(language: str, old: bytes | None) -> bytes:
    """The catalogue of a language: what is said today, with the translations that there are."""
    known = {} if old is None else {one.id: one for one in read_po(io.BytesIO(old), locale=language)}
    new = Catalog(locale=language, project="ftps-exchange", charset="utf-8", fuzzy=False)
    places: dict[str, dict[str, int]] = {}
    for text, place in texts():
        places.setdefault(text, {})[place] = 0
    for text, found in places.items():
        before = known.get(text)
        new.add(text, before.string if before else "", locations=found.items())
    out = io.BytesIO()
    # Without lines and dates, a catalogue differs only where a text does
    write_po(out, new, width=120, omit_header=True, include_lineno=False)
    return _HEADER.format(name=NAMES[language], language=language).encode() + out.getvalue()


_HEADER: Final = """# {name}: texts of customer packs. "make translations" adds and drops entries, see docs/packs.md.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def main() -> int:
    """Write all catalogues, and say what is still to be translated."""
    missing = 0
    for language in NAMES:
        if language != "en":
            path = CATALOGUES / f"{language}.po"
            new = brought_up_to_date(language, path.read_bytes() if path.exists() else None)
            path.write_bytes(new)
            without = [str(one.id) for one in read_po(io.BytesIO(new)) if one.id and not one.string]
            missing += len(without)
            for text in without:
                print(f"{path.name}: not translated: {text}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
