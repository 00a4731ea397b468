"""Generated customers are valid, disjoint, and the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import generate
from ftps_exchange.model import check_model
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory


def test_generated_customers_are_valid_beside_real_ones(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path)
    inventory.check()
    assert generate.main(["300", str(inventory.customers)]) == 0
    model = check_model(EXCHANGE, inventory.customers)
    assert len(model["customers"]) == 302
    assert model["notes"] == []
    generated = [customer for customer in model["customers"] if customer["name"].startswith("gen")]
    assert len(generated) == 300
    assert all(customer["sources4"] and customer["sources6"] and customer["accounts"] for customer in generated)
    assert {len(customer["accounts"]) for customer in generated} == {1, 2}


def test_the_same_number_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate.main(["20", str(tmp_path / name), "--first", "7", "--share", "maps:write", "--prefix", "x"])
    one, two = ({path.name: path.read_text() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert sorted(one)[0] == "x00007.yml"
    assert "{name: maps, access: write}" in one["x00007.yml"]


def test_the_last_customer_has_addresses_too(tmp_path: Path) -> None:
    last = generate.MAXIMUM - 1
    (tmp_path / f"{generate.customer_name(0)}.yml").write_text(generate.customer_file(0, []))
    (tmp_path / f"{generate.customer_name(last)}.yml").write_text(generate.customer_file(last, []))
    model = check_model(EXCHANGE, tmp_path)
    assert model["customers"][1]["sources6"] == ["2001:2:0:ffff::/64"]
    assert model["customers"][1]["sources4"] == ["198.18.255.255/32"]


@pytest.mark.parametrize(
    "arguments", [["-1"], ["65537"], ["2", "--first", "65535"], ["1", "--share", "maps"], ["1", "--prefix", "x" * 11]]
)
def test_impossible_orders_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        generate.main([arguments[0], str(tmp_path), *arguments[1:]])
    assert list(tmp_path.iterdir()) == []
