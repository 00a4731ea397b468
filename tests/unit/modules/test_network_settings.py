"""network_settings: parameters of several files, local networks, and a host that would lose its route."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.network.local_networks import RouteError
from ansible_collections.ftps.exchange.plugins.module_utils.network.parameters import Kernel
from ansible_collections.ftps.exchange.plugins.modules import network_settings as module

FORWARD = "net.ipv4.ip_forward"
REDIRECTS = "net.ipv4.conf.*.send_redirects"
ANNOUNCED = "default via fe80::1 dev eth0 proto ra metric 1024 expires 1790sec"


class Host:
    """Parameters in a folder, and what `ip` says."""

    def __init__(self, root: Path, announced: str = "") -> None:
        self.root, self.announced = root, announced
        self.added: list[str] = []
        for name in ("ip_forward", "conf/all/send_redirects"):
            file = root / "proc/net/ipv4" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("1\n" if "redirects" in name else "0\n")

    def run(self, command: Sequence[str]) -> tuple[int, str, str]:
        if "ra" in command:
            return 0, f"{self.announced}\n", ""
        if "show" in command:
            return 0, "[]", ""
        self.added.append(command[5])
        return 0, "", ""

    def apply(self, *, has_ip: bool = True, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        files = {"one": {FORWARD: 1}, "two": {REDIRECTS: 0}}
        asked = {
            "parameters": [
                {"path": str(self.root / name), "values": values, "number_lists": {}, "optional": []}
                for name, values in files.items()
            ],
            "local_networks": ["240.0.0.0/4"],
            "fixed_routes": True,
            "fixed_routes_setting": "edge_router_advertisements",
        }
        kernel = Kernel(self.root / "proc")
        return module.apply(self.run, asked | changes, kernel, has_ip=has_ip, check_mode=check_mode)

    def untouched(self) -> bool:
        """Nothing was written, in the kernel or in a file."""
        return (
            (self.root / "proc/net/ipv4/ip_forward").read_text() == "0\n"
            and not (self.root / "one").exists()
            and self.added == []
        )


def test_all_files_and_networks_in_one_call(tmp_path: Path) -> None:
    host = Host(tmp_path)
    result = host.apply()
    assert result["changed"]
    assert result["set"] == [FORWARD, "net/ipv4/conf/all/send_redirects"]
    assert result["added"] == host.added == ["240.0.0.0/4"]
    assert f"{FORWARD} = 1\n" in (tmp_path / "one").read_text()
    assert f"{REDIRECTS} = 0\n" in (tmp_path / "two").read_text()
    assert not host.apply(local_networks=[])["changed"]


def test_check_mode_predicts_and_changes_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    result = host.apply(check_mode=True)
    assert result["changed"]
    assert result["added"] == ["240.0.0.0/4"]
    assert "240.0.0.0/4" in result["diff"][-1]["after"]
    assert host.untouched()


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_host_that_would_lose_its_route_is_refused_before_anything_changes(tmp_path: Path, check_mode: bool) -> None:
    host = Host(tmp_path, announced=ANNOUNCED)
    with pytest.raises(RouteError, match=r"fe80::1 dev eth0.*set edge_router_advertisements to true"):
        host.apply(check_mode=check_mode)
    assert host.untouched()
    # Where they stay allowed, there is nothing to lose
    assert host.apply(fixed_routes=False, check_mode=check_mode)["changed"]


def test_what_is_no_network_is_refused_before_anything_changes(tmp_path: Path) -> None:
    host = Host(tmp_path)
    with pytest.raises(RouteError, match="without host bits"):
        host.apply(local_networks=["240.0.0.1/4"])
    assert host.untouched()


def test_before_the_package_is_there_only_check_mode_goes_on(tmp_path: Path) -> None:
    host = Host(tmp_path, announced=ANNOUNCED)
    assert host.apply(has_ip=False, check_mode=True)["added"] == ["240.0.0.0/4"]
    with pytest.raises(RouteError, match="install the package iproute2"):
        host.apply(has_ip=False)
