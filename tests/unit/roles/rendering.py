"""A role's templates and variables, rendered by Ansible as a play would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

PROJECT = Path(__file__).parents[3]
ROLES = PROJECT / "roles"

# Roles call filters by their full names
init_plugin_loader([str(PROJECT / "collections")])


def role_variables(role: str, given: dict[str, Any]) -> Templar:
    files = [ROLES / role / "defaults" / "main.yml", ROLES / role / "vars" / "main.yml"]
    variables: dict[str, Any] = {}
    for file in files:
        variables |= trusted(yaml.safe_load(file.read_text())) if file.exists() else {}
    return Templar(loader=DataLoader(), variables=variables | given)


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
