"""The difference between a lab as it is and as it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.ftps.exchange.plugins.module_utils.lab.declared import Container, LabError, Network, Volume


@dataclass(frozen=True)
class Found:
    """What a lab consists of at present: digest of the definition by name, and which containers run.

    Ordinary volumes have none.
    """

    containers: Mapping[str, str]
    running: frozenset[str]
    networks: Mapping[str, str]
    volumes: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What has to be done, in this order."""

    remove_containers: list[str] = field(default_factory=list)
    remove_networks: list[str] = field(default_factory=list)
    remove_volumes: list[str] = field(default_factory=list)
    create_networks: list[Network] = field(default_factory=list)
    create_volumes: list[Volume] = field(default_factory=list)
    create_containers: list[Container] = field(default_factory=list)
    start_containers: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line a step, for the diff."""
        steps: list[tuple[str, Iterable[str]]] = [
            ("remove container", self.remove_containers),
            ("remove network", self.remove_networks),
            ("remove volume", self.remove_volumes),
            ("create network", (network.name for network in self.create_networks)),
            ("create volume", (volume.name for volume in self.create_volumes)),
            ("create container", (container.name for container in self.create_containers)),
            ("start container", self.start_containers),
        ]
        return [f"{verb} {name}" for verb, names in steps for name in names]


def plan_present(found: Found, networks: Iterable[Network], containers: Iterable[Container]) -> Plan:
    """Difference between what is there and what should be."""
    networks = list(networks)
    containers = list(containers)
    kept_networks = {item.name for item in networks if found.networks.get(item.name) == item.digest}
    kept_containers = {item.name for item in containers if found.containers.get(item.name) == item.digest}
    volumes = [volume for item in containers for volume in item.volumes]
    if others := [one.name for one in volumes if found.volumes.get(one.name, one.digest) != one.digest]:
        raise LabError(
            f"volume {others[0]} has another file system than declared. Remedy: make lab-down, then make lab"
        )
    return Plan(
        remove_containers=sorted(set(found.containers) - kept_containers),
        remove_networks=sorted(set(found.networks) - kept_networks),
        create_networks=[item for item in networks if item.name not in kept_networks],
        create_volumes=[volume for volume in volumes if volume.name not in found.volumes],
        create_containers=[item for item in containers if item.name not in kept_containers],
        start_containers=sorted(kept_containers - found.running),
    )


def plan_absent(found: Found) -> Plan:
    """Removal of everything that carries the lab's label."""
    return Plan(
        remove_containers=sorted(found.containers),
        remove_networks=sorted(found.networks),
        remove_volumes=sorted(found.volumes),
    )


def names_in_use(plan: Plan, others: set[str]) -> list[str]:
    """Names in the plan that belong to something outside the lab."""
    wanted = [f"network {network.name}" for network in plan.create_networks]
    wanted += [f"volume {volume.name}" for volume in plan.create_volumes]
    wanted += [f"container {container.name}" for container in plan.create_containers]
    return [item for item in wanted if item in others]
