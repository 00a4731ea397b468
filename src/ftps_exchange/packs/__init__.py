"""Customer packs: what a customer's IT staff needs in order to let the exchange through, and nothing else.

``read_packs`` turns the checked model into the service and its customers, ``render_rules`` these into firewall rules.
"""

from .model import PackContact, PackCustomer, Packs, PackService, PackShare, read_packs
from .rules import FORMATS, render_rules

__all__ = [
    "FORMATS",
    "PackContact",
    "PackCustomer",
    "PackService",
    "PackShare",
    "Packs",
    "read_packs",
    "render_rules",
]
