"""AWS (CloudFormation templates) and Azure (an ARM template)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Final

from ftps_exchange.packs.flows import UNTRIED, Flow, Job, header, lines_if, port_text
from ftps_exchange.packs.model import Ports
from ftps_exchange.packs.text import plain

_FIRST_PRIORITY: Final = 200
_LAST_PRIORITY: Final = 3998

# CloudFormation gives a group without egress rules one that lets everything out. So there is always one: the address of
# the machine itself, which never leaves it (the way that AWS documents).
_NOTHING_OUT: Final = {
    "IpProtocol": "-1",
    "CidrIp": "127.0.0.1/32",
    "Description": "Nothing out, in place of the default rule",
}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _pairs(job: Job) -> Iterator[tuple[Flow, str, Ports]]:
    """Every source with every range of ports."""
    for flow in job.flows:
        for source in flow.sources:
            for ports in flow.ports:
                yield flow, source, ports


def aws(job: Job) -> dict[str, str]:
    """A security group, and the same as a rule group of Network Firewall, which can name both ends."""
    return {
        f"aws-{job.side}.json": _security_group(job),
        f"aws-{job.side}-network-firewall.json": _network_firewall(job),
    }


def _security_group(job: Job) -> str:
    out = job.side == "customer"
    attached = "instances of the clients" if out else "instance of the server"
    how = (
        "Load:  aws cloudformation deploy --template-file FILE --stack-name NAME --parameter-overrides VpcId=vpc-...",
        f"       then add the group to the {attached}.",
        "Undo:  take the group off, then: aws cloudformation delete-stack --stack-name NAME",
        "A security group names one end of a connection: the other is the instance that it is attached to.",
        "Where both ends have to be named, use the rule group of Network Firewall in the other file.",
        "Groups of an instance add up: what another of its groups lets through stays open.",
        *lines_if(
            not out,
            "The group itself lets nothing out: its one outgoing rule is the loopback address, which keeps AWS from",
            "adding one for everything. What the server needs outwards (directory, names, updates) is another group's.",
            "An interface takes few groups, and a group few rules (quotas). For many customers use the other file.",
        ),
        *lines_if(out, "The group lets nothing in: AWS adds no incoming rule."),
        *(
            f"That {flow.service} leads to {flow.server} is the static translation: an elastic address does it."
            for flow in job.translated
        ),
        "AWS inspects no FTP: nothing to switch off. Answers pass, because a security group keeps state.",
        UNTRIED,
    )
    description = plain(f"FTPS {job.service.fqdn}, customer {job.customer.name}")
    # Outwards one rule for each port and not for each client: the clients are whoever has the group.
    to_service = [(flow, flow.server, ports) for flow in job.flows for ports in flow.ports]
    entries = to_service if out else list(_pairs(job))
    rules = [
        {
            "IpProtocol": "tcp",
            "FromPort": first,
            "ToPort": last,
            "CidrIp" if flow.family == 4 else "CidrIpv6": str(ip_network(peer)),
            "Description": description,
        }
        for flow, peer, (first, last) in entries
    ]
    return _json(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": description,
            "Metadata": {"Instructions": header(job, how)},
            "Parameters": {"VpcId": {"Type": "AWS::EC2::VPC::Id", "Description": "The network of the instances"}},
            "Resources": {
                "SecurityGroup": {
                    "Type": "AWS::EC2::SecurityGroup",
                    "Properties": {
                        "GroupName": job.name,
                        "GroupDescription": description,
                        "VpcId": {"Ref": "VpcId"},
                        **({} if out else {"SecurityGroupIngress": rules}),
                        "SecurityGroupEgress": rules if out else [_NOTHING_OUT],
                    },
                }
            },
        }
    )


def _network_firewall(job: Job) -> str:
    how = (
        "Load:  aws cloudformation deploy --template-file FILE --stack-name NAME",
        "       then add the rule group to the policy of your firewall. The policy needs: stateless default action",
        "       aws:forward_to_sfe, strict order, stateful default action aws:drop_strict. Otherwise it lets through",
        "       what no rule passes. A policy in action order refuses this group: write DEFAULT_ACTION_ORDER here,",
        "       and drop the rest by a rule of your own.",
        "Undo:  take it out of the policy, then: aws cloudformation delete-stack --stack-name NAME",
        "AWS inspects no FTP unless a rule names the protocol: these name tcp. Answers pass, the group is stateful.",
        UNTRIED,
    )
    rules = [
        {
            "Action": "PASS",
            "Header": {
                "Protocol": "TCP",
                "Source": source,
                "SourcePort": "ANY",
                "Direction": "FORWARD",
                "Destination": str(ip_network(flow.server)),
                "DestinationPort": port_text(ports, ":"),
            },
            "RuleOptions": [{"Keyword": "sid", "Settings": [str(number)]}],
        }
        for number, (flow, source, ports) in enumerate(_pairs(job), 1)
    ]
    return _json(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": plain(f"FTPS {job.service.fqdn}, customer {job.customer.name}"),
            "Metadata": {"Instructions": header(job, how)},
            "Resources": {
                "RuleGroup": {
                    "Type": "AWS::NetworkFirewall::RuleGroup",
                    "Properties": {
                        "RuleGroupName": job.name,
                        "Type": "STATEFUL",
                        "Capacity": max(100, len(rules)),
                        "RuleGroup": {
                            "RulesSource": {"StatefulRules": rules},
                            # Only a policy in strict order can drop by default, and it takes no group in another order.
                            "StatefulRuleOptions": {"RuleOrder": "STRICT_ORDER"},
                        },
                    },
                }
            },
        }
    )


def _priority(name: str) -> int:
    """The first of two priorities, the same for a customer at every load and rarely the same for two."""
    steps = (_LAST_PRIORITY - _FIRST_PRIORITY) // 2 + 1
    return _FIRST_PRIORITY + 2 * (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % steps)


def azure(job: Job) -> dict[str, str]:
    """Rules for a network security group that exists: those of others stay."""
    out = job.side == "customer"
    how = (
        "Load:  az deployment group create --resource-group GROUP --template-file FILE",
        "       --parameters networkSecurityGroup=NAME",
        *lines_if(
            not out,
            "       No two rules of a group may have one priority. A customer's is worked out from its name: it stays,",
            "       and is seldom another's too. These rules must come before what denies.",
        ),
        "       Azure says that the priority is taken? Give firstPriority=NUMBER too (100 to 4000), each time.",
        "Undo:  "
        + "; ".join(
            f"az network nsg rule delete --resource-group GROUP --nsg-name NAME --name {job.name}-{flow.family}"
            for flow in job.flows
        ),
        *lines_if(out, "A group lets everything out to the Internet by default: deny it below these rules."),
        *lines_if(
            not out,
            "By default a group lets in what comes from the virtual network, what is joined to it and Azure's",
            "load balancer, and lets everything out: deny below these rules what of it is not meant.",
        ),
        *(
            f"That {flow.service} leads to {flow.server} is the static translation: a public address does it."
            for flow in job.translated
        ),
        "Azure inspects no FTP: nothing to switch off. Answers pass, because a group keeps state.",
        UNTRIED,
    )
    resources = [
        {
            "type": "Microsoft.Network/networkSecurityGroups/securityRules",
            "apiVersion": "2023-11-01",
            "name": f"[concat(parameters('networkSecurityGroup'), '/{job.name}-{flow.family}')]",
            "properties": {
                "description": plain(f"FTPS {job.service.fqdn}, customer {job.customer.name}"),
                "protocol": "Tcp",
                "sourceAddressPrefixes": list(flow.sources),
                "sourcePortRange": "*",
                "destinationAddressPrefixes": [str(ip_network(flow.server))],
                "destinationPortRanges": [port_text(ports) for ports in flow.ports],
                "access": "Allow",
                "priority": f"[add(parameters('firstPriority'), {number})]",
                "direction": "Outbound" if out else "Inbound",
            },
        }
        for number, flow in enumerate(job.flows)
    ]
    return {
        f"azure-{job.side}.json": _json(
            {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0",
                "metadata": {"instructions": header(job, how)},
                "parameters": {
                    "networkSecurityGroup": {"type": "string"},
                    "firstPriority": {
                        "type": "int",
                        "defaultValue": _FIRST_PRIORITY if out else _priority(job.name),
                        "minValue": 100,
                        "maxValue": 4000,
                    },
                },
                "resources": resources,
            }
        )
    }
