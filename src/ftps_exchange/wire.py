"""Structures -> the text in which a module on a Windows host is given them.

One text instead of a structure, because Ansible's wrapper on the host converts every element of a structure in
PowerShell (10,000 small dictionaries: 22 s; as a text: 5 s). A long text is packed, because the wrapper reads the whole
call with ``ConvertFrom-Json``, and Windows PowerShell's is said to refuse more than 2,097,152 characters. Short texts
stay as they are: what crosses the wire can be read as long as somebody would read it.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from .folders import exchange_folders
from .iis.settings import exchange_iis_settings
from .model.view import read_model

PACKED: Final = "gzip:"
"""How a packed text begins; Expand-FtpsExchangeText in module_utils/ knows it too."""

LONGEST_PLAIN: Final = 500_000
"""Characters of a text that is not packed: even twice that and the 300,000 of the wrapper stay below the limit."""


def wire_text(value: object, longest_plain: int = LONGEST_PLAIN) -> str:
    """Structure -> JSON without blanks, packed when it is long. The same structure always gives the same text."""
    text = json.dumps(value, separators=(",", ":"))
    if len(text) <= longest_plain:
        return text
    return PACKED + base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)).decode("ascii")


class WindowsLists(TypedDict):
    """The texts of what grows with the customers: empty where what it names is not known."""

    folders: str
    sids: str
    settings: str


def exchange_windows_lists(
    model: object,
    sids: Mapping[str, str] | None = None,
    thumbprint: str | None = None,
    options: Mapping[str, Any] | None = None,
    longest_plain: int = LONGEST_PLAIN,
) -> WindowsLists:
    """Checked model -> ``folders`` and ``sids`` of win_folder_tree and ``settings`` of win_iis_settings, as texts.

    One filter for the way from the model to the text, because Ansible looks at each value of a structure that goes from
    one filter to the next: four seconds with 10,000 customers. Without SIDs there are no folders, without a thumbprint
    no settings: a run that is asked for one of them (``--tags``) does not know the other's.
    """
    model = read_model(model)
    return {
        "folders": wire_text(exchange_folders(model, sids, "windows"), longest_plain) if sids else "",
        "sids": wire_text({str(name): str(sid) for name, sid in (sids or {}).items()}, longest_plain),
        "settings": wire_text(exchange_iis_settings(model, thumbprint, options), longest_plain) if thumbprint else "",
    }
