"""Known variables: from the roles' specifications, and what the playbooks compute from the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from ftps_exchange.model.problems import nearest

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Variables of the playbooks, with their types
OF_THE_PLAYBOOKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "exchange": {"type": "dict"},
    "edge_server": {
        "type": "dict",
        "options": {"name": {"type": "str", "required": True}, "ip4": {"type": "str"}, "ip6": {"type": "str"}},
    },
    # Several servers: the interface, and the addresses that stay with the host (ftps_exchange.pool)
    "server_pool": {
        "type": "dict",
        "options": {
            "interface": {"type": "str", "required": True},
            "ip4": {"type": "str", "required": True},
            "ip6": {"type": "str"},
        },
    },
    # Two edges: the addresses that stay, of each, and those that move, of both (ftps_exchange.pair)
    "edge_pair": {"type": "dict"},
    "edge_virtual_addresses": {"type": "dict"},
    "exchange_allow_unproven_os": {"type": "bool"},
    "iis_root": {"type": "str"},
    "iis_options": {"type": "dict"},
}
# Names with these prefixes are variables of this project, or mistakes
_PREFIXES_OF_THE_PLAYBOOKS: Final = ("iis_",)


@dataclass(frozen=True)
class Known:
    """The variables that an inventory may set, and those that it must not."""

    options: Mapping[str, Mapping[str, Any]]
    """The specification of each variable."""
    prefixes: tuple[str, ...]
    """Prefixes of the roles' variables, longest first."""
    required: frozenset[str]
    """Required variables of the main entry points. The playbooks set those of other entry points."""
    computed: Mapping[str, str] = field(default_factory=dict)
    """Variables that are computed from the model, and how. An inventory cannot set them."""

    @cached_property
    def settable(self) -> list[str]:
        """What an inventory may set."""
        return [name for name in self.options if name not in self.computed]

    def prefix_of(self, name: str) -> str | None:
        """Return the prefix that marks a variable of this project; None for users' own variables."""
        return next((prefix for prefix in self.prefixes if name.startswith(prefix)), None)

    def nearest_to(self, name: str) -> str | None:
        """Return the variable that was probably meant; those of the same role come first."""
        prefix = self.prefix_of(name)
        same = [known for known in self.settable if prefix and known.startswith(prefix)]
        return nearest(name, same) or nearest(name, self.settable)


def known_variables(project: Path) -> Known:
    """Read the specifications below ``roles/`` and the variables in ``playbooks/vars/``."""
    options: dict[str, Mapping[str, Any]] = dict(OF_THE_PLAYBOOKS)
    prefixes = list(_PREFIXES_OF_THE_PLAYBOOKS)
    required: set[str] = set()
    for path in sorted((project / "roles").glob("*/meta/argument_specs.yml")):
        role = path.parents[1].name
        # Roles of the lab are not part of a deployment
        if role.startswith("lab_"):
            continue
        prefixes.append(f"{role}_")
        for name, entry in _load(path)["argument_specs"].items():
            options.update(entry.get("options", {}))
            if name == "main":
                required |= {option for option, spec in entry.get("options", {}).items() if spec.get("required")}
    computed: dict[str, str] = {}
    for name in ("exchange", "windows"):
        for key, value in _load(project / "playbooks" / "vars" / f"{name}.yml").items():
            # A default may refer to a variable of the inventory
            if not key.startswith("__"):
                computed[key] = _from_the_model(str(value))
    return Known(options, tuple(sorted(prefixes, key=len, reverse=True)), frozenset(required), computed)


def _from_the_model(expression: str) -> str:
    """Return the key of the service to change instead, if a single key decides."""
    keys = set(re.findall(r"__exchange\.([a-z_0-9]+(?:\.[a-z_0-9]+)?)", expression))
    return f"exchange.{keys.pop()}" if len(keys) == 1 else ""


def _load(path: Path) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506  (a safe loader)
    return loaded


# -- a value against its specification ---------------------------------------------------------------------------------

_EXPECTED: Final[Mapping[str, str]] = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys to values",
}
_TRUTH: Final = {"true", "false", "yes", "no", "on", "off", "1", "0", "y", "n", "t", "f"}


def flaws(spec: Mapping[str, Any], value: object, where: str) -> Iterable[tuple[str, object, str, str]]:
    """Yield field, value, message and remedy for each part of a value that does not fit its specification."""
    kind = str(spec.get("type", "str"))
    if value is None or (not _is(kind, value)):
        shown = "empty" if value is None else _kind_of(value)
        yield where, value, f"is {shown}, not {_EXPECTED.get(kind, kind)}.", _remedy(kind, spec, value)
        return
    choices = spec.get("choices")
    if choices and str(value) not in map(str, choices):
        guess = nearest(str(value), map(str, choices))
        yield (
            where,
            value,
            "is not one of the choices.",
            f"Use one of {', '.join(map(str, choices))}." + (f" Did you mean '{guess}'?" if guess else ""),
        )
    if kind == "list" and isinstance(value, list):
        elements = {"type": spec.get("elements", "raw"), "options": spec.get("options")}
        for index, item in enumerate(value):
            yield from flaws(elements, item, f"{where}[{index}]")
    options = spec.get("options")
    if kind == "dict" and options and isinstance(value, Mapping):
        for key in value:
            if key not in options:
                guess = nearest(str(key), options)
                yield (
                    f"{where}.{key}",
                    value[key],
                    "is not a known key.",
                    f"Did you mean '{guess}'?" if guess else f"Remove it; known keys: {', '.join(options)}.",
                )
        for key, option in options.items():
            if value.get(key) is not None or (key in value and option.get("required")):
                yield from flaws(option, value[key], f"{where}.{key}")
            elif option.get("required"):
                yield f"{where}.{key}", None, "is missing.", f"Add it: {_EXPECTED[option.get('type', 'str')]}."


def _is(kind: str, value: object) -> bool:
    """Whether Ansible accepts the value for this type without a surprising conversion."""
    if kind in ("raw", "json", "jsonarg"):
        return True
    if kind in ("str", "path"):
        return isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool))
    if kind == "int":
        return not isinstance(value, bool) and bool(re.fullmatch(r"-?[0-9]+", str(value)))
    if kind == "float":
        return not isinstance(value, bool) and bool(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", str(value)))
    if kind == "bool":
        return isinstance(value, bool) or str(value).lower() in _TRUTH
    # Ansible turns "a,b" into a list; in an inventory it is more likely a forgotten dash or bracket
    return isinstance(value, list) if kind == "list" else isinstance(value, Mapping)


def _remedy(kind: str, spec: Mapping[str, Any], value: object) -> str:
    if kind == "list":
        shown = value if isinstance(value, str | int) and not isinstance(value, bool) else "…"
        return f"Write a list: [{shown}]."
    if kind == "bool":
        return "Write true or false, without quotes."
    if kind == "int":
        return "Give a plain decimal number."
    if kind == "dict":
        options = spec.get("options")
        return f"Give it as keys and values: {', '.join(options)}." if options else "Give it as keys and values."
    return "Give a value, or remove the line for the default."


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((str, "text"), (int, "a number"), (float, "a number"), (Mapping, "a mapping"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "something else"
