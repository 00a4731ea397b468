"""Nothing claims a system on which it has not run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ftps_exchange.hosts.platforms import ADDITIONS, PROVEN, RELEASES, ROLES, SERVERS_AND_EDGES, UNTRIED

PROJECT = Path(__file__).resolve().parents[4]
METAS = sorted(PROJECT.glob("roles/*/meta/main.yml"))


@pytest.mark.parametrize("meta", METAS, ids=lambda meta: meta.parts[-3])
def test_a_role_claims_the_releases_on_which_it_has_run(meta: Path) -> None:
    claimed = yaml.safe_load(meta.read_text(encoding="utf-8"))["galaxy_info"]["platforms"]
    ran = list(ROLES.get(meta.parts[-3], []))
    assert claimed == ([{"name": "Debian", "versions": ran}] if ran else [])


def test_the_table_names_roles_and_releases_that_exist() -> None:
    assert set(ROLES) <= {meta.parts[-3] for meta in METAS}
    assert {code for releases in ROLES.values() for code in releases} <= set(RELEASES)


def test_the_gate_lets_through_what_all_roles_but_additions_ran_on() -> None:
    assert PROVEN == {("debian", "12"): "Debian 12", ("debian", "13"): "Debian 13"}

    assert UNTRIED == {("debian", "12"): ["backup"]}
    assert set(SERVERS_AND_EDGES) > ADDITIONS


@pytest.mark.parametrize("page", ["README.md", "docs/preflight.md", "docs/platforms.md"])
def test_the_documents_name_each_proven_system(page: str) -> None:
    text = (PROJECT / page).read_text(encoding="utf-8")
    assert [name for name in PROVEN.values() if name not in text] == []
