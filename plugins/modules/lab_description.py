#!/usr/bin/python
"""Ansible module: write down what a lab consists of, for tools that look at it from outside."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_description
short_description: Write the machine-readable description of a lab
description:
  - Runs on the control node.
  - Writes a JSON file (mode 0600, since passwords stand in it) with the service, the containers, and for each customer
    who is present its accounts with passwords and its shares. An account that may write comes first.
  - The passwords are read from the hand-over files that the role C(directory) wrote. Of several for an account the
    newest counts.
options:
  path:
    description: File to write.
    type: path
    required: true
  model:
    description: The checked model.
    type: dict
    required: true
  handover_dir:
    description: Folder with the hand-over files.
    type: path
    required: true
  customer_containers:
    description: Container by customer. A customer without one is left out, since nobody could act as this customer.
    type: dict
    required: true
  more:
    description: Further keys of the description, for example C(ca_file).
    type: dict
    default: {}
  lost_allowed:
    description:
      - When no hand-over file holds the password of an account, write nothing and return RV(lost), so that these
        accounts can be given new passwords. Otherwise that is an error.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    description: Passwords would stand in it.
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Write .lab/lab.json
  ftps.exchange.lab_description:
    path: "{{ lab_state_dir }}/lab.json"
    model: "{{ exchange_model }}"
    handover_dir: "{{ lab_state_dir }}/handover"
    customer_containers: {acme: ftpsx-acme}
    more: {ca_file: "{{ lab_state_dir }}/ca/root.pem"}
"""

RETURN = r"""
path:
  description: The file.
  returned: always
  type: str
customers:
  description: Customers that are in it.
  returned: always
  type: list
  elements: str
lost:
  description: Accounts whose password is in no hand-over file. Only with O(lost_allowed=true) there can be any.
  returned: always
  type: list
  elements: dict
  sample: [{name: acme-up, customer: acme}]
left_out:
  description: Customers who are present in the model and have no container in the lab.
  returned: always
  type: list
  elements: str
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file


class DescriptionError(Exception):
    """Something that the reader has to do."""


class LostError(DescriptionError):
    """Accounts whose password nobody has."""

    def __init__(self, lost: list[dict[str, str]]) -> None:
        self.lost = lost
        super().__init__(
            f"no hand-over file holds the password of {', '.join(account['name'] for account in lost)}. Remedy: run "
            "playbooks/site.yml first; when the file is lost, set a new one with playbooks/rotate_password.yml -e "
            f"account={lost[0]['name']}"
        )


def read_passwords(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Passwords by account from (file name, text), the files in any order.

    The name of a file is the time when it was written, with a number when there were several in a second.
    """
    passwords: dict[str, str] = {}
    for name, text in sorted(files, key=lambda file: file[0].removesuffix(".yml")):
        if text.startswith("$ANSIBLE_VAULT;"):
            raise DescriptionError(
                f"hand-over file {name} is encrypted. Remedy: leave directory_handover_vault_id empty in a lab"
            )
        try:
            content = yaml.safe_load(text)
            passwords.update({account: entry["password"] for account, entry in content["accounts"].items()})
        except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
            raise DescriptionError(f"hand-over file {name} cannot be read ({type(error).__name__})") from error
    return passwords


def describe_customer(customer: Mapping[str, Any], container: str, passwords: Mapping[str, str]) -> dict[str, Any]:
    """One customer as tools see it."""
    enabled = [account for account in customer["accounts"] if account["enabled"]]
    accounts = sorted(enabled, key=lambda account: account["access"] != "write")
    return {
        "name": customer["name"],
        "container": container,
        "accounts": [
            {
                "name": account["name"],
                "password": passwords[account["name"]],
                "home": "/",
                "access": account["access"],
            }
            for account in accounts
        ],
        "shares": [{"path": f"/shared/{share['name']}", "access": share["access"]} for share in customer["shares"]],
    }


def describe(
    model: Mapping[str, Any],
    passwords: Mapping[str, str],
    customer_containers: Mapping[str, str],
    more: Mapping[str, Any],
) -> tuple[dict[str, Any], list[str]]:
    """The description, and the customers that are left out of it."""
    exchange = model["exchange"]
    present = [customer for customer in model["customers"] if customer["state"] == "present"]
    lost = [
        {"name": account["name"], "customer": customer["name"]}
        for customer in present
        if customer["name"] in customer_containers
        for account in customer["accounts"]
        if account["enabled"] and account["name"] not in passwords
    ]
    if lost:
        raise LostError(lost)
    described = [
        describe_customer(customer, customer_containers[customer["name"]], passwords)
        for customer in present
        if customer["name"] in customer_containers
    ]
    description = {
        "fqdn": exchange["fqdn"],
        "public_ip": exchange["public_ip4"],
        "public_ip6": exchange["public_ip6"],
        "explicit_port": exchange["explicit_port"],
        "implicit_port": exchange["implicit_port"],
        "passive_ports": exchange["passive_ports"],
        "tls_minimum_version": exchange["tls_minimum_version"],
        "tls_maximum_version": exchange["tls_maximum_version"],
        **more,
        "customers": described,
    }
    return description, [customer["name"] for customer in present if customer["name"] not in customer_containers]


def is_current(path: Path, text: str) -> bool:
    """Whether the file has this content and this mode already."""
    return path.is_file() and path.stat().st_mode & 0o777 == 0o600 and path.read_text(encoding="utf-8") == text


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "model": {"type": "dict", "required": True},
            "handover_dir": {"type": "path", "required": True},
            "customer_containers": {"type": "dict", "required": True},
            "more": {"type": "dict", "default": {}},
            "lost_allowed": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options = module.params
    path = Path(options["path"])
    try:
        files = Path(options["handover_dir"]).glob("*.yml")
        passwords = read_passwords((file.name, file.read_text(encoding="utf-8")) for file in files)
        description, left_out = describe(options["model"], passwords, options["customer_containers"], options["more"])
    except LostError as error:
        if not options["lost_allowed"]:
            module.fail_json(msg=f"{path} could not be written: {error}")
        module.exit_json(changed=False, path=str(path), customers=[], left_out=[], lost=error.lost)
    except (DescriptionError, OSError) as error:
        module.fail_json(msg=f"{path} could not be written: {error}")
    text = json.dumps(description, indent=2) + "\n"
    changed = not is_current(path, text)
    if changed and not module.check_mode:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, text)
    customers = [customer["name"] for customer in description["customers"]]
    module.exit_json(changed=changed, path=str(path), customers=customers, left_out=left_out, lost=[])


if __name__ == "__main__":
    main()
