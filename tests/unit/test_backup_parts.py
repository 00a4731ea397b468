"""What `make backup` saves of the control node lies where the roles put it by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]


def load(path: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(
    ("part", "role", "variable"),
    [
        ("hand-over", "directory", "directory_handover_dir"),
        ("packs", "customer_packs", "customer_packs_dir"),
        ("notices", "notices", "notices_dir"),
        ("acme-account", "acme_certificate", "acme_certificate_account_key_file"),
    ],
)
def test_a_part_is_where_its_role_writes(part: str, role: str, variable: str) -> None:
    said = load("playbooks/vars/backup.yml")["backup_control_parts"][part]
    default = load(f"roles/{role}/defaults/main.yml")[variable]
    assert said.startswith(f"{{{{ {variable} | default(")
    # Both without the syntax around the folder beside the inventories, and the name of the exchange
    bare = said.partition("default(")[2].replace("kept_beside ~ ", "").replace("' ~ exchange.name", "'").strip("(){} '")
    expected = default.replace("{{ inventory_dir | dirname | dirname }}", "").replace(
        "{{ directory_exchange_name }}", ""
    )
    assert bare == expected
