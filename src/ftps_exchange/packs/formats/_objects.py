"""What the firewalls share that want named objects: Juniper SRX, Palo Alto, FortiGate."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network

from ftps_exchange.packs.flows import Job
from ftps_exchange.packs.text import identifier


def object_name(job: Job, network: str) -> str:
    """A name that contains the network, so that one more network renames nothing."""
    return identifier(f"{job.name}-{network.replace('/', '-').replace('.', '-').replace(':', '-')}", longest=60)


@lru_cache(maxsize=4096)
def host_network(address: str) -> str:
    """An address as a network of one."""
    return str(ip_network(address))
