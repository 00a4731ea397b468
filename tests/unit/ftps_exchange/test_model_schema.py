"""The published JSON Schemas: up to date, complete, and of one mind with the model about real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from ftps_exchange import schema
from ftps_exchange.model.check import check_model
from tests.unit.ftps_exchange.model_inputs import ACME, EXCHANGE, GLOBEX, changed

INVENTORIES = ("lab", "example_linux", "example_windows")


class _PlainDates(yaml.SafeLoader):
    """Reads a date as text, as editors do (JSON has no dates)."""


_PlainDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=_PlainDates)  # noqa: S506 - a safe loader


def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema.schemas()[name])


def test_the_published_files_are_up_to_date(project: Path) -> None:
    for name, text in schema.texts().items():
        published = project / "docs" / "schema" / name
        assert published.read_text() == text, "run: python -m ftps_exchange.schema docs/schema"


def test_the_command_writes_them(tmp_path: Path) -> None:
    assert schema.main([str(tmp_path / "new")]) == 0
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == schema.texts()
    assert schema.main([]) == 2


@pytest.mark.parametrize("name", ["customer.schema.json", "exchange.schema.json"])
def test_every_key_is_described_and_no_other_is_allowed(name: str) -> None:
    document = schema.schemas()[name]
    jsonschema.Draft202012Validator.check_schema(document)
    objects = [document, *document["$defs"].values()]
    for part in objects:
        if part is document and name.startswith("exchange"):
            continue  # a file of group variables may have others
        assert part["additionalProperties"] is False
        assert all(field.get("description") for field in part["properties"].values())


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_the_inventories_that_come_with_the_project_are_valid(project: Path, inventory: str) -> None:
    base = project / "inventories" / inventory
    exchange = _load(base / "group_vars" / "all" / "exchange.yml")
    _validator("exchange.schema.json").validate(exchange)
    for path in (base / "customers").iterdir():
        _validator("customer.schema.json").validate(_load(path))
    model = check_model(exchange["exchange"], base / "customers")
    assert model["notes"] == []
    assert {customer["state"] for customer in model["customers"]} >= {"present", "absent"}


def test_editors_are_told_which_file_follows_which_schema(project: Path) -> None:
    settings = json.loads((project / ".vscode" / "settings.json").read_text())
    for target, pattern in settings["yaml.schemas"].items():
        assert (project / target).is_file()
        files = list(project.glob(pattern))
        assert files
        for file in files:
            first = file.read_text().splitlines()[0]
            reference = first.removeprefix("# yaml-language-server: $schema=")
            assert (file.parent / reference).resolve() == (project / target).resolve()


WRONG_CUSTOMERS = [
    changed(ACME, ("state",), "gone"),
    changed(ACME, ("stat",), "present"),
    changed(ACME, ("sources",), []),
    changed(ACME, ("sources",), ...),
    changed(ACME, ("sources", 0), "vpn.acme.example"),
    changed(ACME, ("accounts",), ...),
    changed(ACME, ("accounts", 0, "name"), "Acme"),
    changed(ACME, ("accounts", 0, "name"), "x" * 21),
    changed(ACME, ("accounts", 0, "access"), "full"),
    changed(ACME, ("accounts", 0, "expires"), "soon"),
    changed(ACME, ("shared_exit",), "yes"),
    changed(ACME, ("firewall",), "other"),
]


@pytest.mark.parametrize("customer", WRONG_CUSTOMERS)
def test_editors_show_what_one_file_can_tell(customer: dict[str, Any]) -> None:
    assert not _validator("customer.schema.json").is_valid(customer)


@pytest.mark.parametrize("customer", [ACME, GLOBEX, {"state": "absent"}, changed(ACME, ("contact",), None)])
def test_editors_do_not_complain_about_good_customers(customer: dict[str, Any]) -> None:
    _validator("customer.schema.json").validate(customer)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("public_ip",), "x"),
        (("explicit_port",), "21"),
        (("explicit_port",), 70000),
        (("passive_ports",), [1, 2]),
        (("passive_ports",), [50000]),
        (("fqdn",), "FTPS"),
        (("directory", "group_prefix"), "ftpsx"),
        (("tls_minimum_version",), 1.2),
        (("tls_maximum_version",), "1.4"),
    ],
)
def test_editors_show_wrong_settings(path: tuple[str, ...], value: Any) -> None:
    assert not _validator("exchange.schema.json").is_valid({"exchange": changed(EXCHANGE, path, value)})


def test_other_variables_may_stand_beside_the_service() -> None:
    _validator("exchange.schema.json").validate({"exchange": EXCHANGE, "other": 1})
