"""AWS: CloudFormation templates for a security group and for a rule group of Network Firewall."""

from __future__ import annotations

from typing import Final

from ftps_exchange.packs.flows import UNTRIED, Job, header, lines_if, not_translated, port_text
from ftps_exchange.packs.service import network
from ftps_exchange.packs.text import plain

from ._cloud import as_json, pairs
from .format import Format

# CloudFormation gives a group without egress rules one that lets everything out. So there is always one: the address of
# the machine itself, which never leaves it (the way that AWS documents).
_NOTHING_OUT: Final = {
    "IpProtocol": "-1",
    "CidrIp": "127.0.0.1/32",
    "Description": "Nothing out, in place of the default rule",
}


def render(job: Job) -> dict[str, str]:
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
        "To name both ends, use the rule group of Network Firewall in the other file.",
        "The groups of an instance add up: what another of its groups allows stays open.",
        *lines_if(
            not out,
            "The group itself lets nothing out: its one outgoing rule is the loopback address, so that AWS adds none",
            "for everything. Use another group for what the server needs outwards (directory, DNS, updates).",
            "Groups per interface and rules per group are limited. For many customers use the other file.",
        ),
        *lines_if(out, "The group lets nothing in: AWS adds no incoming rule."),
        *(
            f"The translation of {flow.service} to {flow.server}: associate an elastic address."
            for flow in job.translated
            if flow.family == 4
        ),
        *not_translated(job, 6, remedy="AWS has no NAT for IPv6: give the instance that address."),
        "AWS does not inspect FTP: nothing to turn off. Answers pass, because a security group keeps state.",
        UNTRIED,
    )
    # Only what never changes: a group's own description is create-only, and a named group cannot be replaced
    identity = plain(f"FTPS {job.service.name}, customer {job.customer.name}")
    description = plain(f"FTPS {job.service.fqdn}, customer {job.customer.name}")
    # Outwards one rule for each port and not for each client: the clients are whoever has the group.
    to_service = [(flow, flow.server, ports) for flow in job.flows for ports in flow.ports]
    entries = to_service if out else list(pairs(job))
    rules = [
        {
            "IpProtocol": "tcp",
            "FromPort": first,
            "ToPort": last,
            "CidrIp" if flow.family == 4 else "CidrIpv6": str(network(peer)),
            "Description": description,
        }
        for flow, peer, (first, last) in entries
    ]
    return as_json(
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
                        "GroupDescription": identity,
                        "VpcId": {"Ref": "VpcId"},
                        **({} if out else {"SecurityGroupIngress": rules}),
                        "SecurityGroupEgress": rules if out else [_NOTHING_OUT],
                    },
                }
            },
        }
    )


_CAPACITY: Final = 300


def _capacity(rules: int) -> int:
    """300 or, for those who need more, ten times that, and so on; a fifth stays free when a step is taken."""
    capacity = _CAPACITY
    while rules > capacity * 4 // 5:
        capacity *= 10
    return capacity


def _network_firewall(job: Job) -> str:
    how = (
        "Load:  aws cloudformation deploy --template-file FILE --stack-name NAME",
        "       then add the rule group to the policy of your firewall. Load a newer file as the same stack.",
        "       The policy needs: stateless default action aws:forward_to_sfe, strict order, stateful default action",
        "       aws:drop_strict. Otherwise it passes what no rule names. A policy in action order refuses this",
        "       group: write DEFAULT_ACTION_ORDER here, and drop the rest with a rule of your own.",
        "Undo:  take it out of the policy, then: aws cloudformation delete-stack --stack-name NAME",
        "AWS does not inspect FTP unless a rule names the protocol: these name tcp. Answers pass (stateful).",
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
                "Destination": str(network(flow.server)),
                "DestinationPort": port_text(ports, ":"),
            },
            "RuleOptions": [{"Keyword": "sid", "Settings": [str(number)]}],
        }
        for number, (flow, source, ports) in enumerate(pairs(job), 1)
    ]
    capacity = _capacity(len(rules))
    return as_json(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": plain(f"FTPS {job.service.fqdn}, customer {job.customer.name}"),
            "Metadata": {"Instructions": header(job, how)},
            "Resources": {
                "RuleGroup": {
                    "Type": "AWS::NetworkFirewall::RuleGroup",
                    "Properties": {
                        # Capacity is create-only: with another one, it is another group
                        "RuleGroupName": job.name if capacity == _CAPACITY else f"{job.name}-{capacity}",
                        "Type": "STATEFUL",
                        "Capacity": capacity,
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


FORMAT = Format(
    render=render,
    name="aws",
    title="AWS security group",
    files=(
        "aws-*.json",
        "aws-*-network-firewall.json",
    ),
    inspection="a security group looks at no content; a Network Firewall or a proxy in the way may",
    load="`aws cloudformation deploy`",
    undo="`delete-stack`",
    again="the same stack",
    helper="nothing to switch off",
    notes=(
        (
            "a security group cannot name both ends of a connection; one of them is whoever has the group. The rule "
            "group of Network Firewall beside it names both. A group has 60 rules unless AWS was asked for more; a "
            "template of more than 51,200 bytes (a rule group of some 25 networks) needs `--s3-bucket`. An "
            "elastic address translates IPv4; AWS has no NAT for IPv6."
        ),
        (
            "what is open by default: CloudFormation gives a group without outgoing rules one for everything. So "
            "the provider's group has one that leads nowhere (127.0.0.1/32), and the checker refuses a group "
            "without; the customer's needs no incoming rule, because none is added. Groups of an instance add up. A "
            "policy of Network Firewall passes what no rule names unless it forwards everything to the stateful "
            "rules, is in strict order and drops by default: the rule groups are for that order, which other "
            "policies refuse."
        ),
        (
            "a newer file is the same stack: nothing that is set at creation only depends on what may change. The "
            "capacity of a rule group has a reserve, and where more is needed the group has another name."
        ),
    ),
)
