"""The JSON of AWS and Azure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from .reading import Fact, UnsoundError, each, net, only, ports_of

_AWS_WAYS: Final = ("SecurityGroupEgress", "SecurityGroupIngress")


def aws(text: str) -> Iterator[Fact]:
    (resource,) = json.loads(text)["Resources"].values()
    properties = resource["Properties"]
    if resource["Type"] == "AWS::NetworkFirewall::RuleGroup":
        only(properties["RuleGroup"], "RulesSource", "StatefulRuleOptions")
        only(properties["RuleGroup"]["RulesSource"], "StatefulRules")
        # In another order a policy cannot drop what no rule passes
        if properties["RuleGroup"]["StatefulRuleOptions"] != {"RuleOrder": "STRICT_ORDER"}:
            raise UnsoundError("a rule group that is not in strict order")
        for rule in properties["RuleGroup"]["RulesSource"]["StatefulRules"]:
            head = rule["Header"]
            if (rule["Action"], head["Protocol"], head["Direction"]) != ("PASS", "TCP", "FORWARD"):
                raise UnsoundError(f"a rule that says {rule}")
            yield from each("pass", [head["Source"]], head["Destination"], [head["DestinationPort"]])
        return
    # A group that says nothing of what goes out lets everything out: CloudFormation adds such a rule.
    ways = ["SecurityGroupEgress"] if "SecurityGroupIngress" not in properties else list(_AWS_WAYS)
    only(properties, "GroupName", "GroupDescription", "VpcId", *ways)
    if not properties["SecurityGroupEgress"]:
        raise UnsoundError("a group without an outgoing rule, to which one for everything is added")
    if len(ways) == 2:
        (nothing,) = properties["SecurityGroupEgress"]
        only(nothing, "IpProtocol", "CidrIp", "Description")
        if (nothing["IpProtocol"], nothing["CidrIp"]) != ("-1", "127.0.0.1/32"):
            raise UnsoundError(f"a group of the provider that lets out {nothing}")
    for rule in properties[ways[-1]]:
        peer = "CidrIp" if "CidrIp" in rule else "CidrIpv6"
        only(rule, "IpProtocol", "FromPort", "ToPort", "Description", peer)
        if rule["IpProtocol"] != "tcp":
            raise UnsoundError(f"a rule for {rule['IpProtocol']}")
        yield ("group", "", net(rule[peer]), ports_of(f"{rule['FromPort']}-{rule['ToPort']}"), "")


def azure(text: str) -> Iterator[Fact]:
    for resource in json.loads(text)["resources"]:
        rule = resource["properties"]
        only(
            rule, "description", "protocol", "sourceAddressPrefixes", "sourcePortRange", "destinationAddressPrefixes",
            "destinationPortRanges", "access", "priority", "direction",
        )  # fmt: skip
        if (rule["protocol"], rule["access"]) != ("Tcp", "Allow"):
            raise UnsoundError(f"a rule that says {rule}")
        (destination,) = rule["destinationAddressPrefixes"]
        yield from each("pass", rule["sourceAddressPrefixes"], destination, rule["destinationPortRanges"])
