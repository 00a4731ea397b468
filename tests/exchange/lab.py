"""A lab: a target whose hosts are containers of this machine, all of which may be entered and changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftps_exchange.verify import describe

from .target import PROJECT, Account, Customer, Target
from .vantage import Container, Host

__all__ = ["PROJECT", "Account", "Container", "Customer", "Host", "Lab"]


class Lab(Target):
    """lab.json, the machine-readable truth about a running lab."""

    ca_file: str

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = json.loads(path.read_text())
        super().__init__(describe.from_lab(self.data))
