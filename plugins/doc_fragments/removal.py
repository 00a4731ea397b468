"""The option ``REMOVAL_SPEC`` in module_utils/removal.py, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Takes part in a module's documentation by ``extends_documentation_fragment``."""

    DOCUMENTATION = r"""
options:
  removal:
    description:
      - Stops before the first change, in check mode too, if more than a set share of the customers in the current list
        have no file any more. If it is not given, nothing stops.
    type: dict
    suboptions:
      known:
        description: Names of all customers that have a file, including absent ones. A list, or its JSON text. Those
          in the new list count as well.
        type: json
        default: "[]"
      limit_percent:
        description: Share of the current customers that may vanish at once.
        type: int
        default: 50
      confirmed:
        description: Confirms that more may vanish.
        type: bool
        default: false
      setting:
        description: How a user confirms it, for the message.
        type: str
        default: -e directory_removal_confirmed=true
"""
