"""Customer files: what is refused, in which words, and what comes out."""

from __future__ import annotations

import datetime
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.model.names import NAME_PATTERN, check_name
from ftps_exchange.model.problems import ModelError, RefusedError
from ftps_exchange.preflight import WORDS_OF_PAM_ACCESS
from tests.unit.ftps_exchange.model_inputs import ACME, Inventory, changed

Path_ = tuple[str | int, ...]


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def test_what_comes_out(inventory: Inventory) -> None:
    inventory.write("hooli.yml", "state: absent\n")
    inventory.write(
        "initech.yml",
        {
            **ACME,
            "state": "suspended",
            "sources": ["192.0.2.1"],
            "accounts": [{"name": "initech-up", "access": "write", "expires": "2020-01-01"}],
        },
    )
    model = inventory.check()
    assert [customer["name"] for customer in model["customers"]] == ["acme", "globex", "hooli", "initech"]
    acme, globex, hooli, initech = model["customers"]
    assert acme == {
        "name": "acme",
        "file": "customers/acme.yml",
        "state": "present",
        "contact": {"name": "Jo Doe", "email": "jo@acme.example", "phone": "+32 2 555 01 20"},
        "sources4": ["198.51.100.20/32"],
        "sources6": ["2001:db8:100::20/128"],
        "inside_networks": ["10.77.20.0/24"],
        "shared_exit": False,
        "implicit_tls": False,
        "firewall": "nftables",
        "language": None,
        "keep_days": None,
        "quota": None,
        "accounts": [
            {"name": "acme-up", "access": "write", "expires": None, "enabled": True, "disabled_because": None},
            {"name": "acme-read", "access": "read", "expires": None, "enabled": True, "disabled_because": None},
        ],
        "shares": [{"name": "maps", "access": "read"}, {"name": "dropbox", "access": "write"}],
    }
    assert globex["state"] == "present"
    assert globex["contact"] is None
    assert globex["firewall"] is None
    assert globex["sources4"] == ["198.51.100.30/32"]
    assert hooli == {
        "name": "hooli",
        "file": "customers/hooli.yml",
        "state": "absent",
        "contact": None,
        "sources4": [],
        "sources6": [],
        "inside_networks": [],
        "shared_exit": False,
        "implicit_tls": False,
        "firewall": None,
        "language": None,
        "keep_days": None,
        "quota": None,
        "accounts": [],
        "shares": [],
    }
    assert initech["accounts"] == [
        {
            "name": "initech-up",
            "access": "write",
            "expires": "2020-01-01",
            "enabled": False,
            "disabled_because": "suspended",
        }
    ]
    assert model["notes"] == []


def test_implicit_tls_needs_a_port_of_the_service(inventory: Inventory) -> None:
    inventory.acme["implicit_tls"] = True
    assert inventory.check()["customers"][0]["implicit_tls"] is True
    inventory.exchange["implicit_port"] = None
    assert inventory.problems() == [
        "customers/acme.yml: implicit_tls = true: requires implicit TLS, which the service does not offer. "
        "Remove it, or set exchange.implicit_port (usually 990)."
    ]


def test_a_firewall_that_became_two_is_refused_with_both(inventory: Inventory) -> None:
    inventory.acme["firewall"] = "pf"
    (problem,) = inventory.problems()
    assert "pf_openbsd" in problem
    assert "pf_freebsd" in problem
    for name in ("pf_openbsd", "pf_freebsd"):
        inventory.acme["firewall"] = name
        assert inventory.check()["customers"][0]["firewall"] == name


def test_sources_are_canonical_and_merged(inventory: Inventory) -> None:
    inventory.acme["sources"] = [
        "192.0.2.128/25",
        "192.0.2.0/25",
        "192.0.2.7",
        "2001:DB8:0:0::/64",
        "2001:db8::1",
        "198.51.100.20",
    ]
    acme = inventory.check()["customers"][0]
    assert acme["sources4"] == ["192.0.2.0/24", "198.51.100.20/32"]
    assert acme["sources6"] == ["2001:db8::/64"]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # Keys and types.
        (("stat",), "present", "stat = 'present': is not a known key. Did you mean 'state'?"),
        (("source",), [], "Did you mean 'sources'?"),
        (("accounts", 0, "acces"), "read", "accounts[0].acces = 'read': is not a known key. Did you mean 'access'?"),
        (
            ("accounts", 0, "password"),
            "x",
            "accounts[0].password = None: is not a known key. Remove it, also from the history",
        ),
        (("contact", "mail"), "x", "contact.mail = 'x': is not a known key. Did you mean 'email'?"),
        (("bad\x1b[2Jkey",), 1, "['bad\\x1b[2Jkey'] = 1: is not a known key."),
        (
            ("state",),
            "Present",
            "state = 'Present': is not one of the choices. Use 'present', 'suspended' or 'absent'.",
        ),
        (("state",), True, "state = true: is not one of the choices."),
        (("firewall",), "cisco-asa", "Did you mean 'cisco_asa'?"),
        (("firewall",), "none", "is not one of the choices."),
        (
            ("language",),
            "german",
            "language = 'german': is not one of the choices. Use 'en', 'de', 'fr', 'nl' or 'es'.",
        ),
        (("language",), "DE", "language = 'DE': is not one of the choices."),
        (("shared_exit",), "yes", "shared_exit = 'yes': is text, not a yes-or-no value. Write true or false"),
        (("shared_exit",), 1, "shared_exit = 1: is a number, not a yes-or-no value."),
        (("name",), "globex", "name = 'globex': differs from the name of the file."),
        (
            ("contact",),
            "Jo",
            "contact = 'Jo': is text, not a mapping of keys to values. Give it as keys and values: name,",
        ),
        (("contact", "email"), "jo at acme", "contact.email = 'jo at acme': is not an e-mail address."),
        (("contact", "email"), "jo@acme", "is not an e-mail address."),
        (("contact", "phone"), 3225550120, "contact.phone = 3225550120: is a number, not text. Put it in quotes."),
        (("contact", "name"), "Jo\tDoe", "contains a line break or an invisible character."),
        (("contact", "name"), "x" * 201, "is 201 characters long."),
        # Accounts.
        (("accounts",), [], "accounts = []: is empty. Give at least one account"),
        (("accounts",), ..., "has no 'accounts'. Add at least one account: Logins of the customer"),
        (("accounts",), {"acme-up": "write"}, "accounts = {'acme-up': 'write'}: is a mapping, not a list."),
        (("accounts", 1), "acme-read", "accounts[1] = 'acme-read': is text, not a mapping of keys to values."),
        (("accounts", 1, "access"), ..., "accounts[1].access = None: is missing. Add it: Access to the customer's own"),
        (("accounts", 1, "access"), "rw", "accounts[1].access = 'rw': is not one of the choices."),
        (("accounts", 1, "name"), ..., "accounts[1].name = None: is missing. Add it: Login name"),
        (("accounts", 1, "name"), 4711, "accounts[1].name = 4711: is a number, not text. Put it in quotes."),
        (("accounts", 1, "name"), None, "accounts[1].name = null: is empty, not text."),
        (("accounts", 1, "name"), "4711", "has only digits."),
        (("accounts", 1, "name"), "acme-up", "is the name of accounts[0] in customers/acme.yml too"),
        (("accounts", 1, "name"), "globex", "is the name of another customer (customers/globex.yml)."),
        (("accounts", 1, "name"), "ftpsx-home-acme-read", "begins with 'ftpsx-' like the groups of the service"),
        (("accounts", 1, "name"), "corp", "is the NetBIOS name of the domain"),
        (("accounts", 1, "expires"), "soon", "accounts[1].expires = 'soon': is not a day. Write an existing day as"),
        (("accounts", 1, "expires"), 20271231, "is not a day."),
        (("accounts", 1, "expires"), "2027-02-29", "is not a calendar date"),
        (
            ("accounts", 1, "expires"),
            "9999-12-31",
            "is not a plausible year. Give a day from 2000-01-01 to 2099-12-31.",
        ),
        # Shares.
        (("shares", 0, "name"), "map", "shares[0].name = 'map': is not a share of the service."),
        (("shares", 0, "name"), "map", "known: maps, dropbox. Did you mean 'maps'?"),
        (("shares", 1, "name"), "maps", "shares[1].name = 'maps': stands in shares[0] too. Keep one"),
        (("shares", 0, "access"), "full", "shares[0].access = 'full': is not one of the choices."),
        (("shares",), None, "shares = null: is empty, not a list."),
        # Networks.
        (("sources",), [], "sources = []: is empty. Give at least one network"),
        (("sources",), ..., "has no 'sources'. Add at least one network"),
        (("sources",), None, "sources = null: is empty, not a list."),
        (("sources",), "192.0.2.1", "sources = '192.0.2.1': is text, not a list. Write a list"),
        (("sources", 0), 3221225985, "sources[0] = 3221225985: is a number, not text."),
        (
            ("sources", 0),
            "192.0.2.9/29",
            "has host bits set. Write '192.0.2.8/29' for the whole network, or '192.0.2.9/32'",
        ),
        (("sources", 0), "2001:db8::1/64", "Write '2001:db8::/64' for the whole network, or '2001:db8::1/128'"),
        (("sources", 0), "0.0.0.0/0", "contains all addresses."),
        (("sources", 1), "::/0", "sources[1] = '::/0': contains all addresses."),
        (("sources", 0), "0.0.0.0/1", "is too wide: /1. An IPv4 network here is /16 or narrower"),
        (("sources", 0), "202.0.0.0/15", "is too wide: /15."),
        (("sources", 0), "2000::/31", "is too wide: /31. An IPv6 network here is /32 or narrower"),
        (("sources", 0), "192.0.2.0/255.255.255.0", "has a network mask."),
        (("sources", 0), "192.0.2.0/0.0.0.255", "has a network mask."),
        (("sources", 0), "192.0.2.1-192.0.2.9", "is a range."),
        (("sources", 0), "vpn.acme.example", "is a name."),
        (("sources", 0), "192.0.2.1/33", "is not a network"),
        (("sources", 0), "192.0.2.256", "is not a network"),
        (("sources", 0), "192.0.2.01", "has leading zeros. Write it without them"),
        (("sources", 0), "010.0.2.1/32", "has leading zeros."),
        (("sources", 0), "192.0.2.1/032", "has leading zeros."),
        (("sources", 0), " 192.0.2.1", "is not a network."),
        (("sources", 0), "fe80::1%eth0", "is not a network."),
        (("sources", 0), "", "is not a network."),
        (("sources", 0), "127.0.0.1", "lies in 127.0.0.0/8, which is loopback (RFC 1122)."),
        (("sources", 0), "224.0.0.0/24", "which is multicast (RFC 5771)."),
        (("sources", 0), "169.254.3.0/24", "which is link-local (RFC 3927)."),
        (("sources", 0), "0.1.2.3", "which is 'this network' (RFC 1122)."),
        (("sources", 0), "255.255.255.255", "broadcast (RFC 919)."),
        (("sources", 0), "::1", "which is loopback (RFC 4291)."),
        (("sources", 0), "::", "which is the unspecified address (RFC 4291)."),
        (("sources", 0), "fe80::/64", "which is link-local (RFC 4291)."),
        (("sources", 0), "ff02::/32", "which is multicast (RFC 4291)."),
        (("sources", 0), "::ffff:192.0.2.1", "write the IPv4 network"),
        (("sources", 1), "2002:c633:6414::/48", "which is a 6to4 tunnel (RFC 3056), whose addresses are IPv4 ones"),
        (("sources", 1), "2001::/32", "which is a Teredo tunnel (RFC 4380), whose addresses anybody can have"),
        (("sources", 1), "2001:20::/32", "which is an identifier, not an address (RFC 7343)."),
        (("sources", 1), "4000::/64", "is outside 2000::/3, the global unicast space (RFC 4291)."),
        (("sources", 0), "198.51.100.0/28", "contains the service's own public address 198.51.100.10."),
        (("sources", 1), "2001:db8:100::/64", "contains the service's own public address 2001:db8:100::10."),
        (("inside_networks", 0), "10.0.0.1/8", "inside_networks[0] = '10.0.0.1/8': has host bits set."),
        (("inside_networks", 0), "0.0.0.0/0", "contains all addresses."),
        (("inside_networks", 0), "127.0.0.0/8", "which is loopback"),
    ],
)
def test_one_wrong_field_is_one_clear_problem(inventory: Inventory, path: Path_, value: Any, expected: str) -> None:
    inventory.acme = changed(ACME, path, value)
    problem = inventory.only_problem()
    assert problem.startswith("customers/acme.yml: ")
    assert expected in problem


UNSAFE_NAMES = {
    "": "is empty.",
    "a/b": "contains '/'.",
    "a\\b": "contains '\\\\'.",
    "..": "begins or ends with a character that is not safe there.",
    "a..b": "contains '..'.",
    ".hidden": "begins or ends with a character",
    "-rf": "begins or ends with a character",
    "acme.": "begins or ends with a character",
    "acme-": "begins or ends with a character",
    "acme ": "contains ' '.",
    "a\x00b": "contains \\x00.",
    "a\nb": "contains \\n.",
    "a\u202eb": "contains \\u202e.",
    "caf\u00e9": "contains '\u00e9'.",
    "\u212aelvin": "contains '\u212a'.",
    "a*": "contains '*'.",
    "a:b": "contains ':'.",
    "a$": "contains '$'.",
    "a@b": "contains '@'.",
    "ACME": "has upper-case letters.",
    "con": "is the name of a device on Windows",
    "nul.txt": "is the name of a device on Windows",
    "com1": "is the name of a device on Windows",
    "lpt9.a.b": "is the name of a device on Windows",
    "aux": "is the name of a device on Windows",
    "shared": "is the name of a folder of the service itself.",
}
RESERVED_NAMES = (
    *("root", "daemon", "backup", "www-data", "nobody", "mail", "games", "sudo", "systemd-network", "systemd-resolve"),
    *("proftpd", "ftp", "sshd", "samba", "anonymous", "users"),
    *("administrator", "guest", "krbtgt", "krbtgt_12345", "defaultaccount", "wdagutilityaccount", "system"),
)


@pytest.mark.parametrize("kind", ["customer", "account", "share"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [*UNSAFE_NAMES.items(), *((name, "is reserved") for name in RESERVED_NAMES), ("x" * 33, "is 33 characters long.")],
)
def test_unsafe_and_reserved_names(kind: Any, name: str, expected: str) -> None:
    with pytest.raises(RefusedError) as raised:
        check_name(kind, name)
    assert expected in raised.value.message
    assert raised.value.remedy


@pytest.mark.parametrize("name", ["_apt", "Administrator", "KRBTGT", "Root", "NUL", "Con.txt"])
def test_reserved_names_in_other_spellings_are_refused_too(name: str) -> None:
    with pytest.raises(RefusedError):
        check_name("account", name)


@pytest.mark.parametrize("kind", ["customer", "account", "share"])
@pytest.mark.parametrize(
    ("name", "language"),
    [
        *(("all", "pam_access"), ("except", "pam_access"), ("any", "firewalls"), ("any4", "firewalls")),
        *(("no", "YAML"), ("on", "YAML"), ("kadmin", "Kerberos")),
    ],
)
def test_words_that_mean_something_else_where_names_end_up(kind: Any, name: str, language: str) -> None:
    with pytest.raises(RefusedError, match="would not be taken for a name") as raised:
        check_name(kind, name)
    assert language in raised.value.message
    assert f"'acme-{name}'" in raised.value.remedy


def test_every_word_of_pam_access_is_refused() -> None:
    for name in WORDS_OF_PAM_ACCESS:
        with pytest.raises(RefusedError):
            check_name("account", name)


@pytest.mark.parametrize("name", ["a", "3m", "acme.north", "acme_", "a-b_c.d", "console", "nulls", "x" * 20])
def test_good_names(name: str) -> None:
    for kind in ("customer", "account", "share"):
        assert check_name(kind, name) == name


def test_lengths() -> None:
    assert check_name("customer", "x" * 32)
    with pytest.raises(RefusedError, match="is 21 characters long"):
        check_name("account", "x" * 21)


safe_names = st.from_regex(NAME_PATTERN, fullmatch=True).filter(lambda name: len(name) <= 32)


@given(st.lists(safe_names, min_size=1, max_size=6, unique=True), st.lists(safe_names, max_size=6, unique=True))
def test_names_of_groups_never_collide(customers: list[str], shares: list[str]) -> None:
    """Customers such as ``a`` and ``a-read`` still have groups of their own."""
    groups = ["customers"]
    groups += [f"home-{name}-{access}" for name, access in itertools.product(customers, ("read", "write"))]
    groups += [f"share-{name}-{access}" for name, access in itertools.product(shares, ("read", "write"))]
    assert len(groups) == len(set(groups))
    assert max(len("x" * 20 + group) for group in groups) <= 64


def test_accounts_of_two_customers_that_differ_only_in_case(inventory: Inventory) -> None:
    inventory.acme["accounts"][0]["name"] = "Globex-UP"
    problems = inventory.problems()
    assert len(problems) == 2
    assert any("has upper-case letters. Write 'globex-up'" in p for p in problems)
    assert any("is the name of accounts[0] in customers/acme.yml too (upper and lower" in p for p in problems)


def test_customers_that_differ_only_in_case(inventory: Inventory) -> None:
    inventory.write("Acme.yml", {**ACME, "sources": ["192.0.2.1"], "accounts": [{"name": "a1", "access": "read"}]})
    problems = inventory.problems()
    assert any("customers/Acme.yml: (file name) = 'Acme': has upper-case letters" in p for p in problems)
    assert any("customers/acme.yml" in p and "is the same customer as customers/Acme.yml" in p for p in problems)


@pytest.mark.parametrize("name", ["root", "nul", "shared", "krbtgt", "a b", "a..b", "x" * 33, "acme-"])
def test_the_file_name_is_a_name_too(inventory: Inventory, name: str) -> None:
    inventory.write(f"{name}.yml", "state: absent\n")
    assert f"customers/{name}.yml: (file name) = '{name}': " in inventory.only_problem()
    assert "Rename the file." in inventory.only_problem()


def test_logins_of_absent_customers_stay_taken(inventory: Inventory) -> None:
    inventory.write("old.yml", {"state": "absent", "accounts": [{"name": "acme-up", "access": "write"}]})
    assert "is the name of accounts[0] in customers/acme.yml too" in inventory.only_problem()


def test_absent_customers_are_checked_but_their_addresses_are_free(inventory: Inventory) -> None:
    inventory.write("old.yml", {"state": "absent", "sources": ["198.51.100.20/32"]})
    assert inventory.problems() == []
    inventory.write("old.yml", {"state": "absent", "sources": ["198.51.100.20/30", "198.51.100.21/30"]})
    assert "sources[1] = '198.51.100.21/30': has host bits set." in inventory.only_problem()


def test_suspended_customers_are_checked_like_present_ones(inventory: Inventory) -> None:
    inventory.acme.update(state="suspended", sources=["198.51.100.30/32"])
    assert "overlaps" in inventory.only_problem()
    del inventory.acme["accounts"], inventory.acme["sources"]
    assert len(inventory.problems()) == 2


def test_overlaps_name_both_customers(inventory: Inventory) -> None:
    inventory.acme["sources"] = ["192.0.2.1", "198.51.100.16/28"]
    assert inventory.only_problem() == (
        "customers/globex.yml: sources[0] = '198.51.100.30/32': overlaps 198.51.100.16/28 of customers/acme.yml "
        "(sources[1]). Correct one of them; if both customers really leave through the same address, write "
        "shared_exit: true in both files."
    )
    inventory.acme["shared_exit"] = True
    assert "overlaps" in inventory.only_problem()
    inventory.globex["shared_exit"] = True
    assert inventory.problems() == []


def test_a_customer_needs_a_family_that_the_service_has(inventory: Inventory) -> None:
    inventory.exchange["public_ip4"] = None
    problem = inventory.only_problem()
    assert problem.startswith("customers/globex.yml: sources = ['198.51.100.30']: has only IPv4, but the service has")
    assert "Ask for the customer's IPv6 addresses, or give exchange.public_ip4." in problem


def test_sources_of_a_family_that_the_service_lacks_are_told(inventory: Inventory) -> None:
    inventory.exchange["public_ip6"] = None
    assert inventory.check()["notes"] == [
        "customer acme: IPv6 sources have no effect, since the service has no IPv6: 2001:db8:100::20/128."
    ]


def test_private_sources_are_told(inventory: Inventory) -> None:
    inventory.globex["sources"] = ["10.8.0.0/24", "fd00::/64"]
    first, second = inventory.check()["notes"]
    assert first.startswith("customer globex: source 10.8.0.0/24 is private (RFC 1918): right only if")
    assert second.startswith("customer globex: source fd00::/64 is unique local")


@pytest.mark.parametrize(("expires", "enabled"), [("2026-06-15", True), ("2026-06-14", False), ("2027-01-01", True)])
def test_an_account_works_through_its_last_day(inventory: Inventory, expires: str, enabled: bool) -> None:
    inventory.acme["accounts"][1]["expires"] = expires
    model = inventory.check(today=datetime.date(2026, 6, 15))
    account = model["customers"][0]["accounts"][1]
    assert (account["enabled"], account["disabled_because"]) == (enabled, None if enabled else "expired")
    assert account["expires"] == expires
    assert model["notes"] == (
        [] if enabled else [f"customer acme: account acme-read expired after {expires} and is disabled."]
    )


def test_a_date_may_be_written_with_and_without_quotes(inventory: Inventory) -> None:
    text = "sources: [192.0.2.1]\naccounts:\n  - {name: a1, access: read, expires: %s}\n"
    for written in ("2030-01-31", "'2030-01-31'", '"2030-01-31"'):
        inventory.write("a.yml", text % written)
        assert inventory.check()["customers"][0]["accounts"][0]["expires"] == "2030-01-31"


def test_a_customer_whose_accounts_have_all_expired_is_told(inventory: Inventory) -> None:
    inventory.globex["accounts"][0]["expires"] = "2001-01-01"
    assert inventory.check()["notes"][-1].startswith("customer globex: all accounts have expired")


def test_everything_is_told_at_once(inventory: Inventory) -> None:
    inventory.exchange["explicit_port"] = "21"
    inventory.acme["accounts"][0]["name"] = "Bad Name"
    inventory.acme["sources"][0] = "192.0.2.1/24"
    inventory.globex["stat"] = 1
    inventory.write("broken.yml", "a: [")
    text = "\n".join(inventory.problems())
    assert len(inventory.problems()) == 5
    for part in ("explicit_port", "Bad Name", "host bits", "globex.yml: stat", "broken.yml"):
        assert part in text


def test_the_report_is_for_people(inventory: Inventory) -> None:
    inventory.acme = None  # type: ignore[assignment]
    inventory.write(
        "acme.yml", "sources:\n  - 192.0.2.1\naccounts:\n  - name: acme-up\n    access: writ\nfirewal: pf\n"
    )
    with pytest.raises(ModelError) as raised:
        inventory.check()
    assert str(raised.value) == re.sub(
        r"(?m)^ {8}",
        "",
        """\
        The model has 2 problems in 1 file; no host has been touched.
        customers/acme.yml
          - line 5: accounts[0].access = 'writ': is not one of the choices.
              Use 'read' or 'write'. Did you mean 'write'?
          - line 6: firewal = 'pf': is not a known key.
              Did you mean 'firewall'?""",
    )
