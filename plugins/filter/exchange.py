"""The checked model -> what each target needs, as filters.

All work is done by the package ftps_exchange, which knows nothing of Ansible; each filter has its documentation beside
this file (``ansible-doc -t filter exchange_directory``). What goes wrong is a ValueError, whose text Ansible shows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)

try:
    from ftps_exchange.desired import (
        exchange_access,
        exchange_desired,
        exchange_desired_folders,
        exchange_desired_iis,
        exchange_desired_iis_problems,
    )
    from ftps_exchange.diagnose.report import exchange_diagnosis, exchange_diagnosis_subject
    from ftps_exchange.directory import exchange_directory, exchange_group_names
    from ftps_exchange.edge import exchange_edge_sets, exchange_host_sets
    from ftps_exchange.events import exchange_event_flows, exchange_event_receivers
    from ftps_exchange.folders import exchange_folders, exchange_predicted_sids
    from ftps_exchange.iis.render import exchange_iis_application_host
    from ftps_exchange.iis.settings import exchange_iis_settings
    from ftps_exchange.pair import exchange_edge_pair
    from ftps_exchange.passive import exchange_ports_meanwhile
    from ftps_exchange.pool import exchange_server_pool
    from ftps_exchange.quotas import exchange_quotas
    from ftps_exchange.retention import exchange_retention
    from ftps_exchange.service_ports import exchange_service_ports
    from ftps_exchange.windows import exchange_firewall_addresses, exchange_thumbprint
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
            return {path.stem: _unavailable for path in Path(__file__).parent.glob("exchange_*.yml")}
        functions: tuple[Callable[..., Any], ...] = (
            exchange_access,
            exchange_desired,
            exchange_desired_folders,
            exchange_desired_iis,
            exchange_desired_iis_problems,
            exchange_diagnosis,
            exchange_diagnosis_subject,
            exchange_directory,
            exchange_edge_pair,
            exchange_edge_sets,
            exchange_event_flows,
            exchange_event_receivers,
            exchange_firewall_addresses,
            exchange_folders,
            exchange_group_names,
            exchange_host_sets,
            exchange_iis_application_host,
            exchange_iis_settings,
            exchange_ports_meanwhile,
            exchange_predicted_sids,
            exchange_quotas,
            exchange_retention,
            exchange_server_pool,
            exchange_service_ports,
            exchange_thumbprint,
        )
        return {function.__name__: function for function in functions}
