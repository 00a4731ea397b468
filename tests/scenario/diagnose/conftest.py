"""What the tests of this folder share."""

from __future__ import annotations

from tests.scenario.fixtures import acme, connect, fresh, globex, lab

__all__ = ["acme", "connect", "fresh", "globex", "lab"]
