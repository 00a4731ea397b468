"""nftables and iptables files, loaded by this machine's kernel in networks of their own, and packets through them.

A client, a router with the generated rules and a default of "deny", and a server. What must pass passes, nothing else
does, each generated rule is needed, and a second load changes nothing. What 500 random customers' files mean is asked
of the kernel, not of the text.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import product
from typing import Any, Final

import pytest

from ftps_exchange.packs import PackCustomer, PackService, render_rules
from ftps_exchange.packs.flows import Job, jobs
from tests.unit.ftps_exchange import namespaces
from tests.unit.ftps_exchange.namespaces import Namespace, connect
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED, cases

PROBED: Final = (20, 21, 22, 80, 989, 990, 991, 49999, 50000, 50050, 50099, 50100)
PASSING: Final = (21, 990, 50000, 50050, 50099)
QUICK, PATIENT = 0.4, 5.0


@pytest.fixture(scope="module")
def kernel() -> None:
    """`make test` installs the programs and runs as root; only a quick `make unit` may lack either."""
    absent, refused = namespaces.absent(), namespaces.refused()
    if absent and not os.environ.get("CI"):
        pytest.skip(absent)
    if refused and os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip(refused)
    if absent or refused:
        pytest.fail(absent or refused or "", pytrace=False)


@dataclass
class Network:
    """A client and a server with a router between them that forwards nothing by itself."""

    client: Namespace
    router: Namespace
    server: Namespace

    def passes(self, source: str, target: str, port: int, timeout: float) -> bool:
        return self.client.connects(source, target, port, timeout=timeout)


SERVERS: Final = (
    "198.51.100.10/24",
    "198.51.100.11/24",
    "10.77.10.11/24",
    "2001:db8:100::10/64",
    "2001:db8:100::11/64",
)
CLIENTS: Final = (
    "10.20.0.5/16", "203.0.113.20/24", "203.0.113.130/24", "203.0.113.99/24", "192.0.2.5/24",
    "2001:db8:200::5/64", "2001:db8:bad::5/64",
)  # fmt: skip


@pytest.fixture
def network(kernel: None) -> Iterator[Network]:
    client, router, server = Namespace(), Namespace(), Namespace()
    connect(client, router, "wan", "inside")
    connect(server, router, "lan", "outside")
    client.addresses("wan", *CLIENTS)
    server.addresses("lan", *SERVERS)
    router.addresses(
        "inside", "10.20.0.1/16", "203.0.113.1/24", "192.0.2.1/24", "2001:db8:200::1/64", "2001:db8:bad::1/64"
    )
    router.addresses("outside", "198.51.100.1/24", "10.77.10.1/24", "2001:db8:100::1/64")
    client.run("ip", "route", "add", "default", "via", "203.0.113.1")
    client.run("ip", "-6", "route", "add", "default", "via", "2001:db8:200::1")
    server.run("ip", "route", "add", "default", "via", "198.51.100.1")
    server.run("ip", "-6", "route", "add", "default", "via", "2001:db8:100::1")
    router.forward()
    listeners = [listener for port in PROBED for listener in server.listen(port)] + client.listen(2000)
    yield Network(client, router, server)
    for listener in listeners:
        listener.close()
    for namespace in (client, router, server):
        namespace.close()


# The router denies everything; a reset instead of silence only spares the test the waiting.
NFT_BASE = """
flush ruleset
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
"""


def load(router: Namespace, name: str, side: str, files: dict[str, str], chain: str) -> None:
    """A firewall that denies everything, then the generated files as their headers say, each of them twice."""
    if name == "nftables":
        (text,) = (text for file, text in files.items() if side in file)
        router.run("nft", "-f", "-", text=NFT_BASE)
        router.run("nft", "-f", "-", text=text)
        router.run("nft", "insert", "rule", "inet", "filter", "forward", "jump", chain)
        router.run("nft", "-f", "-", text="add rule inet filter forward meta l4proto tcp reject with tcp reset")
        before = router.run("nft", "--stateless", "list", "ruleset")
        router.run("nft", "-f", "-", text=text)
        assert router.run("nft", "--stateless", "list", "ruleset") == before
        return
    for tool in ("iptables", "ip6tables"):
        router.run(f"{tool}-restore", text="*filter\n:FORWARD DROP [0:0]\nCOMMIT\n*nat\nCOMMIT\n")
        rules = files.get(f"{tool}-{side}.rules")
        if rules is None:
            continue
        router.run(f"{tool}-restore", "--noflush", text=rules)
        router.run(tool, "-I", "FORWARD", "-j", chain)
        if "*nat" in rules:
            router.run(tool, "-t", "nat", "-I", "PREROUTING", "-j", chain)
        router.run(tool, "-A", "FORWARD", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
        held = saved(router, tool)
        router.run(f"{tool}-restore", "--noflush", text=rules)
        assert saved(router, tool) == held


def saved(router: Namespace, tool: str) -> list[str]:
    """What iptables-save says, without comments and counters."""
    return [re.sub(r"\[[0-9:]+\]", "", line) for line in router.run(f"{tool}-save").split("\n") if line[:1] != "#"]


FORMATS = ("nftables", "iptables")
CHAINS = {
    ("nftables", "customer"): "ftps_lab",
    ("nftables", "provider"): "ftps_lab_acme",
    ("iptables", "customer"): "FTPS-lab",
    ("iptables", "provider"): "FTPS-lab-acme",
}
ALLOWED = {
    "customer": {("10.20.0.5", "198.51.100.10"), ("2001:db8:200::5", "2001:db8:100::10")},
    "provider": {
        ("203.0.113.20", "198.51.100.10"),
        ("203.0.113.130", "198.51.100.10"),
        ("2001:db8:200::5", "2001:db8:100::10"),
    },
}
# What the provider's router forwards without translation is the server itself; from the Internet nobody routes there.
TARGETS = {
    "customer": ("198.51.100.10", "198.51.100.11", "10.77.10.11", "2001:db8:100::10", "2001:db8:100::11"),
    "provider": ("198.51.100.10", "198.51.100.11", "2001:db8:100::10", "2001:db8:100::11"),
}


@pytest.mark.parametrize("side", ["customer", "provider"])
@pytest.mark.parametrize("name", FORMATS)
def test_what_must_pass_passes_and_nothing_else(network: Network, name: str, side: str) -> None:
    load(network.router, name, side, render_rules(name, HAND_CHECKED, ACME), CHAINS[name, side])
    if side == "provider":
        # The server has the address behind the translation only.
        network.server.run("ip", "address", "del", "198.51.100.10/24", "dev", "lan")
        network.server.run("ip", "route", "replace", "default", "via", "10.77.10.1")
    sources = [address.split("/")[0] for address in CLIENTS]
    probes = [
        (source, target, port)
        for source, target, port in product(sources, TARGETS[side], PROBED)
        if (":" in source) == (":" in target)
    ]
    wanted = {probe for probe in probes if probe[:2] in ALLOWED[side] and probe[2] in PASSING}
    assert len(wanted) == len(ALLOWED[side]) * len(PASSING)
    passed = {probe for probe in probes if network.passes(*probe, PATIENT if probe in wanted else QUICK)}
    assert passed == wanted


@pytest.mark.parametrize("name", FORMATS)
def test_the_service_cannot_connect_back(network: Network, name: str) -> None:
    load(network.router, name, "customer", render_rules(name, HAND_CHECKED, ACME), CHAINS[name, "customer"])
    assert network.passes("10.20.0.5", "198.51.100.10", 21, PATIENT)
    for source, target in (("198.51.100.10", "10.20.0.5"), ("2001:db8:100::10", "2001:db8:200::5")):
        # 50020 is one of the ports that answers come from: what is not established is no answer.
        for source_port in (0, 50020):
            assert not network.server.connects(source, target, 2000, timeout=QUICK, source_port=source_port)


def generated_rules(text: str) -> list[int]:
    return [number for number, line in enumerate(text.split("\n")) if re.match(r"\s*(ip6? saddr|-A )", line)]


@pytest.mark.parametrize("side", ["customer", "provider"])
@pytest.mark.parametrize("name", FORMATS)
def test_each_generated_rule_is_needed(network: Network, name: str, side: str) -> None:
    files = {file: text for file, text in render_rules(name, HAND_CHECKED, ACME).items() if side in file}
    if side == "provider":
        network.server.run("ip", "address", "del", "198.51.100.10/24", "dev", "lan")
        network.server.run("ip", "route", "replace", "default", "via", "10.77.10.1")
    removed = 0
    for file, text in files.items():
        for number in generated_rules(text):
            lines = text.split("\n")
            without = {**files, file: "\n".join(lines[:number] + lines[number + 1 :])}
            load(network.router, name, side, without, CHAINS[name, side])
            passing = [network.passes(source, target, 21, QUICK) for source, target in sorted(ALLOWED[side])]
            assert not all(passing), lines[number]
            removed += 1
    assert removed >= 4


# ------------------------------------------------------------------------------------------------ what 500 files mean

type Meaning = set[tuple[str, str, str, str, frozenset[tuple[int, int]], frozenset[tuple[int, int]]]]
"""Chain, kind, service address, translation, intervals of clients, intervals of ports."""


def merged(intervals: Iterable[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """The same numbers in the fewest intervals: neither the kernel nor the model care how they are cut."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return frozenset(result)


def addresses_of(texts: Iterable[str]) -> frozenset[tuple[int, int]]:
    return merged((int(ip_network(text)[0]), int(ip_network(text)[-1])) for text in texts)


def model_says(job: Job, chain: str) -> Meaning:
    result: Meaning = set()
    for flow in job.flows:
        clients, ports = addresses_of(flow.sources), merged(flow.ports)
        result |= {(chain, kind, flow.server, "", clients, ports) for kind in ("pass", "back")}
        if flow.translated:
            result.add((chain, "translate", flow.service, flow.server, clients, ports))
    return result


def nft_intervals(right: Any) -> Iterator[tuple[int, int]]:
    """What a value of nft's JSON stands for."""
    match right:
        case {"set": list(elements)}:
            for element in elements:
                yield from nft_intervals(element)
        case {"prefix": {"addr": address, "len": length}}:
            network = ip_network(f"{address}/{length}")
            yield int(network[0]), int(network[-1])
        case {"range": [first, last]}:
            yield (nft_number(first), nft_number(last))
        case _:
            yield (nft_number(right),) * 2


def nft_number(value: str | int) -> int:
    return value if isinstance(value, int) else int(ip_network(value)[0])


def nft_says(ruleset: dict[str, Any]) -> Meaning:
    """The rules as the kernel holds them."""
    result: Meaning = set()
    for entry in ruleset["nftables"]:
        rule = entry.get("rule")
        if rule is None:
            continue
        values: dict[str, Any] = {}
        for expression in rule["expr"]:
            (kind, content) = next(iter(expression.items()))
            if kind == "match":
                assert content["op"] in ("==", "in")
                left = content["left"].get("payload") or content["left"]["ct"]
                values[left.get("field") or left["key"]] = content["right"]
            else:
                values[kind] = content
        states = values.pop("state", None)
        states = set(
            states
            if isinstance(states, list)
            else (states or {}).get("set", [])
            if isinstance(states, dict)
            else [states]
        )
        if "dnat" in values:
            kind, client, service, port, to = "translate", "saddr", "daddr", "dport", values.pop("dnat")["addr"]
            chain = rule["table"]
        else:
            assert values.pop("accept", "") is None
            to, chain = "", rule["chain"]
            back = "sport" in values
            assert states == ({"established"} if back else {"new", "established"})
            kind, client, service, port = (
                ("back", "daddr", "saddr", "sport") if back else ("pass", "saddr", "daddr", "dport")
            )
        clients, ports = merged(nft_intervals(values.pop(client))), merged(nft_intervals(values.pop(port)))
        result.add((chain, kind, values.pop(service), to, clients, ports))
        assert not values, values
    return result


@pytest.fixture
def router(kernel: None) -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.mark.parametrize("batch", range(10))
def test_the_kernel_understands_nftables_files_as_the_model_means_them(router: Namespace, batch: int) -> None:
    wanted: Meaning = set()
    texts: list[str] = []
    for service, customer in cases(500)[batch::10]:
        texts += render_rules("nftables", service, customer).values()
        for job in jobs(service, customer):
            wanted |= model_says(job, job.name.lower().replace("-", "_"))
    router.run("nft", "-f", "-", text="".join(texts))
    before = router.run("nft", "--json", "list", "ruleset")
    assert nft_says(json.loads(before)) == wanted
    router.run("nft", "-f", "-", text="".join(texts))
    assert nft_says(json.loads(router.run("nft", "--json", "list", "ruleset"))) == wanted


def iptables_says(lines: Iterable[str]) -> Meaning:
    """The rules as the kernel holds them, one for each client network, put together again."""
    found: dict[tuple[str, str, str, str, frozenset[tuple[int, int]]], list[str]] = {}
    for line in lines:
        if not line.startswith("-A"):
            continue
        words = [word for word in shlex.split(line) if word not in ("-m", "multiport", "conntrack")]
        values = dict(zip(words[::2], words[1::2], strict=True))
        # The kernel's tools add the name of a match that is loaded by its protocol.
        assert values.pop("-p") == "tcp"
        chain, target = values.pop("-A"), values.pop("-j")
        states = values.pop("--ctstate", "")
        to = values.pop("--to-destination", "")
        back = "--sports" in values
        port_texts = values.pop("--sports" if back else "--dports").split(",")
        client, service = values.pop("-d" if back else "-s"), values.pop("-s" if back else "-d")
        kind = "translate" if to else "back" if back else "pass"
        assert (target, states) == {
            "translate": ("DNAT", ""),
            "back": ("ACCEPT", "ESTABLISHED"),
            "pass": ("ACCEPT", "NEW,ESTABLISHED"),
        }[kind]
        assert not values, values
        ports = merged((int(text.split(":")[0]), int(text.split(":")[-1])) for text in port_texts)
        found.setdefault((chain, kind, str(ip_network(service)[0]), to, ports), []).append(client)
    return {
        (chain, kind, service, to, addresses_of(clients), ports)
        for (chain, kind, service, to, ports), clients in found.items()
    }


@pytest.mark.parametrize("tool", ["iptables", "ip6tables"])
def test_the_kernel_understands_iptables_files_as_the_model_means_them(router: Namespace, tool: str) -> None:
    wanted: Meaning = set()
    filters: list[str] = []
    translations: list[str] = []
    for service, customer in cases(500):
        for file, text in render_rules("iptables", service, customer).items():
            if file.startswith(f"{tool}-"):
                first, _, second = text.partition("*nat\n")
                filters += [line for line in first.split("\n") if line.startswith((":", "-A"))]
                translations += [line for line in second.split("\n") if line.startswith((":", "-A"))]
        for job in jobs(service, customer):
            wanted |= {fact for fact in model_says(job, job.name) if (":" in fact[2]) == (tool == "ip6tables")}
    # One call for all: what a file holds besides is the same line of each table.
    together = "\n".join(["*filter", *filters, "COMMIT", "*nat", *translations, "COMMIT", ""])
    router.run(f"{tool}-restore", "--noflush", text=together)
    assert iptables_says(router.run(f"{tool}-save").split("\n")) == wanted


@pytest.mark.parametrize("number", range(20))
def test_whole_files_of_random_customers_are_loaded_as_they_are(router: Namespace, number: int) -> None:
    service, customer = cases(20)[number]
    for text in render_rules("nftables", service, customer).values():
        router.run("nft", "-f", "-", text=text)
    for file, text in render_rules("iptables", service, customer).items():
        router.run(f"{file.split('-')[0]}-restore", "--noflush", text=text)


def test_a_service_without_translation_is_loaded_too(router: Namespace) -> None:
    service = PackService("lab", "ftps.exchange.example", "198.51.100.10", None, 21, None, (50000, 50099))
    customer = PackCustomer("acme", sources4=("203.0.113.20/32",))
    for text in render_rules("nftables", service, customer).values():
        assert "dnat" not in text
        router.run("nft", "-f", "-", text=text)
