"""Azure: an ARM template with rules for a network security group."""

from __future__ import annotations

import hashlib
from typing import Final

from ftps_exchange.packs.flows import UNTRIED, Job, header, lines_if, port_text
from ftps_exchange.packs.service import network
from ftps_exchange.packs.text import plain

from ._cloud import as_json
from .format import Format

_FIRST_PRIORITY: Final = 200
_LAST_PRIORITY: Final = 3998


def _priority(name: str) -> int:
    """The first of two priorities, the same for a customer at every load and rarely the same for two."""
    steps = (_LAST_PRIORITY - _FIRST_PRIORITY) // 2 + 1
    return _FIRST_PRIORITY + 2 * (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % steps)


def _resource(rule: str) -> str:
    return (
        "[resourceId('Microsoft.Network/networkSecurityGroups/securityRules', "
        f"parameters('networkSecurityGroup'), '{rule}')]"
    )


def render(job: Job) -> dict[str, str]:
    """Rules for a network security group that exists: those of others stay."""
    out = job.side == "customer"
    how = (
        "Load:  az deployment group create --resource-group GROUP --template-file FILE",
        "       --parameters networkSecurityGroup=NAME",
        *lines_if(
            not out,
            "       Each rule of a group needs its own priority. A customer's is computed from its name: it stays the",
            "       same, and two customers rarely get the same. These rules must come before what denies.",
        ),
        "       Does Azure report that the priority is in use? Add firstPriority=NUMBER (100 to 4000), each time.",
        "Undo:  "
        + "; ".join(
            f"az network nsg rule delete --resource-group GROUP --nsg-name NAME --name {job.name}-{flow.label}"
            for flow in job.flows
        ),
        *(
            f"Did an older version have IPv{family} too? That rule stays: delete {job.name}-{family} in the same way."
            for family in job.missing
        ),
        *lines_if(out, "A group lets everything out to the Internet by default: deny it below these rules."),
        *lines_if(
            not out,
            "By default a group lets in the virtual network, connected networks and Azure's load balancer, and lets",
            "everything out: deny below these rules what you do not want of it.",
        ),
        *(
            f"The translation of {flow.service} to {flow.server}: associate a public address."
            for flow in job.translated
        ),
        "Azure does not inspect FTP: nothing to turn off. Answers pass, because a group keeps state.",
        UNTRIED,
    )
    resources = [
        {
            "type": "Microsoft.Network/networkSecurityGroups/securityRules",
            "apiVersion": "2023-11-01",
            "name": f"[concat(parameters('networkSecurityGroup'), '/{job.name}-{flow.label}')]",
            "properties": {
                "description": plain(f"FTPS {job.service.fqdn}, customer {job.customer.name}"),
                "protocol": "Tcp",
                "sourceAddressPrefixes": list(flow.sources),
                "sourcePortRange": "*",
                "destinationAddressPrefixes": [str(network(flow.server))],
                "destinationPortRanges": [port_text(ports) for ports in flow.ports],
                "access": "Allow",
                "priority": f"[add(parameters('firstPriority'), {number})]",
                "direction": "Outbound" if out else "Inbound",
            },
            # Two changes of one group at once collide: "another operation is in progress"
            **({"dependsOn": [_resource(f"{job.name}-{job.flows[number - 1].label}")]} if number else {}),
        }
        for number, flow in enumerate(job.flows)
    ]
    return {
        f"azure-{job.side}.json": as_json(
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


FORMAT = Format(
    render=render,
    name="azure",
    title="Azure network security group",
    files=("azure-*.json",),
    inspection="a network security group looks at no content; an Azure Firewall with TLS inspection may",
    load="`az deployment group create`",
    undo="`az network nsg rule delete`",
    again="the same rules",
    helper="nothing to switch off",
    notes=(
        (
            "rules for a group that exists. The outgoing ones matter only when you deny `Internet` below them. By "
            "default a group lets in the virtual network, connected networks and Azure's load balancer. Each "
            "rule of a group needs its own priority: the provider's files have one that is computed from the "
            "customer's name (200 to 3,999, two for each). Among 50 customers, two may get the same: "
            "Azure refuses the load, and `firstPriority=NUMBER` sets another."
        ),
        "the second rule waits for the first (`dependsOn`), because a group takes one change at a time.",
    ),
)
