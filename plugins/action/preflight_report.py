"""Says what is wrong with all hosts, in one table, on the control node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.hosts import (
    Expected,
    Finding,
    directory_findings,
    edge_findings,
    server_findings,
    table,
    unlooked,
)
from ftps_exchange.hosts.findings import title

ARGUMENTS: dict[str, dict[str, Any]] = {
    "looks": {"type": "dict", "required": True},
    "edges": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "dict"},
    "directory_runner": {"type": "str", "default": "localhost"},
    "accounts": {"type": "dict", "default": {}},
    "domain": {"type": "str", "required": True},
    "fqdn": {"type": "str", "required": True},
    "public_addresses": {"type": "list", "elements": "str", "required": True},
    "free_megabytes": {"type": "dict", "default": {}},
    "limits_files": {"type": "bool", "default": False},
    "allow_unproven_os": {"type": "bool", "default": False},
    "show": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """The action ``preflight_report``; what it takes is in plugins/modules/preflight_report.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the table, or fail with it."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(ARGUMENTS)
        findings = self._findings(plain(given), (task_vars or {}).get("hostvars") or {})
        problems = [finding for finding in findings if finding.state == "problem"]
        if problems:
            shown = findings if given["show"] else [finding for finding in findings if finding.state != "good"]
            raise AnsibleActionFail(f"{title(findings)}\n{table(shown)}")
        result: dict[str, Any] = {"changed": False, "msg": title(findings)}
        if given["show"]:
            result |= {"msg": f"{title(findings)}\n{table(findings)}", "_ansible_verbose_always": True}
        return result

    def _findings(self, given: Mapping[str, Any], hostvars: Mapping[str, Any]) -> list[Finding]:
        looks: Mapping[str, Mapping[str, Any]] = given["looks"]
        edges = set(given["edges"])
        addresses = [a for host in edges for a in looks.get(host, {}).get("host", {}).get("addresses", ())]
        first_edge: Mapping[str, Any] = next((hostvars[host] for host in sorted(edges) if host in hostvars), {})
        findings: list[Finding] = []
        for host, look in looks.items():
            if look.get("skipped"):
                continue
            variables = hostvars[host]
            if "host" not in look:
                findings.append(_unlooked(host, look, variables))
                continue
            expected = Expected(
                host=host,
                domain=given["domain"],
                fqdn=given["fqdn"],
                public_addresses=given["public_addresses"],
                free_megabytes={} if host in edges else {path: int(mb) for path, mb in given["free_megabytes"].items()},
                allow_unproven=given["allow_unproven_os"],
                preview=self._task.check_mode,
                edge_addresses=addresses,
                directory_servers=[str(address) for address in first_edge.get("edge_directory_servers") or ()],
                edge_drops=first_edge.get("edge_forward_policy", "drop") == "drop",
                extra_rules=[str(rule) for rule in first_edge.get("edge_extra_forward_rules") or ()],
                limits_files=given["limits_files"],
                outside_interfaces=variables.get("edge_outside_interfaces") or (),
            )
            findings += (edge_findings if host in edges else server_findings)(look["host"], expected)
        return [*findings, *self._of_the_directory(given, hostvars)]

    @staticmethod
    def _of_the_directory(given: Mapping[str, Any], hostvars: Mapping[str, Any]) -> list[Finding]:
        look, runner = given["directory"], given["directory_runner"]
        if not look or look.get("skipped"):
            return []
        if "directory" not in look:
            if runner in given["looks"] and "host" not in given["looks"][runner]:
                return []  # Said already
            return [_unlooked(runner, look, dict(hostvars).get(runner, {}))]
        return directory_findings(look["directory"], runner, given["accounts"])


def _unlooked(host: str, look: Mapping[str, Any], variables: Mapping[str, Any]) -> Finding:
    reason = str(look.get("unlooked") or look.get("msg") or "")
    user, address = (str(variables.get(name) or "") for name in ("ansible_user", "ansible_host"))
    return unlooked(host, reason, user, address)
