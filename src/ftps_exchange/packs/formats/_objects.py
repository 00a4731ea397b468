"""What the firewalls share that want named objects: Juniper SRX, Palo Alto, FortiGate."""

from __future__ import annotations

from functools import lru_cache

from ftps_exchange.packs.flows import Job
from ftps_exchange.packs.service import network as read_network
from ftps_exchange.packs.text import identifier


@lru_cache(maxsize=4096)
def _network_name(begin: str, network: str) -> str:
    return identifier(f"{begin}-{network.replace('/', '-').replace('.', '-').replace(':', '-')}", longest=60)


def object_name(job: Job, network: str) -> str:
    """A name that contains the network, so that one more network renames nothing."""
    return _network_name(job.name, network)


@lru_cache(maxsize=4096)
def host_network(address: str) -> str:
    """An address as a network of one."""
    return str(read_network(address))
