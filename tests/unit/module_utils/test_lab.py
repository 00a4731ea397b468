"""What the module lab_containers would do, without podman."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.lab import declared, podman
from ansible_collections.ftps.exchange.plugins.module_utils.lab import plan as plans

NETWORKS = {
    "inside": {"ip4": "10.77.20.0/24", "ip6": "fd77:20::/64"},
    "outside": {"ip4": "198.51.100.0/24"},
}
HOSTS: dict[str, Any] = {
    "router": {
        "networks": {"outside": ["198.51.100.20"], "inside": ["10.77.20.1", "fd77:20::1"]},
        "sysctls": {"net.ipv4.ip_forward": "1"},
    },
    "client": {
        "networks": {"inside": ["10.77.20.11", "fd77:20::11"]},
        "gateways": ["10.77.20.1", "fd77:20::1"],
        "domain": "corp.example",
        "search": "corp.example",
        "nameserver": "10.77.20.1",
        "names": {"198.51.100.10": ["ftps.example", "ftps"]},
        "volumes": {"data": "/srv/data"},
    },
}


def parsed(
    networks: Mapping[str, Any] = NETWORKS,
    hosts: Mapping[str, Any] = HOSTS,
    image: str = "image:1",
    images: Mapping[str, str] = MappingProxyType({}),
) -> tuple[dict[str, declared.Network], list[declared.Container]]:
    found = declared.parse_networks("demo", networks)
    return found, declared.parse_hosts("demo", image, hosts, found, images)


def in_place(
    networks: dict[str, declared.Network], containers: list[declared.Container], **changed: Any
) -> plans.Found:
    state: dict[str, Any] = {
        "containers": {container.name: container.digest for container in containers},
        "running": frozenset(container.name for container in containers),
        "networks": {network.name: network.digest for network in networks.values()},
        "volumes": {"demo-client-data": ""},
    }
    return plans.Found(**{**state, **changed})


def test_nothing_there_yet() -> None:
    networks, containers = parsed()
    empty = plans.Found(containers={}, running=frozenset(), networks={}, volumes={})
    plan = plans.plan_present(empty, networks.values(), containers)
    assert plan.lines() == [
        "create network demo-inside",
        "create network demo-outside",
        "create volume demo-client-data",
        "create container demo-client",
        "create container demo-router",
    ]


def test_everything_there() -> None:
    networks, containers = parsed()
    assert plans.plan_present(in_place(networks, containers), networks.values(), containers).lines() == []


def test_a_stopped_container_is_started() -> None:
    networks, containers = parsed()
    found = in_place(networks, containers, running=frozenset({"demo-router"}))
    assert plans.plan_present(found, networks.values(), containers).lines() == ["start container demo-client"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gateways", ["10.77.20.1"]),
        ("nameserver", "10.77.20.2"),
        ("volumes", {"data": "/srv/other"}),
        ("networks", {"inside": ["10.77.20.12"]}),
        ("capabilities", ["SYS_NICE"]),
        ("devices", ["/dev/fuse"]),
        ("names", {}),
    ],
)
def test_a_changed_definition_makes_that_container_anew_and_keeps_its_volume(key: str, value: Any) -> None:
    networks, containers = parsed()
    found = in_place(networks, containers)
    _, wanted = parsed(hosts={**HOSTS, "client": {**HOSTS["client"], key: value}})
    assert plans.plan_present(found, networks.values(), wanted).lines() == [
        "remove container demo-client",
        "create container demo-client",
    ]


def test_another_image_makes_all_containers_anew() -> None:
    networks, containers = parsed()
    _, wanted = parsed(image="image:2")
    plan = plans.plan_present(in_place(networks, containers), networks.values(), wanted)
    assert plan.remove_containers == ["demo-client", "demo-router"]
    assert [container.name for container in plan.create_containers] == ["demo-client", "demo-router"]


def test_another_release_creates_only_that_host_again() -> None:
    networks, containers = parsed()
    _, wanted = parsed(images={"router": "older:1"})
    plan = plans.plan_present(in_place(networks, containers), networks.values(), wanted)
    assert plan.remove_containers == ["demo-router"]
    assert {container.name: container.create_arguments[-1] for container in wanted} == {
        "demo-client": "image:1",
        "demo-router": "older:1",
    }


def test_a_release_for_a_host_that_is_not_there_is_an_error() -> None:
    with pytest.raises(declared.LabError, match=r"a release is set for ruoter: .*declared are client, router"):
        parsed(images={"ruoter": "older:1"})


def test_a_changed_network_takes_its_containers_with_it() -> None:
    networks, containers = parsed()
    wanted_networks, wanted = parsed(networks={**NETWORKS, "outside": {"ip4": "198.51.100.0/25"}})
    plan = plans.plan_present(in_place(networks, containers), wanted_networks.values(), wanted)
    assert plan.lines() == [
        "remove container demo-router",
        "remove network demo-outside",
        "create network demo-outside",
        "create container demo-router",
    ]


def test_what_nobody_declares_any_more_goes_except_its_data() -> None:
    networks, containers = parsed()
    wanted_networks, wanted = parsed(hosts={"router": HOSTS["router"]})
    plan = plans.plan_present(in_place(networks, containers), wanted_networks.values(), wanted)
    assert plan.lines() == ["remove container demo-client"]


DISK = {"path": "/srv/data", "filesystem": "btrfs", "gigabytes": 4, "options": "noatime"}
WITH_DISK = {**HOSTS, "client": {**HOSTS["client"], "volumes": {"data": DISK}}}


def test_a_volume_with_its_own_file_system_is_a_file_in_another_volume() -> None:
    networks, containers = parsed(hosts=WITH_DISK)
    plan = plans.plan_present(
        plans.Found(containers={}, running=frozenset(), networks={}, volumes={}), networks.values(), containers
    )
    assert plan.lines()[2:4] == ["create volume demo-client-data-disk", "create volume demo-client-data"]
    disk, data = plan.create_volumes
    assert disk.create_command("demo", "") == [
        *("volume", "create", "--label", "ftps-exchange.lab=demo", "demo-client-data-disk")
    ]
    assert data.create_command("demo", "/disks/image")[-7:] == [
        *("--opt", "type=btrfs", "--opt", "device=/disks/image", "--opt", "o=loop,noatime", "demo-client-data")
    ]
    there = in_place(networks, containers, volumes={disk.name: "", data.name: data.digest})
    assert plans.plan_present(there, networks.values(), containers).lines() == []


def test_a_volume_with_another_file_system_is_never_replaced() -> None:
    networks, containers = parsed(hosts=WITH_DISK)
    found = in_place(networks, containers)
    with pytest.raises(declared.LabError, match="volume demo-client-data has another file system than declared"):
        plans.plan_present(found, networks.values(), containers)


@pytest.mark.parametrize("wrong", [{"path": "/srv/data"}, {**DISK, "size": 1}, 5])
def test_a_volume_that_is_not_described_completely_is_an_error(wrong: Any) -> None:
    with pytest.raises(declared.LabError, match="host client, volume demo-client-data: use a path, or the keys"):
        parsed(hosts={**HOSTS, "client": {**HOSTS["client"], "volumes": {"data": wrong}}})


class Machine(podman.Podman):
    """A machine with one volume."""

    def __init__(self, top: Path) -> None:
        super().__init__("demo")
        self.top = top

    def do(self, arguments: Sequence[str], stdin: bytes = b"") -> str:
        assert arguments[:2] == ["volume", "inspect"]
        return f"{self.top}\n"


@pytest.mark.parametrize(("free", "size"), [(1 << 40, 4 << 30), (4 << 30, 3 << 30)])
def test_the_file_never_promises_more_than_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, size: int
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    volume = declared.Volume("data", "btrfs", 4, "", "data-disk")
    image = podman.make_file_system(Machine(tmp_path), volume)
    assert commands == [["mkfs.btrfs", image]]
    status = Path(image).stat()
    assert (status.st_size, status.st_blocks) == (size, 0)


def test_too_little_room_for_a_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 << 30))
    with pytest.raises(declared.LabError, match="has 2048 MiB free, which is too little"):
        podman.make_file_system(Machine(tmp_path), declared.Volume("data", "btrfs", 4, "", "data-disk"))


def test_removal_takes_all_that_carries_the_label_even_of_a_half_made_lab() -> None:
    found = plans.Found(
        containers={"demo-client": ""},
        running=frozenset(),
        networks={"demo-inside": ""},
        volumes={"demo-old-data": ""},
    )
    assert plans.plan_absent(found).lines() == [
        "remove container demo-client",
        "remove network demo-inside",
        "remove volume demo-old-data",
    ]


def test_names_of_others_are_told_and_not_taken() -> None:
    networks, containers = parsed()
    empty = plans.Found(containers={}, running=frozenset(), networks={}, volumes={})
    plan = plans.plan_present(empty, networks.values(), containers)
    others = {"container demo-router", "volume demo-client-data", "network elsewhere", "container demo-inside"}
    assert plans.names_in_use(plan, others) == ["volume demo-client-data", "container demo-router"]


def test_files_of_a_host() -> None:
    assert declared.host_files("client", HOSTS["client"]) == {
        "/etc/hosts": (
            "127.0.0.1 localhost\n"
            "::1 localhost ip6-localhost ip6-loopback\n"
            "10.77.20.11 client.corp.example client\n"
            "fd77:20::11 client.corp.example client\n"
            "198.51.100.10 ftps.example ftps\n"
        ),
        "/etc/resolv.conf": "search corp.example\nnameserver 10.77.20.1\n",
        "/etc/lab/routes": "default via 10.77.20.1\ndefault via fd77:20::1\n",
    }


def test_a_host_has_no_resolver_and_no_way_out_unless_declared() -> None:
    files = declared.host_files("router", HOSTS["router"])
    assert files["/etc/resolv.conf"] == ""
    assert files["/etc/lab/routes"] == ""


def test_archive_holds_the_files() -> None:
    _, containers = parsed()
    with tarfile.open(fileobj=io.BytesIO(containers[0].archive())) as archive:
        member = archive.getmember("etc/lab/routes")
        content = archive.extractfile(member)
        assert content is not None
        assert content.read() == b"default via 10.77.20.1\ndefault via fd77:20::1\n"
        assert (member.uid, member.gid, member.mode) == (0, 0, 0o644)


def test_commands() -> None:
    networks, containers = parsed()
    client, router = (container.create_command("demo", ["--ulimit", "nofile=9:9"]) for container in containers)
    assert networks["inside"].create_command("demo") == [
        "network",
        "create",
        "--internal",
        "--disable-dns",
        "--label",
        "ftps-exchange.lab=demo",
        "--label",
        f"ftps-exchange.lab.definition={networks['inside'].digest}",
        "--ipv6",
        "--subnet",
        "10.77.20.0/24",
        "--subnet",
        "fd77:20::/64",
        "demo-inside",
    ]
    assert "--ipv6" not in networks["outside"].create_command("demo")
    assert client[:3] == ["create", "--name", "demo-client"]
    assert client[-1] == "image:1"
    assert "ftps-exchange.lab=demo" in client
    hardware = declared.hardware_address("demo-inside", "client")
    assert f"demo-inside:ip=10.77.20.11,ip=fd77:20::11,mac={hardware},interface_name=inside" in client
    assert "demo-client-data:/srv/data" in client
    assert "nofile=9:9" in client
    assert "--privileged" not in client
    # Forwarding is inherited from the machine otherwise
    assert "net.ipv4.ip_forward=0" in client
    assert "net.ipv4.ip_forward=1" in router
    assert "net.ipv6.conf.all.forwarding=0" in router


@pytest.mark.parametrize(
    ("networks", "hosts", "told"),
    [
        ({"Inside": {"ip4": "10.0.0.0/24"}}, {}, "network 'Inside'"),
        ({"averyveryverylongname": {"ip4": "10.0.0.0/24"}}, {}, "1 to 15 characters"),
        ({"inside": {"ip4": "10.0.0.1/24"}}, {}, "network inside, ip4: 10.0.0.1/24 has host bits set"),
        ({"inside": {"ip4": "fd00::/64"}}, {}, "network inside, ip4: fd00::/64 is IPv6"),
        ({"inside": {"ipv4": "10.0.0.0/24"}}, {}, "unknown key ipv4; known are ip4, ip6"),
        ({"inside": {}}, {}, "give it a subnet"),
        (NETWORKS, {"client": {"networks": {"office": []}}}, "network office is not declared; declared are inside"),
        (NETWORKS, {"client": {"networks": {"inside": ["10.1.1.1"]}}}, "10.1.1.1 is in no subnet of network inside"),
        (NETWORKS, {"client": {"networks": {"inside": ["ten"]}}}, "host client, network inside: 'ten'"),
        (NETWORKS, {"client": {"gateway": []}}, "host client: unknown key gateway; known are"),
        (NETWORKS, {"-x": {}}, "host '-x'"),
    ],
)
def test_a_wrong_definition_is_told(networks: dict[str, Any], hosts: dict[str, Any], told: str) -> None:
    with pytest.raises(declared.LabError) as error:
        parsed(networks, hosts)
    assert told in str(error.value)


def test_runtime_is_podmans_own_with_cgroups_of_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/sbin/{name}")
    controllers = tmp_path / "cgroup.controllers"
    assert podman.runtime_arguments(controllers) == ["--runtime", "runc"]
    controllers.touch()
    assert podman.runtime_arguments(controllers) == []


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ("000001ffffffffff", []),
        ("000001fffeffffff", ["--ulimit", "nproc=32768:32768", "--ulimit", "nofile=20000:20000"]),
    ],
)
def test_limits_are_lowered_only_where_they_cannot_be_raised(capabilities: str, expected: list[str]) -> None:
    status = f"Name:\tpython3\nCapInh:\t0000000000000000\nCapEff:\t{capabilities}\n"
    assert podman.limit_arguments(status, 20000, 96365) == expected


def test_limits_never_exceed_those_of_the_process() -> None:
    status = "CapEff:\t0000000000000000\n"
    assert podman.limit_arguments(status, -1, -1) == ["--ulimit", "nproc=32768:32768"]
    assert podman.limit_arguments(status, 1024, 500) == ["--ulimit", "nproc=500:500", "--ulimit", "nofile=1024:1024"]


def test_one_failure_of_many_is_told_in_full() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        if item % 2:
            raise declared.LabError(f"item {item} failed")

    with pytest.raises(declared.LabError, match=r"^item 1 failed \(and 1 more failed\)$"):
        podman.everywhere(work, [0, 1, 2, 3])
    assert sorted(done) == [0, 1, 2, 3]
    podman.everywhere(work, [])


def test_a_host_keeps_its_hardware_address_and_shares_it_with_nobody() -> None:
    addresses = {
        declared.hardware_address(network, host)
        for network in ("demo-inside", "demo-outside", "other-inside")
        for host in ("client", "router")
    }
    assert len(addresses) == 6
    assert declared.hardware_address("demo-inside", "client") in addresses
    # Locally administered, and of one station
    assert {address[:3] for address in addresses} == {"02:"}
