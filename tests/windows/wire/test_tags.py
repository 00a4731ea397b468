"""`site.yml --tags ROLE` on Windows: that role is run, with what it needs of the others, and no more."""

from __future__ import annotations

import pytest

from .authority import Authority
from .conftest import Deploy, Listener
from .play import certificate_in_store, run_play, scripted


@pytest.mark.parametrize(
    ("tag", "called", "not_called"),
    [
        ("windows_host", {"win_feature", "win_firewall_rule"}, {"win_folder_tree", "win_iis_settings"}),
        ("windows_folder_tree", {"win_folder_tree"}, {"win_feature", "win_iis_settings"}),
        ("iis_ftp_site", {"win_iis_settings", "win_ftps_probe"}, {"win_feature", "win_folder_tree"}),
    ],
)
def test_one_role_alone(
    listener: Listener, deployment: Deploy, authority: Authority, tag: str, called: set[str], not_called: set[str]
) -> None:
    endpoint = listener(scripted(authority))
    where = deployment(endpoint)
    where.set(**certificate_in_store(authority))
    run_play(where, "--tags", tag).check()
    assert endpoint.recording.problems == []
    assert called <= set(endpoint.recording.modules)
    assert not not_called & set(endpoint.recording.modules)
    for call in [*endpoint.recording.of("win_iis_settings"), *endpoint.recording.of("win_folder_tree")]:
        assert all(value != "" for value in call.arguments.values()), call.module
