"""A role's templates and variables, rendered by Ansible as a play would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.community.general.plugins.filter import json_query
from ansible_collections.ftps.exchange.plugins.filter import preflight

ROLES = Path(__file__).parents[3] / "roles"


def role_variables(role: str, given: dict[str, Any], *more: str) -> Templar:
    """What a role has, and more roles that are rendered together with it."""
    files = [ROLES / each / kind / "main.yml" for each in (role, *more) for kind in ("defaults", "vars")]
    variables: dict[str, Any] = {}
    for file in files:
        variables |= trusted(yaml.safe_load(file.read_text())) if file.exists() else {}
    templar = Templar(loader=DataLoader(), variables=variables | given)
    # By the full names that roles use: no collection is looked for here
    for collection, plugin in (("ftps.exchange", preflight), ("community.general", json_query)):
        for name, function in plugin.FilterModule().filters().items():
            templar.environment.filters[f"{collection}.{name}"] = function
    return templar


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def render(role: str, template: str, given: dict[str, Any]) -> str:
    text = (ROLES / role / "templates" / template).read_text()
    # As the template lookup does; a plain template would keep the newline after each block.
    text = "#jinja2: trim_blocks: True\n" + text
    return str(role_variables(role, given).template(trust_as_template(text)))
