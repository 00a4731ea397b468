"""The inventory of a run, for the checks in ftps_exchange.inventory: its files, its values, and the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import AnsibleVaultError
from ansible.utils.vars import load_extra_vars
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.iis.pool import FILE_SERVERS
from ftps_exchange.inventory import Asked, Files, Known, Loaded, NotTemplated, known_variables, read_files
from ftps_exchange.inventory.run import known_tags
from ftps_exchange.inventory.values import ALSO_LOOKED_AT

PROJECT = Path(__file__).resolve().parents[2]
# Where AWX mounts the folder of a job into the execution environment
AWX_JOB = "/runner"


@lru_cache(maxsize=1)
def known() -> Known:
    """Every variable there is."""
    return known_variables(PROJECT)


def read(sources: Sequence[str], loader: DataLoader) -> Files:
    """The files of the inventory, decrypted by the passwords that this run was given."""

    def decrypt(data: bytes) -> bytes | None:
        vault = loader._vault
        if not vault or not vault.secrets:
            return None
        try:
            decrypted: bytes = vault.decrypt(data)
        except AnsibleVaultError as error:
            raise ValueError("another password") from error
        return decrypted

    return read_files([source for source in map(str, sources) if os.path.exists(source)], decrypt)


def asked() -> Asked:
    """The command line of this run; a tag may stand in the configuration too."""
    arguments = context.CLIARGS
    return Asked(
        tags=[str(tag) for tag in arguments.get("tags") or ()],
        skip_tags=[str(tag) for tag in arguments.get("skip_tags") or ()],
        start_at_task=arguments.get("start_at_task"),
    )


def tags_of_this_run() -> set[str]:
    """Every tag of the project, and of the playbooks on the command line."""
    return known_tags(PROJECT, [Path(path) for path in context.CLIARGS.get("args") or ()])


def extra_names(loader: DataLoader) -> list[str]:
    """Names of the variables that the command line gave."""
    return sorted(load_extra_vars(loader))


def load(hostvars: Any, groups: Mapping[str, Sequence[str]], extra: Sequence[str], *, deploys: bool) -> Loaded:
    """The values that each host of the exchange has."""
    wanted = {*known().options, *ALSO_LOOKED_AT}
    managed = ("ftps_servers", "edges", FILE_SERVERS)
    hosts = dict.fromkeys(host for group in managed for host in groups.get(group, ()))
    return Loaded(
        groups={name: list(members) for name, members in groups.items()},
        hosts={host: _values(hostvars, host, wanted) for host in hosts},
        extra=extra,
        deploys=deploys,
        is_file=lambda path: os.path.isfile(os.path.expanduser(path)),
        short_lived=_short_lived(extra),
    )


def _values(hostvars: Any, host: str, wanted: Iterable[str]) -> dict[str, object]:
    own = hostvars[host]
    found: dict[str, object] = {}
    for name in sorted(set(own) & set(wanted)):
        try:
            found[name] = plain(own[name])
        except AnsibleError as error:
            found[name] = NotTemplated(str(error))
    return found


def _short_lived(extra: Sequence[str]) -> str | None:
    """AWX gives every job its number as a variable, and removes the job's folder at its end."""
    if not {"awx_job_id", "tower_job_id"} & set(extra):
        return None
    return os.environ.get("AWX_PRIVATE_DATA_DIR") or AWX_JOB
