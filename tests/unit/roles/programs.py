"""Loads the programs that roles install, whose names are no names of Python modules."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROLES = Path(__file__).parents[3] / "roles"


def load_program(role: str, name: str) -> ModuleType:
    """A program in the ``files`` of a role, as a new module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROLES / role / "files" / name))
    specification = importlib.util.spec_from_loader(loader.name, loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    # Dataclasses look their module up
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module
