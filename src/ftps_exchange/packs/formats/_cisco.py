"""What the two Cisco formats share: the entries of an access list."""

from __future__ import annotations

from collections.abc import Callable

from ftps_exchange.model.rules import Ports
from ftps_exchange.packs.flows import Flow, Job


def nat_stays(job: Job) -> list[str]:
    """The line of the undo that says what stays."""
    return ["The static translation serves the other customers too: it stays."] if job.translated else []


def access_list_entries(flow: Flow, network: Callable[[str], str]) -> list[str]:
    """A permit for each source and port; ``network`` writes one with its mask."""
    host = f"host {flow.server}"
    return [
        f"permit tcp {network(source)} {host} {port_words(ports)}" for source in flow.sources for ports in flow.ports
    ]


def port_words(ports: Ports) -> str:
    """One port or a range."""
    first, last = ports
    return f"eq {first}" if first == last else f"range {first} {last}"
