"""What roles compute from their variables alone, as filters: above all what their argument specifications cannot say.

The work is done by the package ftps_exchange; each filter has its documentation beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)

_NAMES = (
    "acme_certificate_problems",
    "edge_problems",
    "events_problems",
    "ftps_server_problems",
    "host_firewall_problems",
    "passive_port_ranges",
)

try:
    from ftps_exchange import preflight, service_ports
except ImportError as error:
    # Raised at first use: raised here, Ansible would only report an unknown filter.
    _MISSING: str | None = str(error)
else:
    _MISSING = None


def _unavailable(*_args: object, **_options: object) -> Never:
    raise RuntimeError(
        f"the project's package ftps_exchange cannot be imported by this Python ({_MISSING}). Run `make venv` and use "
        ".venv/bin/ansible-playbook"
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter names and what they call."""
        if _MISSING is not None:
            return dict.fromkeys(_NAMES, _unavailable)
        functions: tuple[Callable[..., Any], ...] = (
            preflight.acme_certificate_problems,
            preflight.edge_problems,
            preflight.events_problems,
            preflight.ftps_server_problems,
            preflight.host_firewall_problems,
            service_ports.passive_port_ranges,
        )
        return {function.__name__: function for function in functions}
