"""Firewall rules and guides for customers, from the checked model.

``render_rules`` turns a service and one of its customers into firewall rules. No rule leaves without having been read
back by the checker.
"""

from .rules import FORMATS, render_rules
from .service import PackService, pack_service

__all__ = ["FORMATS", "PackService", "pack_service", "render_rules"]
