"""The templates of packs, compiled once for each process and form."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from ..document import Form
from ..escape import curl_word, lftp_word, one_line

FOLDER: Final = Path(__file__).parent


@cache
def _environment(form: Form | None) -> Environment:
    """For a form, or for the settings of clients: plain text, whose values are put between quotes by filters."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=form is not None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # What no function made for this form is printed by it, so that nothing gets in unescaped
        **({"finalize": form.inline} if form else {}),
    )
    if form is None:
        made.filters |= {"lftp_word": lftp_word, "curl_word": curl_word, "one_line": one_line}
        return made
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
    return _environment(form).get_template(name)
