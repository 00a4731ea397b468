"""The fixtures of the live checks, for the tests of this folder."""

from tests.scenario.fixtures import acme, connect, fresh, globex, lab

__all__ = ["acme", "connect", "fresh", "globex", "lab"]
