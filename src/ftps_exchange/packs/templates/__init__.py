"""The templates of packs, compiled once for each process and form."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from ..document import Form
from ..escape import curl_word, lftp_word

FOLDER: Final = Path(__file__).parent


@cache
def _settings_of_clients() -> Environment:
    """Plain text, in which filters put the values between quotes."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=False,  # noqa: S701 - no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"lftp_word": lftp_word, "curl_word": curl_word}
    return made


@cache
def _documents(form: Form) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        # What no function made for this form is printed by it, so nothing gets in unescaped
        finalize=form.inline,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {
        "h3": lambda text: form.heading(text, level=3),
        "p": form.paragraph,
        "bullets": form.bullets,
        "numbered": lambda items: form.bullets(items, numbered=True),
        "table": form.table,
        "listing": form.listing,
        "note": form.note,
        "picture": lambda html, characters: form.picture(Markup(html), characters),  # noqa: S704 - drawn here
    }
    return made


@cache
def template(name: str, form: Form | None = None) -> Template:
    """A template by its name."""
    return (_documents(form) if form else _settings_of_clients()).get_template(name)
