"""What others make of the same lists, or of the files: aerleon, cfn-lint, a JSON schema, and the engine of PowerShell.

None of them is a firewall. aerleon is another generator, whose masks, names of ports and syntax were not written here;
cfn-lint knows the published shapes of CloudFormation; the schema of Azure's rules is that of the published
Microsoft.Network 2023-11-01, as far as it goes here; the engine of PowerShell runs the script over stand-ins of the
three commands that only Windows has.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]
import pytest

from ftps_exchange.model.view import Customer
from ftps_exchange.packs import PackService, render_rules
from ftps_exchange.packs.flows import Flow, Job, jobs
from ftps_exchange.packs.service import texts
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED, cases
from tests.windows import powershell as windows

# --------------------------------------------------------------------------------------------------------- aerleon


@pytest.fixture(scope="module")
def aerleon() -> Any:
    """A function: (target, options, flow) -> text. It logs every remark about itself, which is silenced."""
    from absl import logging as absl_logging
    from aerleon import api
    from aerleon.lib import naming

    absl_logging.set_verbosity(absl_logging.ERROR)
    logging.disable(logging.WARNING)

    def generate(target: str, options: str, flow: Flow) -> str:
        definitions = naming.Naming()
        definitions.ParseDefinitionsObject(
            {
                "networks": {
                    "CLIENTS": {"values": [{"address": source} for source in flow.sources]},
                    "SERVICE": {"values": [{"address": str(ip_network(flow.server))}]},
                },
                "services": {
                    "FTPS": [
                        {"protocol": "tcp", "port": first if first == last else f"{first}-{last}"}
                        for first, last in flow.ports
                    ]
                },
            },
            "",
        )
        term = {
            "name": "ftps",
            "source-address": "CLIENTS",
            "destination-address": "SERVICE",
            "protocol": "tcp",
            "destination-port": "FTPS",
            "action": "accept",
        }
        policy: Any = {"filename": "x", "filters": [{"header": {"targets": {target: options}}, "terms": [term]}]}
        generated = api.Generate([policy], definitions)
        assert generated is not None
        (text,) = generated.values()
        return text

    yield generate
    logging.disable(logging.NOTSET)


def all_jobs(count: int) -> list[tuple[PackService, Customer, Job]]:
    return [(service, customer, job) for service, customer in cases(count) for job in jobs(service, customer)]


def file_of(name: str, service: PackService, customer: Customer, job: Job) -> str:
    (text,) = (text for file, text in render_rules(name, service, customer).items() if f"-{job.side}." in file)
    return text


def found(pattern: str, text: str) -> list[str]:
    """Every match outside of comments, sorted."""
    lines = (line for line in text.split("\n") if not line.lstrip().startswith(("#", "!")))
    return sorted(match for line in lines for match in re.findall(pattern, line))


CASES: Final = 60


def test_cisco_ios_lists_are_those_of_another_generator(aerleon: Any) -> None:
    for service, customer, job in all_jobs(CASES):
        ours = found(r"permit .*", file_of("cisco_ios", service, customer, job))
        theirs = [
            line
            for flow in job.flows
            for line in found(r"permit .*", aerleon("cisco", f"x {'extended' if flow.family == 4 else 'inet6'}", flow))
        ]
        assert ours == sorted(line.strip() for line in theirs)


def test_cisco_asa_lists_are_those_of_another_generator(aerleon: Any) -> None:
    """IPv4 only: aerleon writes none of IPv6 for an ASA. It writes port 21 as a word."""
    compared = 0
    for service, customer, job in all_jobs(CASES):
        ours = found(r"extended (permit tcp [^:]*)$", file_of("cisco_asa", service, customer, job))
        theirs = [
            line.replace(" eq ftp", " eq 21")
            for flow in job.flows
            if flow.family == 4
            for line in found(r"extended (permit tcp .*)$", aerleon("ciscoasa", "x", flow))
        ]
        assert ours == sorted(theirs)
        compared += len(ours)
    assert compared > CASES


def test_fortigate_objects_are_those_of_another_generator(aerleon: Any) -> None:
    for service, customer, job in all_jobs(CASES):
        ours = file_of("fortigate", service, customer, job)
        theirs = "".join(
            aerleon("fortigate", f"from-zone a to-zone b {'inet' if flow.family == 4 else 'inet6'}", flow)
            for flow in job.flows
        )
        services = {(flow.family, str(ip_network(flow.server))) for flow in job.translated}
        for pattern in (r"set subnet .*", r"set ip6 .*"):
            wanted = found(pattern, theirs)
            # The server behind a virtual address is none of the objects here.
            for _family, server in services:
                network = ip_network(server)
                hidden = f"set subnet {network[0]} {network.netmask}" if network.version == 4 else f"set ip6 {network}"
                if hidden in wanted:
                    wanted.remove(hidden)
            assert found(pattern, ours) == wanted
        assert set(found(r"set tcp-portrange .*", ours)) == set(found(r"set tcp-portrange .*", theirs))


def test_juniper_objects_are_those_of_another_generator(aerleon: Any) -> None:
    for service, customer, job in all_jobs(CASES):
        ours = file_of("juniper_srx", service, customer, job)
        theirs = "".join(aerleon("srx", "from-zone a to-zone b", flow) for flow in job.flows)
        assert found(r"address \S+ ([0-9a-f:.]+/\d+)$", ours) == found(r"address \S+ ([0-9a-f:.]+/\d+);", theirs)
        ports = set(found(r"destination-port (\S+)$", ours))
        assert ports == set(found(r"protocol tcp destination-port (\S+);", theirs)) != set()


def test_palo_alto_objects_are_those_of_another_generator(aerleon: Any) -> None:
    for service, customer, job in all_jobs(CASES):
        ours = file_of("palo_alto", service, customer, job)
        for flow in job.flows:
            mixed = aerleon("paloalto", f"from-zone a to-zone b {'inet' if flow.family == 4 else 'inet6'}", flow)
            theirs = ElementTree.fromstring(mixed)  # noqa: S314 - made on this machine a moment ago
            networks = {element.text for element in theirs.iter("ip-netmask")}
            assert {*flow.sources, str(ip_network(flow.server))} == networks
            # Not the server behind a translation that PAN-OS does not know
            behind = {str(ip_network(flow.server))} if flow.family == 6 and flow.translated else set()
            assert networks - behind <= set(found(r"ip-netmask (\S+)$", ours))
            assert [element.text for element in theirs.iter("port")] == found(r"protocol tcp port (\S+)$", ours)


def test_windows_rules_are_those_of_another_generator(aerleon: Any) -> None:
    for service, customer, job in all_jobs(CASES):
        ours = file_of("windows", service, customer, job)
        near, far = ("Local", "Remote") if job.side == "customer" else ("Remote", "Local")
        rules = re.findall(rf"{near}Address = @\((.*)\)\n\s*{far}Address = @\((.*)\)\n\s*{far}Port = @\((.*)\)", ours)
        assert len(rules) == len(job.flows)
        for flow, (clients, server, ports) in zip(job.flows, rules, strict=True):
            inet = "inet" if flow.family == 4 else "inet6"
            options = f"{'out' if job.side == 'customer' else 'in'} {inet}"
            line = aerleon("windows_advfirewall", options, flow).split("netsh ")[1]
            says = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if job.side == "customer":
                assert clients.replace("'", "").split(", ") == says["localip"].split(",")
                assert [str(ip_network(server.strip("'")))] == says["remoteip"].split(",")
                assert ports.replace("'", "").split(", ") == says["remoteport"].split(",")
            else:
                assert clients.replace("'", "").split(", ") == says["remoteip"].split(",")
                assert ports.replace("'", "").split(", ") == says["localport"].split(",")


@pytest.mark.parametrize("dialect", ["pf_openbsd", "pf_freebsd"])
def test_pf_rules_are_those_of_another_generator(aerleon: Any, dialect: str) -> None:
    for service, customer, job in all_jobs(CASES):
        ours = file_of(dialect, service, customer, job)
        for flow in job.flows:
            inet = "inet" if flow.family == 4 else "inet6"
            theirs = aerleon("packetfilter", f"x {inet}", flow)
            rule = re.search(r"^pass quick .*", theirs, re.MULTILINE)
            assert rule is not None
            ports = re.search(r"port \{ (.*) \}", rule[0]) or re.search(r"port (\S+)", rule[0])
            assert ports is not None
            clients = re.search(r"table <CLIENTS> \{(.*?)\}", theirs, re.DOTALL)
            assert clients is not None
            wanted = re.sub(r"[\s\\]", "", clients[1]).split(",")
            mine = [line for line in ours.split("\n") if line.startswith("pass") and f" {inet} " in line]
            assert mine
            for line in mine:
                listed = re.search(r"from \{ (.*) \} to (\S+) port \{ (.*) \} flags S/SA keep state", line)
                assert listed is not None
                outside = line.startswith("pass out") and job.side == "customer"
                assert set(listed[1].split(", ")) == set(texts(customer.sources(flow.family)) if outside else wanted)
                assert listed[3].split(", ") == ports[1].split()


def test_why_the_other_generator_writes_no_rules_here(aerleon: Any) -> None:
    """Its nftables output opens the port to everybody when families differ. If this is fixed, look at ADR 0012."""
    flow = Flow(6, ("2001:db8::1/128",), "192.0.2.10", "192.0.2.10", ((990, 990),))
    assert "tcp dport 990 ct state new accept" in re.sub(r"\s+", " ", aerleon("nftables", "inet forward", flow))


# --------------------------------------------------------------------------------------------------- AWS and Azure


def cfn_lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("cfn-lint")
    files = sorted(folder.glob("*.json"))
    command: list[str | Path] = [program, "--regions", "eu-west-1", "--", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_aws_templates_have_the_published_shape(tmp_path: Path) -> None:
    for number, (service, customer) in enumerate([(HAND_CHECKED, ACME), *cases(20)]):
        for file, text in render_rules("aws", service, customer).items():
            (tmp_path / f"{number}-{file}").write_text(text)
    done = cfn_lint(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_aws_templates_of_another_shape_are_refused(tmp_path: Path) -> None:
    changes = (('"CidrIp"', '"Cidr"'), ('"FORWARD"', '"OUT"'), ('"STATEFUL"', '"SOMEHOW"'))
    for number, (old, new) in enumerate(changes):
        for file, text in render_rules("aws", HAND_CHECKED, ACME).items():
            if old in text:
                (tmp_path / f"{number}-{file}").write_text(text.replace(old, new))
    done = cfn_lint(tmp_path)
    for path in tmp_path.iterdir():
        assert path.name in done.stdout


_EXPRESSION: Final = {"type": "string", "pattern": r"^\[.*\]$"}
_TEXTS: Final = {"type": "array", "minItems": 1, "items": {"type": "string"}}
AZURE_RULE: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["access", "direction", "priority", "protocol"],
    "properties": {
        "access": {"enum": ["Allow", "Deny"]},
        "description": {"type": "string", "maxLength": 140},
        "destinationAddressPrefixes": _TEXTS,
        "destinationPortRanges": _TEXTS,
        "direction": {"enum": ["Inbound", "Outbound"]},
        "priority": {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 4096}, _EXPRESSION]},
        "protocol": {"enum": ["Tcp", "Udp", "Icmp", "Esp", "*", "Ah"]},
        "sourceAddressPrefixes": _TEXTS,
        "sourcePortRange": {"type": "string"},
    },
}
AZURE: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "contentVersion", "resources"],
    "properties": {
        "$schema": {"type": "string"},
        "contentVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+\.\d+$"},
        "metadata": {"type": "object"},
        "parameters": {"type": "object"},
        "resources": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "apiVersion", "type", "properties"],
                "properties": {
                    "dependsOn": {"type": "array", "minItems": 1, "items": _EXPRESSION},
                    "name": _EXPRESSION,
                    "apiVersion": {"const": "2023-11-01"},
                    "type": {"const": "Microsoft.Network/networkSecurityGroups/securityRules"},
                    "properties": AZURE_RULE,
                },
            },
        },
    },
}


def test_azure_templates_have_the_published_shape_and_the_model_s_meaning() -> None:
    shape = jsonschema.Draft202012Validator(AZURE)
    for service, customer, job in all_jobs(500):
        template = json.loads(file_of("azure", service, customer, job))
        shape.validate(template)
        # Azure refuses two changes of one group at once: each waits for the one before
        kind = "Microsoft.Network/networkSecurityGroups/securityRules"
        rules = template["resources"]
        for before, after in pairwise(rules):
            name = before["name"].partition("'/")[2].rstrip("')]")
            assert after["dependsOn"] == [f"[resourceId('{kind}', parameters('networkSecurityGroup'), '{name}')]"]
        passing = {
            (rule["direction"], source, target, ports)
            for rule in (resource["properties"] for resource in template["resources"])
            for source in rule["sourceAddressPrefixes"]
            for target in rule["destinationAddressPrefixes"]
            for ports in rule["destinationPortRanges"]
        }
        assert passing == wanted(job, "Outbound" if job.side == "customer" else "Inbound", "-")


def test_aws_rule_groups_have_the_model_s_meaning() -> None:
    for service, customer, job in all_jobs(500):
        files = render_rules("aws", service, customer)
        group = json.loads(files[f"aws-{job.side}-network-firewall.json"])["Resources"]["RuleGroup"]["Properties"]
        rules = group["RuleGroup"]["RulesSource"]["StatefulRules"]
        heads = [rule["Header"] for rule in rules]
        passing = {("", head["Source"], head["Destination"], head["DestinationPort"]) for head in heads}
        assert passing == wanted(job, "", ":")
        assert len({rule["RuleOptions"][0]["Settings"][0] for rule in rules}) == len(rules) <= group["Capacity"]
        security = json.loads(files[f"aws-{job.side}.json"])["Resources"]["SecurityGroup"]["Properties"]
        listed = security["SecurityGroupEgress" if job.side == "customer" else "SecurityGroupIngress"]
        if job.side == "provider":
            # Without a rule of its own the group would get one that lets everything out.
            assert [rule["CidrIp"] for rule in security["SecurityGroupEgress"]] == ["127.0.0.1/32"]
        opened = {(rule.get("CidrIp") or rule["CidrIpv6"], rule["FromPort"], rule["ToPort"]) for rule in listed}
        assert opened == {
            (peer, *ports)
            for flow in job.flows
            for peer in ([str(ip_network(flow.server))] if job.side == "customer" else flow.sources)
            for ports in flow.ports
        }


def wanted(job: Job, direction: str, dash: str) -> set[tuple[str, str, str, str]]:
    return {
        (direction, source, str(ip_network(flow.server)), f"{first}{dash}{last}" if first != last else str(first))
        for flow in job.flows
        for source in flow.sources
        for first, last in flow.ports
    }


# --------------------------------------------------------------------------------------------------------- Windows

# Strict where it matters: an unknown parameter or value is an error, as it is with the real ones. Variables of a script
# are seen by what it calls, so these have names of their own.
STAND_INS: Final = """
param($scripts)
$ErrorActionPreference = 'Stop'
$store = @{}
$calls = [System.Collections.Generic.List[string]]::new()
function Get-NetFirewallRule {
    [CmdletBinding()] param([Parameter(Mandatory)] [string] $Name)
    if ($store.ContainsKey($Name)) { return $store[$Name] }
    Write-Error "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'."
}
function New-NetFirewallRule {
    [CmdletBinding()] param(
        [string] $Name, [Parameter(Mandatory)] [string] $DisplayName, [string] $Description,
        [ValidateSet('Inbound', 'Outbound')] [string] $Direction, [ValidateSet('Allow', 'Block')] [string] $Action,
        [ValidateSet('True', 'False')] [string] $Enabled, [ValidateSet('Any', 'Domain')] [string] $Profile,
        [string] $Protocol, [string[]] $LocalAddress, [string[]] $RemoteAddress, [string[]] $LocalPort,
        [string[]] $RemotePort
    )
    if ($store.ContainsKey($Name)) { throw 'Cannot create a file when that file already exists.' }
    $calls.Add("new $Name")
    $store[$Name] = @{} + $PSBoundParameters
    $store[$Name]
}
function Set-NetFirewallRule {
    [CmdletBinding()] param(
        [string[]] $Name, [string] $NewDisplayName, [string] $Description,
        [ValidateSet('Inbound', 'Outbound')] [string] $Direction, [ValidateSet('Allow', 'Block')] [string] $Action,
        [ValidateSet('True', 'False')] [string] $Enabled, [ValidateSet('Any', 'Domain')] [string] $Profile,
        [string] $Protocol, [string[]] $LocalAddress, [string[]] $RemoteAddress, [string[]] $LocalPort,
        [string[]] $RemotePort
    )
    $calls.Add("set $Name")
    foreach ($key in $PSBoundParameters.Keys) {
        if ($key -ne 'Name') { $store[$Name[0]][$key] = $PSBoundParameters[$key] }
    }
}
foreach ($script in $scripts) {
    $errors = $null
    $null = [System.Management.Automation.Language.Parser]::ParseInput($script, [ref] $null, [ref] $errors)
    if ($errors) { throw "does not parse: $($errors[0].Message)" }
    $store.Clear()
    $calls.Clear()
    & ([scriptblock]::Create($script))
    $first = ConvertTo-Json -Compress -Depth 5 -InputObject @($store.Values)
    & ([scriptblock]::Create($script))
    @{ first = $first; second = (ConvertTo-Json -Compress -Depth 5 -InputObject @($store.Values)); calls = @($calls) }
}
"""


def test_windows_scripts_run_twice_and_make_the_rules_that_are_meant(powershell: windows.PowerShell) -> None:
    everything = all_jobs(500)
    scripts = [file_of("windows", service, customer, job) for service, customer, job in everything]
    for (_service, _customer, job), result in zip(everything, powershell.script(STAND_INS, scripts), strict=True):
        rules = json.loads(result["first"])
        assert sorted(result["calls"]) == sorted(
            f"{what} {job.name}-{flow.family}" for what in ("new", "set") for flow in job.flows
        )
        near, far = ("Local", "Remote") if job.side == "customer" else ("Remote", "Local")
        passing = {
            (rule["Direction"], source, str(ip_network(str(ip_address(target)))), ports)
            for rule in rules
            for source in rule[f"{near}Address"]
            for target in rule[f"{far}Address"]
            for ports in rule[f"{far}Port"]
        }
        assert passing == wanted(job, "Outbound" if job.side == "customer" else "Inbound", "-")
        assert all((rule["Action"], rule["Enabled"], rule["Protocol"]) == ("Allow", "True", "TCP") for rule in rules)
        by_name = {rule["Name"]: rule for rule in json.loads(result["second"])}
        assert by_name == {rule["Name"]: rule for rule in rules}
