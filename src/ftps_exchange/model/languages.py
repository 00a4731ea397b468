"""The languages that customers can be written to."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "de", "fr", "nl", "es"]
