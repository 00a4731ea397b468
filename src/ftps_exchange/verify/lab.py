"""The description of a lab for other tools, ``lab.json``: the checked model, and the passwords from hand-over files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ftps_exchange.model.view import Customer, Model

from .describe import service_facts, share_facts


class DescriptionError(Exception):
    """A problem that the reader must fix."""


class LostError(DescriptionError):
    """Accounts whose passwords are lost."""

    def __init__(self, lost: list[dict[str, str]]) -> None:
        self.lost = lost
        super().__init__(
            f"no hand-over file contains the password of {', '.join(account['name'] for account in lost)}. Remedy: run "
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


def describe_lab(
    model: Model, passwords: Mapping[str, str], customer_containers: Mapping[str, str], more: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The description, and the customers without a container, which it omits: nobody could act as one of them."""
    present = [customer for customer in model.customers if customer.state == "present"]
    described = [customer for customer in present if customer.name in customer_containers]
    lost = [
        {"name": account.name, "customer": customer.name}
        for customer in described
        for account in customer.enabled
        if account.name not in passwords
    ]
    if lost:
        raise LostError(lost)
    customers = [_customer(customer, customer_containers[customer.name], passwords) for customer in described]
    description = {**service_facts(model), **more, "customers": customers}
    return description, [customer.name for customer in present if customer.name not in customer_containers]


def _customer(customer: Customer, container: str, passwords: Mapping[str, str]) -> dict[str, Any]:
    """One customer as tools see it, an account that may write first."""
    return {
        "name": customer.name,
        "container": container,
        "accounts": [
            {"name": account.name, "password": passwords[account.name], "home": "/", "access": account.access}
            for account in sorted(customer.enabled, key=lambda account: account.access != "write")
        ],
        "shares": share_facts(customer),
    }
