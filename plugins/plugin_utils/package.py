"""Puts this tree's own package ftps_exchange on Python's path, in a checkout as in an installed collection.

Import this before the package, so that plugins never meet the package of another version.
"""

from __future__ import annotations

import sys
from pathlib import Path

SOURCE = str(Path(__file__).resolve().parents[2] / "src")

if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)
