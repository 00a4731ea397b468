"""The settings of the service: what is refused, in which words, and what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory, changed

Path_ = tuple[str | int, ...]


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def test_what_is_valid_comes_out_unchanged(inventory: Inventory) -> None:
    assert inventory.check()["exchange"] == EXCHANGE


def test_defaults_are_filled_in(inventory: Inventory) -> None:
    inventory.exchange = {
        "name": "lab",
        "fqdn": "ftps.exchange.example",
        "public_ip4": "198.51.100.10",
        "passive_ports": [50000, 50099],
        "directory": {
            "domain": "corp.example",
            "netbios_name": "CORP",
            "managed_ou": "ou=FTPS Exchange,dc=corp,dc=example",
        },
    }
    inventory.acme["shares"] = inventory.globex["shares"] = []
    assert inventory.check()["exchange"] == {
        **EXCHANGE,
        "public_ip6": None,
        "implicit_port": None,
        "shares": [],
    }


def test_more_ports_than_the_sessions_need_are_worth_a_note(inventory: Inventory) -> None:
    inventory.exchange["passive_ports"] = [50000, 50099]
    assert inventory.check()["notes"] == []
    inventory.exchange["passive_ports"] = [50000, 50100]
    (note,) = inventory.check()["notes"]
    assert "101 ports for 50 sessions" in note
    assert "[50000, 50099] is plenty" in note


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("implicit_port",), None),
        (("public_ip4",), None),
        (("public_ip4",), "203.0.113.77"),
        (("public_ip4",), "192.0.2.1"),
        (("public_ip6",), "3fff::1"),
        (("tls_maximum_version",), "1.3"),
        (("passive_ports",), [1025, 1074]),
        (("passive_ports",), [65486, 65535]),
        (("max_sessions",), 100),
        (("root",), "D:\\ftps-exchange"),
        (("root",), "/data/ftps"),
        (("directory", "managed_ou"), r"OU=Exchange\, FTPS,OU=Services,DC=corp,DC=example"),
        (("directory", "when_absent"), "delete"),
        (("directory", "group_prefix"), "a" * 19 + "-"),
        (("shares", 0), {"name": "maps"}),
        (("fqdn",), "a-1.xn--p1ai"),
    ],
)
def test_what_is_unusual_but_fine(inventory: Inventory, path: Path_, value: Any) -> None:
    inventory.exchange = changed(EXCHANGE, path, value)
    if path == ("public_ip4",) and value is None:
        inventory.globex["sources"] = ["2001:db8:100::30"]
    assert inventory.problems() == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # Types are never converted.
        (("explicit_port",), "21", "exchange.explicit_port = '21': is text, not a whole number."),
        (("explicit_port",), 21.0, "exchange.explicit_port = 21.0: is a number with a fraction, not a whole number."),
        (("explicit_port",), True, "exchange.explicit_port = true: is true or false, not a whole number."),
        (("explicit_port",), None, "exchange.explicit_port = null: is empty, not a whole number."),
        (("tls_minimum_version",), 1.2, "exchange.tls_minimum_version = 1.2: is not one of the choices. Use '1.2' or"),
        (("tls_minimum_version",), "1.1", "Use '1.2' or '1.3'."),
        (("tls_maximum_version",), 1.3, "exchange.tls_maximum_version = 1.3: is not one of the choices. Use '1.2' or"),
        (
            ("tls_minimum_version",),
            "1.3",
            "exchange.tls_minimum_version = '1.3': is newer than tls_maximum_version ('1.2', its default), so no "
            "version is left. Write '1.2', or set tls_maximum_version to '1.3' too. That has a cost: ",
        ),
        (
            ("language",),
            "it",
            "exchange.language = 'it': is not one of the choices. Use 'en', 'de', 'fr', 'nl' or 'es'.",
        ),
        (("name",), 5, "exchange.name = 5: is a number, not text. Put it in quotes."),
        (("shares",), {"maps": 1}, "exchange.shares = {'maps': 1}: is a mapping, not a list."),
        (("shares", 0), "maps", "exchange.shares[0] = 'maps': is text, not a mapping of keys to values."),
        (("directory",), [], "exchange.directory = []: is a list, not a mapping of keys to values. Give it as keys"),
        (("directory",), ..., "exchange.directory = None: is missing. Add it: The Active Directory domain"),
        # Unknown keys.
        (("public_ipv4",), "x", "exchange.public_ipv4 = 'x': is not a known key. Did you mean 'public_ip4'?"),
        (("passive_port",), [1, 2], "is not a known key. Did you mean 'passive_ports'?"),
        (("directory", "group_prefixx"), "x", "Did you mean 'group_prefix'?"),
        (("shares", 0, "descripton"), "x", "exchange.shares[0].descripton = 'x': is not a known key. Did you mean"),
        (("qqqqqq",), 1, "is not a known key. Remove it; known keys: name, fqdn, public_ip4,"),
        # Names.
        (("name",), "Lab", "exchange.name = 'Lab': is not usable as a short id."),
        (("name",), "a" * 21, "is not usable as a short id."),
        (("fqdn",), "ftps", "exchange.fqdn = 'ftps': is not fully qualified."),
        (("fqdn",), "FTPS.exchange.example", "has upper-case letters. Write 'ftps.exchange.example'."),
        (("fqdn",), "ftps.exchange.example.", "ends with a dot."),
        (("fqdn",), "ftps_1.exchange.example", "has the label 'ftps_1', which RFC 1123 does not allow."),
        (("fqdn",), "-a.example", "has the label '-a'"),
        (("fqdn",), f"{'a' * 64}.example", "RFC 1123 does not allow"),
        (("fqdn",), ".".join(["a" * 60] * 5), "is 304 characters long."),
        (("fqdn",), "198.51.100.10", "is an address, or ends in a number."),
        (("fqdn",), "corp.example", "is the name of the Active Directory domain"),
        (("directory", "domain"), "corp", "exchange.directory.domain = 'corp': is not fully qualified."),
        (("directory", "netbios_name"), "corp", "is not a NetBIOS domain name."),
        (("directory", "netbios_name"), "C" * 16, "is 16 characters long. Use the domain's own: 1 to 15"),
        (("directory", "netbios_name"), "BUILTIN", "is a name that Windows does not accept"),
        (("directory", "netbios_name"), "12345", "is a name that Windows does not accept"),
        (("directory", "managed_ou"), "FTPS Exchange", "has the part 'FTPS Exchange', which is not 'TYPE=value'."),
        (("directory", "managed_ou"), "OU=X, DC=corp, DC=example", "has spaces around ',' or '='."),
        (("directory", "managed_ou"), "CN=Users,DC=corp,DC=example", "is not an organisational unit of the domain."),
        (("directory", "managed_ou"), "DC=corp,DC=example", "is not an organisational unit of the domain."),
        (("directory", "managed_ou"), "OU=X,DC=corp,OU=Y,DC=example", "is not an organisational unit of the domain."),
        (("directory", "managed_ou"), "OU=X,DC=other,DC=example", "is in another domain than directory.domain"),
        (("directory", "managed_ou"), "OU=X", "End it with 'DC=corp,DC=example'"),
        (("directory", "managed_ou"), "OU=a+b,DC=corp,DC=example", "with a character that must be escaped."),
        (("directory", "managed_ou"), "OU=Domain Controllers,DC=corp,DC=example", "is, or lies in, the OU of the"),
        (("directory", "managed_ou"), "OU=x,OU=Domain Controllers,DC=corp,DC=example", "is, or lies in, the OU of the"),
        (("directory", "managed_ou"), f"OU={'x' * 65},DC=corp,DC=example", "more than 64 characters"),
        (("directory", "managed_ou"), f"{'OU=x,' * 90}DC=corp,DC=example", "characters long. Choose an OU nearer"),
        (("directory", "group_prefix"), "", "exchange.directory.group_prefix = '': is not usable"),
        (("directory", "group_prefix"), "ftpsx", "the last a '-': 'ftpsx-'."),
        (("directory", "group_prefix"), "a" * 20 + "-", "Give 2 to 20 lower-case letters"),
        (("directory", "when_absent"), "remove", "Use 'disable' or 'delete'."),
        (("directory", "password_max_age_days"), 0, "is below 1. Give a number from 1 on: Age in days (1 to 3650)"),
        (("directory", "password_max_age_days"), 4000, "is above 3650."),
        (("shares", 0, "name"), "Maps", "exchange.shares[0].name = 'Maps': has upper-case letters. Write 'maps'"),
        (("shares", 0, "name"), "../etc", "contains '/'. The name of a share has only lower-case letters"),
        (("shares", 0, "description"), "a\nb", "contains a line break or an invisible character."),
        (("shares", 0, "description"), "", "is blank"),
        (("removal_limit_percent",), 101, "is above 100."),
        # Addresses, family by family, and every kind of space that is not public.
        (("public_ip4",), "2001:db8:100::10", "is an IPv6 address. Move it to public_ip6, or write an IPv4 one."),
        (("public_ip6",), "198.51.100.10", "is an IPv4 address. Move it to public_ip4, or write an IPv6 one."),
        (("public_ip4",), "198.51.100.10/24", "has a prefix length."),
        (("public_ip6",), "fe80::1%eth0", "has a zone."),
        (("public_ip4",), "ftps.example", "is not an address."),
        (("public_ip4",), "198.51.100.010", "is not an address."),
        (("public_ip4",), "10.1.2.3", "lies in 10.0.0.0/8, which is private (RFC 1918)."),
        (("public_ip4",), "172.31.255.255", "which is private (RFC 1918)."),
        (("public_ip4",), "192.168.0.1", "which is private (RFC 1918)."),
        (("public_ip4",), "100.64.0.1", "which is shared behind a provider's NAT (RFC 6598)."),
        (("public_ip4",), "127.0.0.1", "which is loopback (RFC 1122)."),
        (("public_ip4",), "169.254.1.1", "which is link-local (RFC 3927)."),
        (("public_ip4",), "224.0.0.1", "which is multicast (RFC 5771)."),
        (("public_ip4",), "240.0.0.1", "which is reserved (RFC 1112) or broadcast (RFC 919)."),
        (("public_ip4",), "255.255.255.255", "broadcast (RFC 919)."),
        (("public_ip4",), "0.0.0.1", "which is 'this network' (RFC 1122)."),
        (("public_ip4",), "198.18.0.1", "which is for benchmarks (RFC 2544)."),
        (("public_ip6",), "fd00::1", "which is unique local, that is private (RFC 4193)."),
        (("public_ip6",), "fe80::1", "which is link-local (RFC 4291)."),
        (("public_ip6",), "::1", "which is loopback (RFC 4291)."),
        (("public_ip6",), "::", "which is the unspecified address (RFC 4291)."),
        (("public_ip6",), "ff02::1", "which is multicast (RFC 4291)."),
        (("public_ip6",), "::ffff:198.51.100.10", "which is an IPv4 address in IPv6 form (RFC 4291)"),
        (("public_ip6",), "64:ff9b::c633:640a", "which is a translated IPv4 address (RFC 6052)"),
        (("public_ip6",), "4000::1", "is outside 2000::/3"),
        # Ports. The rule: two numbers, 1025 to 65535, not the service's own ports, at least max_sessions of them.
        (("explicit_port",), 0, "is below 1."),
        (("explicit_port",), 65536, "is above 65535."),
        (("implicit_port",), 21, "exchange.implicit_port = 21: is also the explicit port."),
        (("passive_ports",), "50000-50099", "is not a list of two ports. Give the first and the last port"),
        (("passive_ports",), [], "is not a list of two ports."),
        (("passive_ports",), [50000], "is not a list of two ports."),
        (("passive_ports",), [50000, 50050, 50099], "is not a list of two ports."),
        (("passive_ports",), ["50000", "50099"], "contains something other than plain numbers."),
        (("passive_ports",), [50000.0, 50099], "contains something other than plain numbers."),
        (("passive_ports",), [50099, 50000], "is reversed, so it is empty. Write [50000, 50099]."),
        (("passive_ports",), [1024, 2000], "begins below 1025"),
        (("passive_ports",), [-5, 60000], "begins below 1025"),
        (("passive_ports",), [65000, 65536], "ends above 65535"),
        (("passive_ports",), [50000, 50048], "has 49 ports for 50 sessions (max_sessions)."),
        (("passive_ports",), [50000, 50000], "has 1 port for 50 sessions (max_sessions)."),
        (("passive_ports",), [65500, 65535], "a lower first port, or fewer sessions."),
        (("passive_ports",), [3000, 6000], "contains 3389 (Remote Desktop), 5985 (WinRM), 5986 (WinRM): open to every"),
        (("explicit_port",), 22, "is the port of SSH, which servers need themselves. Use another port (21)."),
        (("implicit_port",), 445, "is the port of SMB, which servers need themselves."),
        (("explicit_port",), 50001, "exchange.passive_ports = [50000, 50099]: contains explicit_port 50001."),
        (("implicit_port",), 50099, "contains implicit_port 50099."),
        (("max_sessions",), 101, "has 100 ports for 101 sessions (max_sessions)."),
        (("max_sessions",), 0, "is below 1."),
        (("max_sessions_per_account",), 51, "is more than max_sessions (50)."),
        # The root folder.
        (("root",), "/", "exchange.root = '/': is '/', ends with '/'"),
        (("root",), "srv/x", "is not an absolute path."),
        (("root",), "/srv/../etc", "has an empty, '.' or '..' part."),
        (("root",), "/srv/x/", "ends with '/'"),
        (("root",), "/srv", "belongs to the operating system"),
        (("root",), "/etc/ftps", "belongs to the operating system"),
        (("root",), "/var/lib/ftps-exchange/data", "belongs to the operating system"),
        (("root",), "/srv/ftps exchange", "has a character that is not safe in every tool."),
        (("root",), "/srv/ftps\x00", "has a character that is not safe in every tool."),
        (("root",), "/srv/" + "x" * 100, "is 105 characters long."),
        (("root",), "D:\\", "is a whole drive"),
        (("root",), "D:/ftps/data", "is not an absolute Windows path. Write 'D:\\ftps\\data'."),
        (("root",), "D:ftps", "is not an absolute Windows path."),
        (("root",), "C:\\Windows\\ftps", "belongs to the operating system"),
        (("root",), "C:\\Program Files\\ftps", "belongs to the operating system"),
        (("root",), "D:\\data\\nul", "has the name of a Windows device in it."),
        (("root",), "D:\\data\\a*b", "has a character that is not safe in a path."),
    ],
)
def test_one_wrong_setting_is_one_clear_problem(inventory: Inventory, path: Path_, value: Any, expected: str) -> None:
    inventory.exchange = changed(EXCHANGE, path, value)
    for customer in (inventory.acme, inventory.globex):
        customer["shares"] = []  # a broken share name must not be reported twice
    problem = inventory.only_problem()
    assert problem.startswith("group_vars/all/exchange.yml: exchange.")
    assert expected in problem


@pytest.mark.parametrize("key", ["max_sessions", "max_sessions_per_account", "explicit_port", "removal_limit_percent"])
def test_numbers_too_long_to_print(inventory: Inventory, key: str) -> None:
    inventory.exchange[key] = 10**5000
    assert f"exchange.{key} = an integer of 16610 bits: is " in inventory.only_problem()
    inventory.exchange = changed(EXCHANGE, ("passive_ports",), [10**5000, 10**5001])
    assert "ends above 65535" in inventory.only_problem()


@pytest.mark.parametrize("exchange", [None, [], "lab", 5, True, 1.5])
def test_a_service_that_is_no_mapping(inventory: Inventory, exchange: Any) -> None:
    inventory.exchange = exchange
    assert "not a mapping of keys to values" in inventory.only_problem()


def test_without_any_public_address(inventory: Inventory) -> None:
    inventory.exchange = changed(changed(EXCHANGE, ("public_ip4",), ...), ("public_ip6",), None)
    assert "exchange.public_ip4 = None: is missing, and so is public_ip6." in inventory.only_problem()


def test_shares_that_differ_only_in_case_are_the_same(inventory: Inventory) -> None:
    inventory.exchange["shares"].append({"name": "MAPS"})
    problems = inventory.problems()
    assert any("exchange.shares[2].name = 'MAPS': is also the name of shares[0]" in p for p in problems)
    assert any("has upper-case letters" in p for p in problems)


def test_rules_between_keys_are_told_beside_broken_keys(inventory: Inventory) -> None:
    inventory.exchange.update(name="No Good", passive_ports=[50000, 50009], implicit_port=21)
    problems = "\n".join(inventory.problems())
    for part in ("is not usable as a short id", "has 10 ports for 50 sessions", "is also the explicit port"):
        assert part in problems


EXCHANGE_FILE = """\
---
exchange:
  name: lab
  fqdn: ftps.exchange.example
  public_ip4: 198.51.100.10
  implicit_port: 21:22
  passive_ports: [50000, 50099]
  passive_ports: [50000, 50199]
  vaulted: !vault x
"""


def test_the_file_of_the_service_gives_lines_and_what_ansible_hides(inventory: Inventory) -> None:
    file = inventory.directory / "group_vars" / "all" / "exchange.yml"
    file.parent.mkdir(parents=True)
    file.write_text(EXCHANGE_FILE)
    # What Ansible makes of it: base 60, and the last of two keys.
    exchange = changed(changed(EXCHANGE, ("implicit_port",), 1282), ("max_sessions",), "50")
    with pytest.raises(ModelError) as raised:
        check_model(exchange, inventory.customers, exchange_file=file)
    told = {(p.field, p.line): p.message for p in raised.value.problems}
    assert {p.file for p in raised.value.problems} == {"group_vars/all/exchange.yml"}
    assert told["exchange.implicit_port", 6].startswith("is a number that YAML readers take differently")
    assert told["exchange.passive_ports", 8] == "is a duplicate."
    assert told["exchange.max_sessions", 2] == "is text, not a whole number."
    assert len(told) == 3


def test_a_file_of_the_service_that_ansible_can_read_and_this_reader_cannot_is_no_problem(
    inventory: Inventory,
) -> None:
    file = inventory.directory / "exchange.yml"
    file.write_text("exchange: &a {name: !vault x}\nother: *a\n")
    inventory.check()
    assert check_model(EXCHANGE, inventory.customers, exchange_file=file)["exchange"]["name"] == "lab"
    assert check_model(EXCHANGE, inventory.customers, exchange_file=file.with_name("gone"))["customers"]


@pytest.mark.parametrize("oldest", ["1.2", "1.3"])
def test_tls_1_3_has_to_be_asked_for(inventory: Inventory, oldest: str) -> None:
    inventory.exchange = EXCHANGE | {"tls_minimum_version": oldest, "tls_maximum_version": "1.3"}
    assert inventory.problems() == []


def test_the_oldest_version_alone_leaves_none(inventory: Inventory) -> None:
    """An inventory from before there was a newest version."""
    inventory.exchange = {key: value for key, value in EXCHANGE.items() if key != "tls_maximum_version"}
    inventory.exchange["tls_minimum_version"] = "1.3"
    assert len(inventory.problems()) == 1
    assert "set tls_maximum_version to '1.3' too" in inventory.problems()[0]


UNTIL = "2027-03-31"
FORMER: list[tuple[str, Any, str]] = [
    ("also_public_ip4", {"address": "198.51.100.11"}, "is missing"),
    ("also_public_ip4", {"address": "198.51.100.10", "until": UNTIL}, "is the same as public_ip4"),
    ("also_public_ip4", {"address": "10.0.0.1/8", "until": UNTIL}, "also_public_ip4.address"),
    ("also_public_ip4", {"address": "198.51.100.11", "until": "soon"}, "is not a day"),
    ("also_explicit_port", {"port": 21, "until": UNTIL}, "is the same as explicit_port"),
    ("also_explicit_port", {"port": 990, "until": UNTIL}, "is also the implicit port"),
    ("also_explicit_port", {"port": 22, "until": UNTIL}, "is the port of SSH"),
    ("also_explicit_port", {"port": 50050, "until": UNTIL}, "contains also_explicit_port 50050"),
    ("also_passive_ports", {"ports": [50000, 50099], "until": UNTIL}, "is the same as passive_ports"),
    ("also_passive_ports", {"ports": [51000, 51009], "until": UNTIL}, "keep max_sessions at 10 or less until then"),
    ("also_passive_ports", {"ports": [990, 51009], "until": UNTIL}, "begins below 1025"),
    ("also_passive_ports", {"ports": [51099, 51000], "until": UNTIL}, "is reversed"),
]


@pytest.mark.parametrize(("key", "value", "told"), FORMER)
def test_a_former_value_is_whole_and_another_one(inventory: Inventory, key: str, value: Any, told: str) -> None:
    inventory.exchange[key] = value
    with pytest.raises(ModelError) as failed:
        inventory.check()
    assert told in str(failed.value)
    assert f"exchange.{key}" in str(failed.value) or "passive_ports" in str(failed.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("also_implicit_port", {"port": 2990, "until": UNTIL}),
        ("also_public_ip6", {"address": "2001:db8:100::11", "until": UNTIL}),
    ],
)
def test_a_former_value_needs_a_new_one(inventory: Inventory, key: str, value: Any) -> None:
    inventory.exchange[key] = value
    assert inventory.check()["exchange"][key] == {**value, "over": False}
    inventory.exchange[key.removeprefix("also_")] = None
    with pytest.raises(ModelError, match="has no new one"):
        inventory.check()


def test_the_ports_for_a_former_address_are_used_for_nothing_else(inventory: Inventory) -> None:
    inventory.exchange["explicit_port"] = 1021
    inventory.check()
    inventory.exchange["also_public_ip4"] = {"address": "198.51.100.11", "until": UNTIL}
    with pytest.raises(ModelError, match="servers need themselves for also_public_ip4"):
        inventory.check()


def test_a_day_that_has_passed_stops_nothing(inventory: Inventory) -> None:
    inventory.exchange["also_public_ip4"] = {"address": "198.51.100.11", "until": "2020-01-01"}
    checked = inventory.check()
    assert checked["exchange"]["also_public_ip4"]["over"] is True
    assert "has passed" in checked["notes"][0]


def test_a_former_address_is_no_source_of_a_customer(inventory: Inventory) -> None:
    inventory.exchange["also_public_ip4"] = {"address": "198.51.100.20", "until": UNTIL}
    with pytest.raises(ModelError, match=r"contains the service's own public address 198\.51\.100\.20"):
        inventory.check()
