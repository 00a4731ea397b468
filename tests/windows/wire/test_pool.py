"""The whole Windows play with two servers whose content is on a share: who is called for what.

All answers are scripted, so this shows what is requested of which host, and nothing of what Windows would do.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
import yaml

from .authority import Authority
from .conftest import Deploy, Listener
from .deployment import HOST, Run
from .endpoint import Recording
from .play import as_json, certificate_in_store, run_play, scripted

SHARE = r"\\files.example.com\ftps$\exchange"
FILES = "files1.dmz.example.com"


@dataclass(frozen=True)
class Pool:
    """A run, and what arrived at each host."""

    run: Run
    recordings: dict[str, Recording]


@pytest.fixture(scope="module")
def pool(listener: Listener, deployment: Deploy, authority: Authority) -> Pool:
    endpoints = {host: listener(scripted(authority)) for host in (HOST, "ftps2", FILES)}
    where = deployment(endpoints[HOST])
    where.set(**certificate_in_store(authority), iis_root=SHARE)
    hosts = where.inventory / "hosts.yml"
    inventory = yaml.safe_load(hosts.read_text())
    groups = inventory["all"]["children"]
    groups["ftps_servers"]["children"]["iis_servers"]["hosts"]["ftps2"] = {
        "edge_server": {"name": "ftps2", "ip4": "10.20.30.12"}
    }
    groups["iis_file_servers"] = {"hosts": {FILES: None}}
    hosts.write_text(yaml.safe_dump(inventory))
    variables = where.inventory / "group_vars"
    (variables / "iis_file_servers").mkdir()
    shutil.copy(variables / "iis_servers" / "connection.yml", variables / "iis_file_servers")
    for host, endpoint in endpoints.items():
        path = where.inventory / "host_vars" / f"{host}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"ansible_host": "localhost", "ansible_port": endpoint.port}))
    where.group_variables.write_text(
        yaml.safe_dump({name: value for name, value in where.variables.items() if name != "ansible_port"})
    )
    return Pool(run_play(where), {host: endpoint.recording for host, endpoint in endpoints.items()})


def test_the_run_succeeds(pool: Pool) -> None:
    assert pool.run.exit_code == 0, pool.run.output[-4000:]
    assert [problem for recording in pool.recordings.values() for problem in recording.problems] == []


def test_the_file_server_makes_the_folders_once_and_does_nothing_else(pool: Pool) -> None:
    [call] = pool.recordings[FILES].calls
    assert call.module == "win_folder_tree"
    assert call.arguments["root"] == r"D:\ftps-exchange"
    assert {"", "homes/harbour-works", "shares/base-maps"} <= {
        folder["path"] for folder in as_json(call.arguments["folders"])
    }


@pytest.mark.parametrize("host", [HOST, "ftps2"])
def test_each_server_serves_the_share_and_makes_no_folder(pool: Pool, host: str) -> None:
    assert "win_folder_tree" not in pool.recordings[host].modules
    [call] = pool.recordings[host].of("win_iis_settings")
    directories = dict(as_json(call.arguments["settings"])["rows"]["directories"])
    assert directories["/EXAMPLE/harbour-reports"] == rf"{SHARE}\homes\harbour-works"
    assert {path.startswith(SHARE) for path in directories.values()} == {True}


def test_the_servers_are_called_for_the_same(pool: Pool) -> None:
    assert pool.recordings[HOST].modules == pool.recordings["ftps2"].modules
    first, second = (pool.recordings[host].of("win_ftps_probe")[0].arguments for host in (HOST, "ftps2"))
    assert (first["address"], second["address"]) == ("10.20.30.11", "10.20.30.12")
