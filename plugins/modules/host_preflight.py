#!/usr/bin/python
"""What a host, and the directory as seen from it, is like before the first change."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_preflight
short_description: Look at a host, and at the directory from there, before anything is changed
description:
  - Runs on a host with Linux.
  - Reads, and changes nothing, in check mode too. It needs only Python, so it works before the first run. Each look has
    a time limit of a few seconds.
  - It returns facts and no verdicts. M(ftps.exchange.preflight_report) gives these for all hosts together.
options:
  domain:
    description:
      - DNS name of the directory's domain. The host looks its controllers up, and which ports of a member answer there.
    type: str
    default: ""
  names:
    description: Further names that the host must resolve.
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports that the service takes, single ones or ranges C(first-last).
    type: list
    elements: str
    default: []
  paths:
    description: Paths whose free space is returned; missing ones count where they will be.
    type: list
    elements: str
    default: []
  quota_root:
    description: The folder whose file system must be able to limit folders. Empty if nothing has a limit.
    type: str
    default: ""
  routes:
    description: Networks or addresses to which the host needs a route.
    type: list
    elements: str
    default: []
  packages:
    description: Whether to look for the servers of apt's packages.
    type: bool
    default: false
  directory:
    description: What to ask the directory over LDAPS. Only one host of a run needs it.
    type: dict
    suboptions:
      server_uri:
        description: C(ldaps://) and the name of a controller. Several are separated by blanks.
        type: str
        required: true
      ca_cert:
        description: The CA certificate, as PEM text.
        type: str
        required: true
      bind_dn:
        description: The account that manages the OU.
        type: str
        required: true
      bind_password:
        description: Its password.
        type: str
        required: true
      managed_ou:
        description: The OU in which the account must be able to create accounts and groups.
        type: str
        required: true
      join_user:
        description: The account that joins servers to the domain, as C(name@domain). Empty if no server joins.
        type: str
        default: ""
      join_password:
        description: Its password.
        type: str
        default: ""
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
  diff_mode:
    support: none
seealso:
  - module: ftps.exchange.preflight_report
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Look at the host
  ftps.exchange.host_preflight:
    domain: corp.example
    names: [ftps.exchange.example]
    ports: ["21", "990", "50000-50099"]
    paths: [/var, /srv/ftps-exchange]
  register: look
"""

RETURN = r"""
host:
  description: What the host is like.
  type: dict
  returned: always
directory:
  description: What the directory answers.
  type: dict
  returned: if O(directory) is given
"""

from collections.abc import Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner
from ansible_collections.ftps.exchange.plugins.module_utils.preflight import directory, host


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "domain": {"type": "str", "default": ""},
            "names": {"type": "list", "elements": "str", "default": []},
            "ports": {"type": "list", "elements": "str", "default": []},
            "paths": {"type": "list", "elements": "str", "default": []},
            "quota_root": {"type": "str", "default": ""},
            "routes": {"type": "list", "elements": "str", "default": []},
            "packages": {"type": "bool", "default": False},
            "directory": {
                "type": "dict",
                "options": {
                    "server_uri": {"type": "str", "required": True},
                    "ca_cert": {"type": "str", "required": True},
                    "bind_dn": {"type": "str", "required": True},
                    "bind_password": {"type": "str", "required": True, "no_log": True},
                    "managed_ou": {"type": "str", "required": True},
                    "join_user": {"type": "str", "default": ""},
                    "join_password": {"type": "str", "default": "", "no_log": True},
                },
            },
        },
        supports_check_mode=True,
    )
    run_there = runner(module)

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        if module.get_bin_path(command[0], opt_dirs=["/usr/sbin", "/sbin"]) is None:
            return 127, "", ""
        return run_there(command)

    found = {"host": host.look(run, module.params)}
    if module.params["directory"]:
        found["directory"] = directory.look(module.params["directory"])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
