"""Structures -> the text in which a module on a Windows host is given them.

One text instead of a structure, because Ansible's wrapper on the host converts every element of a structure in
PowerShell (10,000 small dictionaries: 22 s; as a text: 5 s). A long text is packed, because the wrapper reads the whole
call with ``ConvertFrom-Json``, and Windows PowerShell's is said to refuse more than 2,097,152 characters. Short texts
stay as they are: what crosses the wire can be read as long as somebody would read it.

The actions of the Windows modules (``plugins/action/win_*.py``) do this. Nothing before them packs anything.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, Final

PACKED: Final = "gzip:"
"""How a packed text begins; Expand-FtpsExchangeText in module_utils/ knows it too."""

LONGEST_PLAIN: Final = 500_000
"""Characters of a text that is not packed: even twice that and the 300,000 of the wrapper stay below the limit."""


def wire_text(value: object, longest_plain: int = LONGEST_PLAIN) -> str:
    """Structure, or its JSON text -> the text, packed when it is long. The same always gives the same.

    What is packed already stays as it is.
    """
    text = str(value) if isinstance(value, str) else json.dumps(_plain(value), separators=(",", ":"))
    if len(text) <= longest_plain or text.startswith(PACKED):
        return text
    return PACKED + base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode("ascii")


def _plain(value: object) -> Any:
    """Ansible's tagged and lazy containers as plain ones; json takes their keys and scalars as they are."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
