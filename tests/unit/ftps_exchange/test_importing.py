"""From a table as people have it to customer files, or to a reason for each cell that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ftps_exchange.errors import ExchangeError
from ftps_exchange.importing import cells, run
from ftps_exchange.importing.columns import HEADINGS, LISTS, column_of
from ftps_exchange.importing.run import Import, plan, write
from ftps_exchange.importing.table import parse, read_table
from ftps_exchange.importing.text import customer_text
from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError, Problem, RefusedError
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory

HEADER = "customer;sources;account;access;shares\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    inventory = Inventory(tmp_path)
    inventory.check()
    return inventory


def imported(inventory: Inventory, text: str | bytes) -> Import:
    data = text.encode() if isinstance(text, str) else text
    return plan(parse(data, Path("t.csv")), EXCHANGE, inventory.customers, source="t.csv")


def reasons(done: Import) -> list[str]:
    return [refusal.text() for one in done.refused for refusal in one.refusals]


def test_a_customer_with_several_rows_becomes_one_file_that_reads_well(inventory: Inventory) -> None:
    done = imported(
        inventory,
        "Firma;IP-Adressen;Ansprechpartner;E-Mail;Telefon;Firewall;Sprache;Benutzer;Zugriff;gültig bis;Freigaben\n"
        "Müller & Söhne;203.0.113.5, 203.0.113.16-203.0.113.31;Uwe M.;uwe@m.example;+49 30 1;FortiGate;Deutsch;"
        "mueller-up;schreiben;31.12.2027;maps:read\n"
        "Müller & Söhne;2001:db8:5::/48;;;;;;mueller-read;lesen;;dropbox:rw\n",
    )
    assert reasons(done) == []
    assert done.files == {
        "mueller-soehne": (
            "---\n"
            "# Imported from t.csv, rows 2 and 3.\n"
            "state: present\n"
            'contact: {name: Uwe M., email: uwe@m.example, phone: "+49 30 1"}\n'
            'sources: [203.0.113.5/32, 203.0.113.16/28, "2001:db8:5::/48"]\n'
            "firewall: fortigate\n"
            "language: de\n"
            "accounts:\n"
            "  - {name: mueller-up, access: write, expires: 2027-12-31}\n"
            "  - {name: mueller-read, access: read}\n"
            "shares:\n"
            "  - {name: maps, access: read}\n"
            "  - {name: dropbox, access: write}\n"
        )
    }
    write(done, inventory.customers)
    names = [customer["name"] for customer in check_model(EXCHANGE, inventory.customers)["customers"]]
    assert names == ["acme", "globex", "mueller-soehne"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_save(inventory: Inventory, encoding: str, separator: str) -> None:
    lines = [["Company", "Source IP", "Login", "Right"], ["Café", '"203.0.113.5, 203.0.113.7"', "cafe-up", "rw"]]
    text = "\r\n".join(separator.join(line) for line in lines) + "\r\n"
    done = imported(inventory, text.encode(encoding))
    assert reasons(done) == []
    assert yaml.safe_load(done.files["cafe"]) == {
        "state": "present",
        "contact": {"name": "Café"},
        "sources": ["203.0.113.5/32", "203.0.113.7/32"],
        "accounts": [{"name": "cafe-up", "access": "write"}],
    }
    assert bool(done.notes) == (encoding == "cp1252")


def test_a_line_for_spreadsheets_names_the_separator_and_is_no_row(inventory: Inventory) -> None:
    done = imported(inventory, "sep=|\ncustomer|sources|account|access\nbeta|203.0.113.5|beta-up|wrong\n")
    assert reasons(done)[0].startswith("row 2, column 'access', value 'wrong': is neither read nor write.")


def test_rows_are_counted_as_a_spreadsheet_counts_them(inventory: Inventory) -> None:
    done = imported(inventory, HEADER + '\nbeta;"203.0.113.5\n203.0.113.6";beta-up;write;\ngamma;x;gamma-up;write;\n')
    assert reasons(done)[0].startswith("row 4, column 'sources', value 'x': is a name. Write addresses")
    assert list(done.files) == ["beta"]


def test_every_cell_that_is_wrong_is_named_in_one_run_and_nothing_of_the_customer_is_imported(
    inventory: Inventory,
) -> None:
    done = imported(
        inventory,
        "customer;sources;account;access;expires;shares;firewall\n"
        "beta;203.0.113.99/24;beta-up;maybe;03/04/2027;plans:read;checkpoint\n"
        "delta;203.0.113.5;delta-up;write;;maps:read;\n",
    )
    assert list(done.files) == ["delta"]
    found = {(refusal.row, refusal.column, refusal.value) for one in done.refused for refusal in one.refusals}
    assert found == {
        (2, "access", "'maybe'"),
        (2, "expires", "'03/04/2027'"),
        (2, "firewall", "'checkpoint'"),
        (2, "shares", "'plans'"),
        (2, "sources", "'203.0.113.99/24'"),
    }


def test_customers_must_agree_with_existing_ones_and_with_each_other(inventory: Inventory) -> None:
    done = imported(
        inventory,
        HEADER
        + "beta;198.51.100.20;beta-up;write;\n"  # an address of acme
        + "gamma;203.0.113.64/28;globex-up;write;\n"  # an account of globex
        + "delta;203.0.113.80/28;delta-up;write;\n"
        + "epsilon;203.0.113.81;epsilon-up;write;\n",  # within delta's
    )
    assert list(done.files) == ["delta"]
    assert [(one.customer, len(one.refusals)) for one in done.refused] == [("beta", 1), ("gamma", 1), ("epsilon", 1)]
    assert "overlaps" in reasons(done)[0]
    assert "globex.yml" in reasons(done)[1]
    assert "row 5, column 'sources', value '203.0.113.81/32': overlaps 203.0.113.80/28" in reasons(done)[2]


def test_a_new_network_around_an_existing_one_is_refused(inventory: Inventory) -> None:
    """The model reports the narrower network, which is the existing customer's."""
    done = imported(inventory, HEADER + "beta;198.51.100.20/31;beta-up;write;\n")
    assert done.files == {}
    assert "does not go together with customers/acme.yml: sources[0]" in reasons(done)[0]


def test_nothing_is_overwritten(inventory: Inventory) -> None:
    before = (inventory.customers / "globex.yml").read_bytes()
    done = imported(inventory, HEADER + "Globex;203.0.113.5;globex-up;write;\n")
    assert done.files == {}
    assert "has a file already (customers/globex.yml), and differs in" in reasons(done)[0]
    write(done, inventory.customers)
    assert (inventory.customers / "globex.yml").read_bytes() == before


def test_a_file_that_appears_meanwhile_stays(inventory: Inventory) -> None:
    done = imported(inventory, HEADER + "beta;203.0.113.5;beta-up;write;\n")
    (inventory.customers / "beta.yml").write_text("mine")
    with pytest.raises(FileExistsError):
        write(done, inventory.customers)
    assert (inventory.customers / "beta.yml").read_text() == "mine"


def test_a_second_import_changes_nothing_and_refuses_nothing(inventory: Inventory) -> None:
    table = HEADER + "Beta Ltd;203.0.113.5;beta-up:write, beta-read:read;;maps:read\n"
    write(imported(inventory, table), inventory.customers)
    again = imported(inventory, table)
    assert (again.files, again.unchanged, reasons(again)) == ({}, ["beta-ltd"], [])


def test_a_broken_inventory_is_reported_before_anything_else(inventory: Inventory) -> None:
    inventory.write("broken.yml", "state: [")
    with pytest.raises(ModelError, match=r"broken\.yml"):
        imported(inventory, HEADER + "beta;203.0.113.5;beta-up;write;\n")


def test_a_problem_of_no_single_customer_stops_the_import(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the next check would find the same, the import must not try again."""

    def too_many(*_: object) -> list[Problem]:
        return [Problem("exchange.yml", "exchange", None, "has too many customers.", "Remove some.")]

    monkeypatch.setattr(run, "_problems", too_many)
    with pytest.raises(ModelError, match="has too many customers"):
        imported(inventory, HEADER + "initech;198.51.100.40;initech-up;write;\n")


def test_passwords_are_neither_read_nor_shown(inventory: Inventory) -> None:
    done = imported(inventory, "customer,sources,account,access,password\nbeta,203.0.113.5,beta-up,write,s3cret-word\n")
    assert "s3cret" not in done.report(source="t.csv", check_mode=False) + "".join(done.files.values())
    assert "no secret stands in a customer file" in done.notes[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (";203.0.113.5;beta-up;write;", "row 2: names no customer."),
        ("beta;203.0.113.5;;write;", "column 'access', value 'write': stands in a row without an account."),
        ("beta;203.0.113.5;beta-up;write;maps", "says nothing of the access to maps."),
        ("beta;;beta-up;write;", "has no 'sources'."),
        ("../../evil;203.0.113.5;beta-up;write;maps:read;x", "has more cells than the header."),
        ("x" * 40 + ";203.0.113.5;beta-up;write;", "is 40 characters long."),
        ("beta;203.0.113.5;Beta-Up;write;", "value 'Beta-Up': has upper-case letters."),
        ("beta;203.0.113.5;beta-up;;", "access is missing."),
    ],
)
def test_reasons(inventory: Inventory, row: str, reason: str) -> None:
    done = imported(inventory, f"{HEADER}{row}\n")
    assert done.files == {}
    assert any(reason in line for line in reasons(done)), reasons(done)


def test_two_companies_never_share_a_file(inventory: Inventory) -> None:
    done = imported(inventory, HEADER + "Müller;203.0.113.5;a-up;write;\nMueller;203.0.113.6;b-up;write;\n")
    assert done.files == {}
    assert "would have the same file as 'Müller' in row 2: mueller.yml." in reasons(done)[0]


def test_the_rows_of_a_customer_agree(inventory: Inventory) -> None:
    head = "customer;sources;account;access;phone\n"
    done = imported(inventory, f"{head}beta;203.0.113.5;b-up;write;1\nbeta;;b-read;read;2\n")
    assert reasons(done) == [
        "row 3, column 'phone', value '2': differs from row 2 of the same customer ('1'). Give one value."
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"PK\x03\x04rest", "is a workbook, not text"),
        (b"a\0b", "contains zero bytes"),
        (b" \n\n", "is empty"),
        (b'customer;sources\n"beta;1', "is no CSV"),
    ],
)
def test_what_is_no_table(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(ExchangeError, match=problem):
        read_table(tmp_path / "t.csv")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"CSV = .*No such file"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("198.51.100.0 255.255.255.0", ["198.51.100.0/24"]),
        ("198.51.100.5;198.51.100.6\n198.51.100.5", ["198.51.100.5/32", "198.51.100.6/32"]),
        ("198.51.100.1 - 198.51.100.2", ["198.51.100.1/32", "198.51.100.2/32"]),
        ("198.51.100.9-198.51.100.2", ["198.51.100.9-198.51.100.2"]),
        ("2001:DB8::/32", ["2001:db8::/32"]),
        ("198.51.100.1-", ["198.51.100.1-"]),
        ("198.51.100.1/24", ["198.51.100.1/24"]),
        ("any", ["any"]),
    ],
)
def test_networks(text: str, found: list[str]) -> None:
    assert cells.networks(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2027-3-4", "2027-03-04"),
        ("31.12.2027", "2027-12-31"),
        ("31/12/2027", "2027-12-31"),
        ("12/31/2027", "2027-12-31"),
    ],
)
def test_days(text: str, found: str) -> None:
    assert cells.day(text) == found


@pytest.mark.parametrize("text", ["3/4/2027", "31.02.2027", "soon", "46752"])
def test_days_that_are_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        cells.day(text)


def test_headings() -> None:
    assert column_of("  Source-IP 2 ") == "sources"
    assert column_of("E-Mail") == "email"
    assert column_of("Email 2") is None, "one value only"
    assert column_of("") is None
    everything = [heading for headings in HEADINGS.values() for heading in headings]
    assert len(everything) == len(set(everything))
    assert HEADINGS.keys() >= LISTS


@pytest.mark.parametrize(
    "text", ["yes", "0123", "a: b", "#x", "Jo, Doe", "- x", "{x}", 'he said "no"', "2027-01-01", "ü"]
)
def test_texts_stay_texts(text: str) -> None:
    content: dict[str, Any] = {"contact": {"name": text}}
    assert yaml.safe_load(customer_text(content, "x")) == content


def test_editors_find_the_schema_as_in_the_neighbours(inventory: Inventory) -> None:
    line = "# yaml-language-server: $schema=../x.json"
    inventory.write("acme.yml", f"{line}\nstate: absent\n")
    done = imported(inventory, HEADER + "beta;203.0.113.5;beta-up;write;\n")
    assert done.files["beta"].startswith(f"{line}\n---\n# Imported from t.csv, row 2.\n")


def test_many_networks_stand_below_each_other() -> None:
    text = customer_text({"sources": [f"203.0.113.{number}/32" for number in range(20)]}, "x")
    assert "sources:\n  - 203.0.113.0/32\n" in text
