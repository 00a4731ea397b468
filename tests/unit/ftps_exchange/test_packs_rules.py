"""Rules in every format: hand-checked files, hostile text, order, and a checker that lets nothing through.

golden/packs/ and golden/packs_translated/ hold the files of one case each, checked by hand against the vendors'
references when they change.
"""

from __future__ import annotations

import dataclasses
import json
import re
from ipaddress import IPv4Network, IPv6Network
from itertools import product
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.customer import Customer as CustomerFile
from ftps_exchange.model.rules import FORMER
from ftps_exchange.model.view import AddressUse, Contact, Customer
from ftps_exchange.packs import FORMATS, PackService, render_rules
from ftps_exchange.packs import check as checker
from ftps_exchange.packs.flows import Job, jobs
from ftps_exchange.packs.formats import REGISTRY
from ftps_exchange.packs.languages import reading
from ftps_exchange.packs.service import families
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED, HOSTILE, cases
from tests.unit.ftps_exchange.packs_inputs import customer as customer_from

GOLDEN = Path(__file__).parents[1] / "golden"


# Where both families are translated, on both sides, and the provider's whole address.
TRANSLATED = (
    dataclasses.replace(HAND_CHECKED, inside6="fd00:77::11", public_address_use="dedicated"),
    dataclasses.replace(ACME, inside6=(IPv6Network("fd77:20::/64"),)),
)
# While the service moves: two addresses of each family, four control ports, and ranges that overlap.
UNTIL = "2027-03-31"
MOVING = dataclasses.replace(
    HAND_CHECKED,
    inside4=None,
    also_public4="198.51.100.11",
    also_public6="2001:db8:100::11",
    also_explicit_port=2121,
    also_implicit_port=2990,
    also_passive=(50050, 50149),
    until=tuple((key, UNTIL) for key in FORMER),
)
TRANSLATING = [name for name in FORMATS if name not in ("nftables", "iptables", "windows", "aws", "azure", "table")]
GOLDEN_CASES = [
    *((name, "packs", HAND_CHECKED, ACME) for name in FORMATS),
    *((name, "packs_translated", *TRANSLATED) for name in TRANSLATING),
    *((name, "packs_moving", MOVING, ACME) for name in FORMATS),
]


@pytest.mark.parametrize(("name", "folder", "service", "customer"), GOLDEN_CASES)
def test_golden_files(name: str, folder: str, service: PackService, customer: Customer) -> None:
    files = render_rules(name, service, customer)
    for file, text in files.items():
        golden = GOLDEN / folder / file
        if not golden.exists() or golden.read_bytes() != text.encode():
            golden.with_name(f"{file}.actual").write_bytes(text.encode())
        assert golden.read_bytes() == text.encode(), f"compare golden/{folder}/{file} with {file}.actual"


def test_there_is_no_golden_file_that_nothing_makes() -> None:
    made: dict[str, set[str]] = {}
    for name, folder, service, customer in GOLDEN_CASES:
        made.setdefault(folder, set()).update(render_rules(name, service, customer))
    for folder, files in made.items():
        assert {path.name for path in (GOLDEN / folder).iterdir() if path.suffix != ".actual"} == files


@pytest.mark.parametrize("name", FORMATS)
def test_while_the_service_moves_every_file_opens_old_and_new(name: str) -> None:
    opened = " ".join(render_rules(name, MOVING, ACME).values())
    for value in ("198.51.100.10", "198.51.100.11", "2001:db8:100::10", "2001:db8:100::11", "2121", "2990", "50149"):
        assert value in opened, value
    for less in (
        dataclasses.replace(MOVING, also_public4=None),
        dataclasses.replace(MOVING, also_explicit_port=None),
        dataclasses.replace(MOVING, also_passive=None),
    ):
        with pytest.raises(ExchangeError, match=r"(lacks what|opens more than) the model says"):
            checker.check_rules(name, MOVING, ACME, render_rules(name, less, ACME))
        with pytest.raises(ExchangeError, match="opens more than the model says"):
            checker.check_rules(name, less, ACME, render_rules(name, MOVING, ACME))


@pytest.mark.parametrize("name", FORMATS)
def test_random_services_that_move_pass_the_checker(name: str) -> None:
    for service, customer in cases(12):
        moving = dataclasses.replace(
            service,
            inside4=None,
            inside6=None,
            also_public4="198.51.100.99" if service.public4 else None,
            also_public6="2001:db8:ffff::99" if service.public6 else None,
            also_explicit_port=1999,
            also_passive=(45000, 45009),
        )
        render_rules(name, moving, customer)


def test_every_firewall_that_a_customer_may_name_has_a_format() -> None:
    schema = CustomerFile.model_json_schema()["properties"]["firewall"]
    named = next(entry["enum"] for entry in schema["anyOf"] if "enum" in entry)
    assert [*named, "table"] == list(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_file_says_what_it_is_for_and_how_to_undo_it(name: str) -> None:
    for file, text in render_rules(name, HAND_CHECKED, ACME).items():
        if file == "firewall.csv":
            continue  # a table for tools; the same with its words is firewall.md
        assert "acme" in text
        assert "ftps.exchange.example" in text
        for word in ("undo", "FTP"):
            assert re.search(word, text, re.IGNORECASE), (file, word)


# What these firewalls do, by their vendors' documentation, with what no rule names.
OPEN_BY_DEFAULT = {
    "nftables": "passes everything that no rule of yours drops",
    "iptables": "passes everything that no rule of yours drops",
    "pf_openbsd": "passes everything that no rule of yours drops",
    "pf_freebsd": "passes everything that no rule of yours drops",
    "routeros": "passes everything that no rule of yours drops",
    "windows-customer": "Windows lets out everything by default",
    "aws-customer.json": "what another of its groups allows stays open",
    "aws-provider.json": "what another of its groups allows stays open",
    "aws-customer-network-firewall": "aws:forward_to_sfe",
    "aws-provider-network-firewall": "aws:drop_strict",
    "azure-customer": "A group lets everything out to the Internet by default",
    "azure-provider": "By default a group lets in the virtual network",
}


def test_where_a_firewall_is_open_by_default_its_file_says_so() -> None:
    for name, words in OPEN_BY_DEFAULT.items():
        files = render_rules(name.split("-")[0], HAND_CHECKED, ACME)
        texts = [text for file, text in files.items() if file.startswith((name, f"ip6{name[2:]}"))]
        assert texts
        assert all(words in text for text in texts), name


def test_routeros_says_from_which_version_on_it_translates_ipv6_like_this() -> None:
    service = dataclasses.replace(HAND_CHECKED, inside6="fd00:77::11")
    for side, told in (("provider", True), ("customer", False)):
        text = render_rules("routeros", service, ACME)[f"routeros-{side}.rsc"]
        assert ("RouterOS 7.15" in text) == ("to-address=fd00:77::11/128" in text) == told


UNTRANSLATED: Final = {"cisco_ios": (6,), "palo_alto": (6,), "aws": (6,)}
"""What these platforms cannot do, by their vendors' documentation: NAT66. IOS and PAN-OS translate prefixes only."""


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_platform_cannot_translate_has_no_rule_and_a_line_for_who_must(name: str) -> None:
    service, customer = TRANSLATED
    outer, inner = {4: "198.51.100.10", 6: "2001:db8:100::10"}, {4: "10.77.10.11", 6: "fd00:77::11"}
    texts = [text for file, text in render_rules(name, service, customer).items() if "customer" not in file]
    for family in (4, 6):
        line = f"IPv{family} is not translated here: another device must translate {outer[family]} to {inner[family]}."
        assert any(line in text for text in texts) == (family in UNTRANSLATED.get(name, ())), (name, family)
    for file, text in render_rules(name, service, customer).items():
        if name in UNTRANSLATED:
            rules = [line for line in text.split("\n") if line[:1] not in "#!" and "nat " in line]
            assert not [line for line in rules if ":" in line or "SERVER6" in line], file


def test_pf_never_lets_a_private_source_out_of_a_customer_that_translates() -> None:
    for name in ("pf_openbsd", "pf_freebsd"):
        for service, customer in [TRANSLATED, *cases(100)]:
            text = render_rules(name, service, customer)[f"{name}-customer.conf"]
            for found in re.finditer(r"^pass out quick inet6? .* from \{ (.*) \} to", text, re.MULTILINE):
                assert set(found[1].split(", ")) <= set(map(str, (*customer.sources4, *customer.sources6)))
            # Where NAT is a rule of the filter, quick would end the evaluation before it is reached
            hidden = any(set(customer.clients(f)) != set(customer.sources(f)) for f in families(service, customer))
            assert ("below  match out ... nat-to:" in text) == (hidden and name == "pf_openbsd")


def test_routeros_puts_its_jump_where_there_is_a_place() -> None:
    """Item 0 may be dynamic, and then nothing can be placed before it; in an empty table nothing is item 0."""
    for text in render_rules("routeros", HAND_CHECKED, ACME).values():
        assert "place-before=0" not in text
        for ip in ("ip", "ipv6"):
            table = f"/{ip} firewall filter"
            block = re.search(
                rf":if \(\[:len \[{table} find chain=forward jump-target=(\S+)\]\] = 0\) do={{\n"
                rf" *:local others \[{table} find chain=forward dynamic=no\]\n"
                rf" *:if \(\[:len \$others\] = 0\) do={{ ({table} add .*?) }} else={{ (.*) }}\n}}",
                text,
            )
            assert block is not None
            assert block[3] == f"{block[2]} place-before=[:pick $others 0]"
            assert f"chain=forward action=jump jump-target={block[1]}" in block[2]


@pytest.mark.parametrize("use", ["shared", "firewall"])
def test_the_whole_address_is_translated_only_if_nothing_else_uses_it(use: AddressUse) -> None:
    whole = {
        "cisco_asa": r"^ nat \(dmz,outside\) static",
        "cisco_ios": r"^ip nat inside source static \d+\.",
        "juniper_srx": r"static-nat prefix",
        "fortigate": r"set mappedip [^\n]*\n    next",
    }
    for name, pattern in whole.items():
        for service, said in (
            (dataclasses.replace(TRANSLATED[0], public_address_use=use), False),
            (TRANSLATED[0], True),
        ):
            for file, text in render_rules(name, service, ACME).items():
                if "-provider" in file:
                    assert bool(re.search(pattern, text, re.MULTILINE)) == said, (file, use)
    asa = render_rules("cisco_asa", dataclasses.replace(TRANSLATED[0], public_address_use=use), ACME)
    # "Address overlaps with outside interface address", unless it is named so
    assert ("FTPS-lab-SERVER4 interface service" in asa["cisco_asa-provider.txt"]) == (use == "firewall")


def test_fortigate_hides_the_inside_of_either_family() -> None:
    for inside4, inside6 in product(((), (IPv4Network("10.20.0.0/16"),)), ((), (IPv6Network("fd77:20::/64"),))):
        customer = dataclasses.replace(ACME, inside4=inside4, inside6=inside6)
        files = render_rules("fortigate", HAND_CHECKED, customer)
        policies = re.findall(r'set name "FTPS-lab-(\d)".*?next', files["fortigate-customer.txt"], re.DOTALL)
        assert policies == ["4", "6"]
        hiding = re.findall(
            r'set name "FTPS-lab-(\d)"(?:(?!next).)*set nat enable', files["fortigate-customer.txt"], re.DOTALL
        )
        assert hiding == [family for family, inside in (("4", inside4), ("6", inside6)) if inside]
        central = files.get("fortigate-customer-central-nat.txt", "")
        assert central.count("config firewall central-snat-map") == len(hiding)
        assert "config vdom" in files["fortigate-customer.txt"]


CREATE_ONLY: Final = {
    "AWS::EC2::SecurityGroup": ("GroupName", "GroupDescription", "VpcId"),
    "AWS::NetworkFirewall::RuleGroup": ("RuleGroupName", "Capacity", "Type"),
}
"""By the resources' published schemas (createOnlyProperties): a change of one wants another resource."""


def create_only(service: PackService, customer: Customer) -> dict[str, object]:
    found: dict[str, object] = {}
    for file, text in render_rules("aws", service, customer).items():
        (resource,) = json.loads(text)["Resources"].values()
        for key in CREATE_ONLY[resource["Type"]]:
            found[f"{file} {key}"] = resource["Properties"][key]
    return found


@pytest.mark.parametrize(
    ("service", "customer"),
    [
        ({"fqdn": "other.exchange.example"}, {}),
        ({"public4": "198.51.100.77"}, {}),
        ({"public6": None}, {}),
        ({"explicit_port": 2121}, {}),
        ({"implicit_port": None}, {}),
        ({"passive": (40000, 40199)}, {}),
        ({"tls_minimum_version": "1.3"}, {}),
        ({"inside4": "10.77.10.99"}, {}),
        ({"inside4": None}, {}),
        ({"inside6": "fd00:77::11"}, {}),
        ({"public_address_use": "dedicated"}, {}),
        ({}, {"sources4": tuple(IPv4Network(f"203.0.113.{2 * number}/32") for number in range(60))}),
        ({}, {"sources6": ()}),
        ({}, {"inside4": ()}),
        ({}, {"inside6": (IPv6Network("fd77:20::/64"),)}),
        ({}, {"firewall": "aws"}),
        ({}, {"implicit_tls": True}),
        ({}, {"contact": Contact("Somebody Else", "x@acme.example", "+32")}),
    ],
)
def test_a_changed_fact_changes_nothing_that_aws_sets_at_creation_only(
    service: dict[str, Any], customer: dict[str, Any]
) -> None:
    before = create_only(HAND_CHECKED, ACME)
    assert before == create_only(dataclasses.replace(HAND_CHECKED, **service), dataclasses.replace(ACME, **customer))


def test_another_capacity_is_another_group() -> None:
    """A named resource whose capacity differs would be refused, so it has another name then."""
    groups = set()
    for networks in (1, 34, 35, 79, 80, 81, 500, 900):
        customer = customer_from("acme", *(f"203.{n // 100}.{n % 100}.1/32" for n in range(networks)))
        found = create_only(HAND_CHECKED, customer)
        group = found["aws-provider-network-firewall.json RuleGroupName"]
        capacity = found["aws-provider-network-firewall.json Capacity"]
        assert isinstance(capacity, int)
        assert capacity >= 3 * networks
        groups.add((group, capacity))
    assert len(groups) == len({group for group, _ in groups}) == 3


def test_each_file_has_a_place_for_the_change_its_owner_and_the_date() -> None:
    for name in FORMATS:
        for file, text in render_rules(name, HAND_CHECKED, ACME).items():
            if file != "firewall.csv":
                assert re.search(r"Change: [_.]+ {2}Owner: [_.]+ {2}Date: [_.]+", text), file
                assert not re.search(
                    r"\b20[0-9]{2}-[01][0-9]-",
                    text.replace("2023-11-01", "").replace("2019-04-01", "").replace("2010-09-09", ""),
                )


WORDS: Final = {
    "cisco_asa-customer": ["Do not undo it first", "show run access-group"],
    "juniper_srx-customer": ["A commit with both kinds fails: take the file -zone-books"],
    "juniper_srx-provider": [
        "proxy-arp interface NAME address 198.51.100.10/32", "proxy-ndp interface NAME address 2001:db8:100::10/128",
    ],
    "palo_alto-provider": [
        "move rulebase nat rules FTPS-lab-acme-4 top", "device-group NAME", "pre-rulebase", "target-vsys",
    ],
    "fortigate-provider": ["set central-nat enable", "config vdom"],
    "windows-customer": ["A rule that blocks wins over these"],
    "windows-provider": ["A rule that blocks wins over these", "IIS-WebServerRole-FTP-* | Disable-NetFirewallRule"],
}  # fmt: skip


@pytest.mark.parametrize("start", sorted(WORDS))
def test_what_an_administrator_has_to_know_is_said(start: str) -> None:
    texts = [
        text for file, text in render_rules(start.split("-")[0], *TRANSLATED).items() if file.startswith(f"{start}.")
    ]
    (text,) = texts
    for words in WORDS[start]:
        assert words in text


@pytest.mark.parametrize("name", FORMATS)
def test_random_customers_are_rendered_as_the_model_says(name: str) -> None:
    """The checker compares each with the model; this only hands it enough of them."""
    for service, customer in cases(200):
        render_rules(name, service, customer)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_line_but_the_one_it_stands_in(name: str, text: str) -> None:
    quiet = dataclasses.replace(ACME, contact=Contact("x", "y", "z"))
    hostile = dataclasses.replace(ACME, contact=Contact(text, text, text))
    before, after = render_rules(name, HAND_CHECKED, quiet), render_rules(name, HAND_CHECKED, hostile)
    assert before.keys() == after.keys()
    for file in before:
        one, other = before[file].split("\n"), after[file].split("\n")
        assert len(one) == len(other) == len(after[file].splitlines()) + 1
        differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
        assert all(re.match(r"^(\W*)For: acme", new) for _old, new in differing), (file, differing)


@given(st.text(), st.text(), st.text())
def test_any_text_is_harmless_in_every_format(contact: str, email: str, phone: str) -> None:
    customer = dataclasses.replace(ACME, contact=Contact(contact, email, phone))
    for name in FORMATS:
        for file, text in render_rules(name, HAND_CHECKED, customer).items():
            if file.startswith("firewall."):
                assert all(char.isprintable() or char in "\r\n" for char in text)
            else:
                assert re.fullmatch(r"[\t\n\x20-\x7e]*", text)
            if file.endswith(".json"):
                json.loads(text)


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_of_networks_changes_nothing(name: str) -> None:
    mixed = customer_from(
        "acme",
        *("203.0.113.136/29", "203.0.113.20/32", "203.0.113.128/29"),
        *("2001:db8:200:0:8000::/65", "2001:db8:200::/65"),
        inside=("10.20.128.0/17", "10.20.0.0/17", "10.20.3.0/24"),
        contact=ACME.contact,
    )
    assert render_rules(name, HAND_CHECKED, mixed) == render_rules(name, HAND_CHECKED, ACME)


@pytest.mark.parametrize("name", FORMATS)
def test_without_a_shared_family_nothing_is_rendered(name: str) -> None:
    service = PackService("lab", "ftps.exchange.example", "198.51.100.10", None, 21, None, (50000, 50099))
    with pytest.raises(ExchangeError, match="never means 'from anywhere'"):
        render_rules(name, service, customer_from("acme", "2001:db8:200::/64"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_family_that_the_service_lacks_appears_nowhere(name: str) -> None:
    service = PackService("lab", "ftps.exchange.example", "198.51.100.10", None, 21, None, (50000, 50099))
    for text in render_rules(name, service, ACME).values():
        assert "2001:db8" not in text


def test_names_of_objects_differ_between_customers_and_services() -> None:
    names = {
        job.name
        for service in ("a", "a-b")
        for customer in ("c", "b-c", "b.c", "b_c", "b" * 32)
        for job in jobs(dataclasses.replace(HAND_CHECKED, name=service), customer_from(customer, "203.0.113.20/32"))
        if job.side == "provider"
    }
    assert len(names) == 10
    assert all(re.fullmatch(r"[A-Za-z0-9-]{1,24}", name) for name in names)


@pytest.mark.parametrize("name", ["cisco_asa", "cisco_ios", "juniper_srx", "palo_alto", "fortigate"])
def test_lines_for_a_console_stay_short_with_many_networks(name: str) -> None:
    many = customer_from(
        "a-rather-long-name-of-000001",
        *(f"203.0.{number // 100}.{2 * (number % 100)}/32" for number in range(400)),
        *(f"2001:db8:{number:x}::/64" for number in range(400)),
    )
    for text in render_rules(name, HAND_CHECKED, many).values():
        assert max(len(line) for line in text.split("\n") if line[:1] not in "#!") < 300


def test_customers_of_one_azure_group_have_priorities_of_their_own() -> None:
    """Azure refuses a second rule with the same priority and direction."""

    def first(customer: Customer) -> int:
        template = json.loads(render_rules("azure", HAND_CHECKED, customer)["azure-provider.json"])
        return int(template["parameters"]["firstPriority"]["defaultValue"])

    found = [first(customer_from(f"customer-{number}", "203.0.113.20/32")) for number in range(100)]
    assert len(set(found)) > 90
    assert all(200 <= number <= 3998 and number % 2 == 0 for number in found)
    # Another network, or a family more, moves none
    assert first(customer_from("customer-1", "203.0.113.99/32", "2001:db8:200::/64")) == found[1]


# ------------------------------------------------------------------------------------------------------- the checker


def check(name: str, files: dict[str, str], customer: Customer = ACME) -> None:
    checker.check_rules(name, HAND_CHECKED, customer, files)


def replaced(files: dict[str, str], file: str, old: str, new: str) -> dict[str, str]:
    assert old in files[file], (file, old)
    return {**files, file: files[file].replace(old, new, 1)}


def lines_with_rules(text: str) -> list[int]:
    """The numbers of lines that are neither empty nor a comment."""
    return [number for number, line in enumerate(text.split("\n")) if line.strip() and line.strip()[0] not in "#!"]


@pytest.mark.parametrize("name", FORMATS)
def test_no_address_or_port_can_be_changed_unnoticed(name: str) -> None:
    """Each address and port of each rule, one after the other, becomes another."""
    files = render_rules(name, HAND_CHECKED, ACME)
    changed = 0
    for file, text in files.items():
        lines = text.split("\n")
        for number in lines_with_rules(text):
            if name in ("aws", "azure") and not re.match(
                r'\s*"(Cidr|From|To|Source|Desti|\d|20)|\s*"[0-9a-f.:/]+"', lines[number]
            ):
                continue
            if name == "table" and not lines[number].startswith(("| customer", "| provider", '"customer', '"provider')):
                continue
            for found in re.finditer(
                r"(?<![\w.:/-])(?:[0-9a-f]+[.:][0-9a-f.:]*[0-9a-f](?:/\d+)?|21|990|50000|50099)(?![\w.])", lines[number]
            ):
                other = {"21": "22", "990": "991", "50000": "50001", "50099": "50098"}.get(found[0])
                if other is None:
                    other = "192.0.2.77" if "." in found[0] else "2001:db8:bad::77"
                line = lines[number][: found.start()] + other + lines[number][found.end() :]
                with pytest.raises(ExchangeError, match="report it"):
                    check(name, {**files, file: "\n".join([*lines[:number], line, *lines[number + 1 :]])})
                changed += 1
    assert changed >= 16


# In each format one rule that names no source, no destination or no port, as its language would write it.
OPEN = {
    "nftables": ("nftables-customer.nft", "ip saddr 10.20.0.0/16 ip daddr", "ip daddr"),
    "iptables": ("iptables-customer.rules", "-s 10.20.0.0/16 ", ""),
    "cisco_asa": ("cisco_asa-customer.txt", "tcp 10.20.0.0 255.255.0.0", "tcp any"),
    "cisco_ios": ("cisco_ios-customer.txt", " eq 21", ""),
    "juniper_srx": ("juniper_srx-customer.txt", "match source-address FTPS-lab-CLIENTS4", "match source-address any"),
    "palo_alto": ("palo_alto-customer.txt", "source FTPS-lab-CLIENTS4", "source any"),
    "fortigate": ("fortigate-customer.txt", 'set srcaddr "FTPS-lab-CLIENTS4"', 'set srcaddr "all"'),
    "windows": ("windows-customer.ps1", "        RemotePort = @('21', '990', '50000-50099')\n", ""),
    "pf_openbsd": ("pf_openbsd-customer.conf", "from { 10.20.0.0/16 } to", "from any to"),
    "pf_freebsd": ("pf_freebsd-customer.conf", "from { 10.20.0.0/16 } to", "from any to"),
    "routeros": ("routeros-customer.rsc", "src-address=10.20.0.0/16 ", ""),
    "aws": ("aws-provider.json", "203.0.113.20/32", "0.0.0.0/0"),
    "azure": ("azure-customer.json", '"10.20.0.0/16"', '"*"'),
    "table": ("firewall.md", "| 10.20.0.0/16 |", "| any |"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_rule_that_names_not_all_of_it_is_refused(name: str) -> None:
    file, old, new = OPEN[name]
    files = render_rules(name, HAND_CHECKED, ACME)
    with pytest.raises(ExchangeError, match=f"customer acme: rules for {name}"):
        check(name, replaced(files, file, old, new))


# In each format that has settings by name: one that is given twice, the second time as it should be.
TWICE = {
    "juniper_srx": (
        "juniper_srx-customer.txt",
        r"^set security policies .* match source-address (FTPS-lab-CLIENTS4)$",
        "FTPS-lab-SERVICE4",
    ),
    "fortigate": ("fortigate-customer.txt", r'^        set srcaddr "(FTPS-lab-CLIENTS4)"$', "FTPS-lab-SERVICE4"),
    "windows": ("windows-customer.ps1", r"^        LocalAddress = @\('(10\.20\.0\.0/16)'\)$", "192.0.2.0/24"),
    "palo_alto": ("palo_alto-customer.txt", r"^set service FTPS-lab protocol tcp port (21),990,50000-50099$", "22"),
    "cisco_asa": ("cisco_asa-customer.txt", r"^access-list .* tcp (10\.20)\.0\.0 .* eq 21$", "10.21"),
}


@pytest.mark.parametrize("name", sorted(TWICE))
def test_a_setting_that_is_given_twice_is_refused(name: str) -> None:
    file, pattern, other = TWICE[name]
    files = render_rules(name, HAND_CHECKED, ACME)
    line = re.search(pattern, files[file], re.MULTILINE)
    assert line is not None
    wrong = files[file][line.start() : line.start(1)] + other + files[file][line.end(1) : line.end()]
    with pytest.raises(ExchangeError, match="report it"):
        check(name, replaced(files, file, line[0], f"{wrong}\n{line[0]}"))


def test_a_setting_outside_of_its_entry_is_refused() -> None:
    files = render_rules("fortigate", HAND_CHECKED, ACME)
    for old, new in (
        ("    next\nend\n", "    next\n        set nat enable\nend\n"),
        ("    next\n", ""),
        ("end\n", ""),
        # It would join what the group had before
        ("        set member", "        append member"),
    ):
        with pytest.raises(ExchangeError, match="out of its place"):
            check("fortigate", replaced(files, "fortigate-customer.txt", old, new))


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("aws", "aws-customer-network-firewall.json", '"TCP"', '"IP"'),
        ("aws", "aws-customer-network-firewall.json", '"FORWARD"', '"ANY"'),
        ("aws", "aws-customer-network-firewall.json", '"PASS"', '"DROP"'),
        ("aws", "aws-customer.json", '"IpProtocol": "tcp"', '"IpProtocol": "-1"'),
        ("aws", "aws-provider.json", '"Resources": {', '"Resources": {"Other": {"Type": "AWS::EC2::SecurityGroup"},'),
        ("aws", "aws-customer.json", '"GroupName"', '"SecurityGroupIngress": [], "GroupName"'),
        # CloudFormation lets out everything of a group that says nothing of what goes out
        ("aws", "aws-provider.json", '"SecurityGroupEgress"', '"Tags"'),
        ("aws", "aws-provider.json", '"CidrIp": "127.0.0.1/32"', '"CidrIp": "0.0.0.0/0"'),
        ("aws", "aws-provider.json", '"CidrIp": "127.0.0.1/32"', '"CidrIpv6": "::1/128"'),
        ("aws", "aws-provider-network-firewall.json", "STRICT_ORDER", "DEFAULT_ACTION_ORDER"),
        ("azure", "azure-customer.json", '"Tcp"', '"*"'),
        ("azure", "azure-customer.json", '"Allow"', '"Deny"'),
        ("azure", "azure-customer.json", '"protocol"', '"destinationPortRange": "*", "protocol"'),
        ("juniper_srx", "juniper_srx-customer.txt", "then permit", "then deny"),
        (
            "juniper_srx",
            "juniper_srx-provider.txt",
            "pool FTPS-lab-4 address 10.77.10.11",
            "pool FTPS-lab-4 address 10.77.10.12",
        ),
        ("juniper_srx", "juniper_srx-provider.txt", "match destination-port 21\n", "match destination-port 22\n"),
        # Of another zone's book: the policy would not find it
        ("juniper_srx", "juniper_srx-provider-zone-books.txt", "security-zone dmz", "security-zone untrust"),
        (
            "juniper_srx",
            "juniper_srx-customer-zone-books.txt",
            "zones security-zone trust address-book",
            "address-book global",
        ),
        ("fortigate", "fortigate-customer.txt", "set action accept", "set action deny"),
        ("fortigate", "fortigate-customer.txt", 'set schedule "always"', 'set schedule "none"'),
        ("fortigate", "fortigate-customer.txt", "    set helper disable", "    set helper auto"),
        # Its name differs between versions: nothing but the default can be meant
        ("fortigate", "fortigate-customer.txt", "unset protocol", "set protocol IP"),
        ("fortigate", "fortigate-customer.txt", "unset protocol", "set protocol TCP/UDP/SCTP"),
        ("fortigate", "fortigate-customer.txt", "        unset protocol\n", ""),
        ("windows", "windows-customer.ps1", "Protocol = 'TCP'", "Protocol = 'Any'"),
        ("windows", "windows-customer.ps1", "Action = 'Allow'", "Action = 'Block'"),
        ("windows", "windows-customer.ps1", "Direction = 'Outbound'", "Direction = 'Inbound'"),
        ("windows", "windows-customer.ps1", "LocalAddress = @('10.20.0.0/16')", "LocalAddress = @()"),
        ("windows", "windows-customer.ps1", "        Protocol", "        Service = 'Any'\n        Protocol"),
        ("pf_openbsd", "pf_openbsd-customer.conf", "proto tcp ", ""),
        ("pf_openbsd", "pf_openbsd-customer.conf", " flags S/SA keep state", ""),
        # What leaves with a private source was not translated
        (
            "pf_openbsd",
            "pf_openbsd-customer.conf",
            "out quick inet proto tcp from { ",
            "out quick inet proto tcp from { 10.20.0.0/16, ",
        ),
        # The parser of FreeBSD before 15 refuses it, and the whole file with it
        ("pf_freebsd", "pf_freebsd-provider.conf", "flags S/SA keep state", "flags S/SA keep state rdr-to 10.77.10.11"),
        ("pf_openbsd", "pf_openbsd-provider.conf", "pass in quick", "rdr pass"),
        ("pf_freebsd", "pf_freebsd-provider.conf", "rdr pass", "rdr"),
        ("fortigate", "fortigate-customer.txt", "        set nat enable\n", ""),
        ("fortigate", "fortigate-customer-central-nat.txt", "        set nat enable\n", ""),
        (
            "fortigate",
            "fortigate-customer-central-nat.txt",
            "set action accept\n",
            "set action accept\n        set nat enable\n",
        ),
        ("fortigate", "fortigate-provider.txt", "        set portforward enable\n", ""),
        ("fortigate", "fortigate-provider.txt", "set mappedport 21\n", "set mappedport 22\n"),
        ("fortigate", "fortigate-provider-central-nat.txt", '"FTPS-lab-acme-SERVICE4"', '"FTPS-lab-VIP4-21"'),
        ("cisco_asa", "cisco_asa-provider.txt", "service tcp source eq 21", "service tcp source range 1 65535"),
        ("cisco_asa", "cisco_asa-provider.txt", "FTPS-lab-PUBLIC4 service", "interface service"),
        ("cisco_ios", "cisco_ios-provider.txt", "tcp 10.77.10.11 21 198.51.100.10 21", "10.77.10.11 198.51.100.10"),
        ("cisco_ios", "cisco_ios-provider.txt", "50050 no-payload", "50051 no-payload"),
        ("routeros", "routeros-customer.rsc", " place-before=[:pick $others 0]", " place-before=0"),
        ("routeros", "routeros-customer.rsc", "jump-target=FTPS-lab comment", "jump-target=FTPS-other comment"),
        (
            "routeros",
            "routeros-customer.rsc",
            "[/ip firewall filter find chain=forward dynamic=no]",
            "[/ipv6 firewall filter find chain=forward dynamic=no]",
        ),
        ("routeros", "routeros-customer.rsc", "protocol=tcp ", ""),
        ("routeros", "routeros-customer.rsc", "connection-state=established", "connection-state=new"),
        ("nftables", "nftables-customer.nft", "ct state established accept", "accept"),
        ("nftables", "nftables-provider.nft", "policy accept;", "policy drop;"),
        ("iptables", "iptables-customer.rules", "-p tcp ", ""),
        ("iptables", "iptables-customer.rules", "--ctstate ESTABLISHED", "--ctstate NEW"),
        ("palo_alto", "palo_alto-customer.txt", "protocol tcp", "protocol udp"),
        ("cisco_ios", "cisco_ios-customer.txt", "  inspect", "  pass"),
        # By an access list alone, inspect reads FTP on port 21 and opens what FTP agrees on
        ("cisco_ios", "cisco_ios-customer.txt", " match protocol tcp\n", ""),
        ("cisco_ios", "cisco_ios-customer.txt", " match protocol tcp\n", " match protocol ftp\n"),
        ("cisco_ios", "cisco_ios-customer.txt", "inspect match-all", "inspect match-any"),
        ("cisco_ios", "cisco_ios-customer.txt", " match access-group name FTPS-lab-OUT4\n", ""),
        ("cisco_ios", "cisco_ios-customer.txt", "access-group name FTPS-lab-OUT4", "access-group name FTPS-lab-OUT6"),
        ("cisco_ios", "cisco_ios-customer.txt", " class type inspect FTPS-lab-OUT4\n  inspect\n", ""),
        ("table", "firewall.csv", '"tcp"', '"any"'),
    ],
)
def test_a_rule_that_says_something_else_is_refused(name: str, file: str, old: str, new: str) -> None:
    with pytest.raises(ExchangeError, match="report it"):
        check(name, replaced(render_rules(name, HAND_CHECKED, ACME), file, old, new))


@pytest.mark.parametrize("side", ["customer", "provider"])
def test_a_security_group_without_a_word_about_what_goes_out_is_refused(side: str) -> None:
    """CloudFormation: "if you do not add egress rules, we add egress rules that allow all outbound"."""
    files = render_rules("aws", HAND_CHECKED, ACME)
    egress: list[object] | None
    for egress in (None, []):
        template = json.loads(files[f"aws-{side}.json"])
        properties = template["Resources"]["SecurityGroup"]["Properties"]
        del properties["SecurityGroupEgress"]
        if egress is not None:
            properties["SecurityGroupEgress"] = egress
        with pytest.raises(ExchangeError, match="report it"):
            check("aws", {**files, f"aws-{side}.json": json.dumps(template)})


# What a text might bring that broke out of its comment: a rule of the format that opens everything.
BROKEN_OUT = {
    "nftables": "accept",
    "iptables": "-A FORWARD -j ACCEPT",
    "cisco_asa": "access-list FTPS-lab-OUT extended permit ip any any",
    "cisco_ios": " permit ip any any",
    "juniper_srx": "set security policies default-policy permit-all",
    "palo_alto": "set rulebase security rules x from any to any source any destination any action allow",
    "fortigate": "set srcaddr all",
    "windows": "Set-NetFirewallProfile -Enabled False",
    "pf_openbsd": "pass quick all",
    "pf_freebsd": "pass quick all",
    "routeros": "/ip firewall filter add chain=forward action=accept",
}


@pytest.mark.parametrize("name", sorted(BROKEN_OUT))
def test_a_line_that_nobody_meant_is_refused_wherever_it_stands(name: str) -> None:
    files = render_rules(name, HAND_CHECKED, ACME)
    for file, text in files.items():
        lines = text.split("\n")
        for number in range(0, len(lines), 3):
            with pytest.raises(ExchangeError, match="report it"):
                check(name, {**files, file: "\n".join([*lines[:number], BROKEN_OUT[name], *lines[number:]])})


@pytest.mark.parametrize("hidden", ["\u2028", "\u202e", "\x85", "\x0b", "\x00"])
def test_a_character_that_hides_something_is_refused_in_a_comment_too(hidden: str) -> None:
    files = render_rules("nftables", HAND_CHECKED, ACME)
    with pytest.raises(ExchangeError, match="hides something"):
        check("nftables", replaced(files, "nftables-customer.nft", "# For:", f"# {hidden}For:"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_or_a_rule_that_is_missing_is_told(name: str) -> None:
    files = render_rules(name, HAND_CHECKED, ACME)
    for file in files:
        if name in ("table", "aws") and len(files) > 1 and file != "aws-customer.json":
            continue  # the same is said twice there
        with pytest.raises(ExchangeError, match="lacks what"):
            check(name, {other: text for other, text in files.items() if other != file})


def test_rules_of_another_customer_are_refused() -> None:
    other = customer_from("globex", "203.0.113.99/32")
    for name in FORMATS:
        with pytest.raises(ExchangeError, match="customer globex"):
            check(name, render_rules(name, HAND_CHECKED, ACME), other)


def test_what_is_open_is_refused_even_before_it_is_compared() -> None:
    """Were the model itself ever wrong, a rule without an end would still not pass."""
    for sources, ports in (([], ["21"]), (["10.0.0.0/8"], []), (["0.0.0.0/0"], ["21"]), (["::/0"], ["21"])):
        with pytest.raises(reading.UnsoundError):
            list(reading.each("pass", sources, "198.51.100.10", ports))
    for ports_of in ("0", "0-65535", "21-20", "1-65536", "any"):
        with pytest.raises((reading.UnsoundError, ValueError)):
            list(reading.each("pass", ["10.0.0.0/8"], "198.51.100.10", [ports_of]))
    with pytest.raises(reading.UnsoundError, match="not defined in the file"):
        reading.Objects().all("CLIENTS")


def test_nothing_leaves_that_the_checker_refuses() -> None:
    def empty(job: Job) -> dict[str, str]:
        return {f"nftables-{job.side}.nft": "table inet filter {\n\tct state new accept\n}\n"}

    with (
        mock.patch.dict(REGISTRY, {"nftables": dataclasses.replace(REGISTRY["nftables"], render=empty)}),
        pytest.raises(ExchangeError, match="an unknown line: 'ct state new accept'"),
    ):
        render_rules("nftables", HAND_CHECKED, ACME)
