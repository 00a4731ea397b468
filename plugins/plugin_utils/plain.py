"""Values as they are, without what Ansible keeps about them."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """Return the value without Ansible's tags, which could not be handed to other processes."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, str):
        return str(value)
    # True and False are numbers too, and never tagged
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
