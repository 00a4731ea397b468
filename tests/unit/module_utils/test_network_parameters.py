"""Kernel parameters: the running kernel and the next boot, and other owners of a list of ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.network import parameters as module
from ansible_collections.ftps.exchange.plugins.module_utils.network.parameters import Kernel, ParameterError

FORWARD = "net.ipv4.ip_forward"
RESERVED = "net.ipv4.ip_local_reserved_ports"


class Machine:
    def __init__(self, root: Path) -> None:
        self.proc, self.path = root / "proc", root / "etc" / "90-exchange.conf"
        for name, value in {FORWARD: "0", RESERVED: "8080,9148"}.items():
            file = self.proc.joinpath(*name.split("."))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
        self.kernel = Kernel(self.proc)

    def apply(self, check_mode: bool = False, optional: tuple[str, ...] = (), **parameters: Any) -> dict[str, Any]:
        values, lists = parameters.get("values", {}), parameters.get("number_lists", {})
        return module.apply(self.kernel, self.path, values, lists, optional, check_mode)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_sets_what_differs_now_and_for_the_next_boot(machine: Machine) -> None:
    result = machine.apply(values={FORWARD: 1})
    assert (result["changed"], result["set"]) == (True, [FORWARD])
    assert machine.kernel.get(FORWARD) == "1"
    assert machine.path.read_text() == f"{module.HEADER}{FORWARD} = 1\n"
    assert not machine.apply(values={FORWARD: 1})["changed"]


@pytest.mark.parametrize("drift", ["kernel", "file"])
def test_drift_is_repaired(machine: Machine, drift: str) -> None:
    machine.apply(values={FORWARD: True})
    if drift == "kernel":
        machine.kernel.set(FORWARD, "0")
    else:
        machine.path.unlink()
    assert machine.apply(values={FORWARD: True})["changed"]
    assert machine.kernel.get(FORWARD) == "1"
    assert f"{FORWARD} = 1\n" in machine.path.read_text()


def test_check_mode_predicts_and_changes_nothing(machine: Machine) -> None:
    result = machine.apply(check_mode=True, values={FORWARD: 1})
    assert result["changed"]
    assert result["diff"][0]["before"] == f"{FORWARD} = 0\n"
    assert machine.kernel.get(FORWARD) == "0"
    assert not machine.path.exists()


def test_numbers_of_others_stay_and_our_old_ones_go(machine: Machine) -> None:
    machine.apply(number_lists={RESERVED: "50000-50099"})
    assert machine.kernel.get(RESERVED) == "8080,9148,50000-50099"
    assert not machine.apply(number_lists={RESERVED: "50000-50099"})["changed"]
    machine.apply(number_lists={RESERVED: "50050-50199"})
    assert machine.kernel.get(RESERVED) == "8080,9148,50050-50199"
    assert machine.path.read_text() == f"{module.HEADER}{module.OURS}50050-50199\n{RESERVED} = 8080,9148,50050-50199\n"


@pytest.mark.parametrize(
    ("text", "kernel"), [("", ""), ("3,1,2", "1-3"), ("5-7, 8 ,10", "5-8,10"), ("1-1", "1"), ("1-4,2-3", "1-4")]
)
def test_numbers_are_written_as_the_kernel_does(text: str, kernel: str) -> None:
    assert module.format_numbers(module.parse_numbers(text)) == kernel


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ParameterError, match="'x' is neither a number nor a range"):
        module.parse_numbers("1,x")


def test_a_parameter_that_the_kernel_lacks(machine: Machine) -> None:
    with pytest.raises(ParameterError, match=r"no parameter net\.x\.y"):
        machine.apply(values={"net.x.y": 0})
    result = machine.apply(values={"net.x.y": 0, FORWARD: 0}, optional=("net.x.y",))
    assert result["set"] == []
    assert "net.x.y" not in machine.path.read_text()


def test_what_is_right_is_not_written_where_it_could_not_be(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", read_only)
    machine.apply(values={FORWARD: 0})
    with pytest.raises(ParameterError, match=r"cannot be set: Read-only file system.*--sysctl net\.ipv4\.ip_forward=1"):
        machine.apply(values={FORWARD: 1})
    assert f"{FORWARD} = 0\n" in machine.path.read_text()


def test_a_pattern_holds_for_each_interface_also_one_with_a_dot_in_its_name(machine: Machine) -> None:
    for interface in ("all", "default", "eth0.100"):
        file = machine.proc / "net/ipv4/conf" / interface / "send_redirects"
        file.parent.mkdir(parents=True)
        file.write_text("1\n")
    pattern = "net.ipv4.conf.*.send_redirects"
    result = machine.apply(values={pattern: 0})
    assert result["set"] == [
        f"net/ipv4/conf/{interface}/send_redirects" for interface in ("all", "default", "eth0.100")
    ]
    assert (machine.proc / "net/ipv4/conf/eth0.100/send_redirects").read_text() == "0\n"
    # As sysctl.d(5) has it, so that it holds for interfaces to come
    assert f"{pattern} = 0\n" in machine.path.read_text()
    assert not machine.apply(values={pattern: 0})["changed"]


def test_a_pattern_that_nothing_matches_is_an_error_unless_it_is_optional(machine: Machine) -> None:
    pattern = "net.ipv6.conf.*.accept_ra"
    with pytest.raises(ParameterError, match="has no parameter"):
        machine.apply(values={pattern: 0})
    assert not machine.apply(values={pattern: 0}, optional=(pattern,), check_mode=True)["set"]
