"""The whole Windows play over WinRM, with the example's settings: what is called, in which order, with what.

Calls of win_iis_settings and win_folder_tree are run by the PowerShell engine, as they arrive, on stand-ins of IIS and
of NTFS. Answers of others' modules are scripted, so nothing is proven here of what those modules do.

One host has a story, in which each run takes up where the one before it ended; the tests look at its chapters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftps_exchange.iis.schema import THUMBPRINT

from .authority import Authority
from .conftest import Deploy, Listener
from .deployment import Deployment, Run
from .documented import documented_options, objections
from .endpoint import Recording
from .play import WindowsHost, as_json, run_play

CUSTOMER = "customers/harbour-works.yml"
MADE_UP = "0123456789ABCDEF0123456789ABCDEF01234567"
# What the collection's own action plugin adds to the arguments of the task
ADDED = {"win_copy": {"_copy_mode", "files", "directories", "symlinks"}}


@dataclass(frozen=True)
class Chapter:
    """A run, what arrived meanwhile, and what the host had become when it ended."""

    run: Run
    recording: Recording
    homes: set[str]
    locations: set[str]
    config: bytes
    folders: bytes
    certificates: set[str]

    @property
    def settings(self) -> Any:
        (call,) = self.recording.of("win_iis_settings")
        # As the module fills in the certificate of the host
        text = json.dumps(as_json(call.arguments["settings"]))
        return json.loads(text.replace(f'"{THUMBPRINT}"', f'"{call.arguments["thumbprint"]}"'))


def without(arguments: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in names}


def change_customer(deployment: Deployment, **changes: Any) -> None:
    file = deployment.inventory / CUSTOMER
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))


@pytest.fixture(scope="module")
def host(pwsh: Path, system_root: Path, tmp_path_factory: pytest.TempPathFactory) -> WindowsHost:
    return WindowsHost(pwsh, tmp_path_factory.mktemp("host"), system_root)


@pytest.fixture(scope="module")
def story(listener: Listener, deployment: Deploy, host: WindowsHost, authority: Authority) -> dict[str, Chapter]:
    endpoint = listener(host)
    where = deployment(endpoint)
    where.set(
        windows_certificate_provider="own_ca",
        windows_certificate_key_type="ecc_p256",
        windows_certificate_ca_file=str(authority.certificate),
        windows_certificate_own_ca_certificate=str(authority.certificate),
        windows_certificate_own_ca_key=str(authority.key),
        windows_certificate_valid_days=400,
    )
    chapters: dict[str, Chapter] = {}

    def turn(name: str, *options: str) -> None:
        recording = endpoint.fresh()
        run = run_play(where, *options)
        folders = host.folders.read_bytes() if host.folders.exists() else b""
        config = host.config.read_bytes()
        chapters[name] = Chapter(run, recording, host.homes, host.locations, config, folders, host.certificates)

    turn("check before the first run", "--check", "--diff")
    turn("first run", "--diff")
    turn("second run")
    change_customer(where, state="suspended")
    turn("check of a suspended customer", "--check", "--diff")
    turn("suspended customer", "--diff")
    turn("new certificate", "--extra-vars", "windows_certificate_renew=true")
    host.broken_ports.add(21)
    turn("new certificate that is not served", "--extra-vars", "windows_certificate_renew=true")
    return chapters


ALL = [
    "check before the first run",
    "first run",
    "second run",
    "check of a suspended customer",
    "suspended customer",
    "new certificate",
]
CHECKS = [name for name in ALL if name.startswith("check")]


@pytest.mark.parametrize("name", ALL)
def test_every_run_succeeds(story: dict[str, Chapter], name: str) -> None:
    chapter = story[name]
    assert chapter.run.exit_code == 0, chapter.run.output[-6000:]
    assert chapter.recording.problems == []


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_tells_the_host_so_and_changes_nothing(story: dict[str, Chapter], name: str) -> None:
    chapter, before = story[name], ALL[ALL.index(name) - 1] if ALL.index(name) else None
    assert all(call.check_mode for call in chapter.recording.calls)
    if before:
        assert (chapter.config, chapter.folders) == (story[before].config, story[before].folders)
    else:
        assert (chapter.homes, chapter.folders) == (set(), b"")


def test_a_check_predicts_the_run(story: dict[str, Chapter]) -> None:
    check, run = story["check of a suspended customer"], story["suspended customer"]
    assert check.run.recap["changed"] == run.run.recap["changed"] > 0
    assert check.recording.modules == run.recording.modules
    assert check.settings == run.settings


def test_a_check_before_the_first_run_predicts_all_but_the_steps_of_the_certificate(story: dict[str, Chapter]) -> None:
    """A key that does not exist cannot be asked for a signature: the check says that it would be, in one task."""
    check, run = story["check before the first run"], story["first run"]
    assert check.run.recap["changed"] > 0
    steps = {"win_server_certificate", "win_tempfile", "win_copy", "win_file", "win_certificate_store", "win_service"}
    assert [name for name in check.recording.modules if name not in steps] == [
        name for name in run.recording.modules if name not in steps
    ]
    made_up, real = (
        json.dumps(chapter.settings).replace(*hidden)
        for chapter, hidden in ((check, (MADE_UP, "")), (run, (next(iter(run.certificates)), "")))
    )
    assert made_up == real


def test_the_second_run_changes_nothing(story: dict[str, Chapter]) -> None:
    second, first = story["second run"], story["first run"]
    assert second.run.recap["changed"] == 0, second.run.output[-6000:]
    assert (second.config, second.folders) == (first.config, first.folders)


def test_the_order_is_that_of_what_needs_what(story: dict[str, Chapter]) -> None:
    modules = story["first run"].recording.modules
    once = ["win_feature", "win_firewall_rule", "win_folder_tree", "win_iis_settings", "win_ftps_probe"]
    assert [modules.count(module) for module in once] == [1] * len(once)
    order = [modules.index(module) for module in once]
    assert order == sorted(order), modules
    assert modules.index("win_server_certificate") < modules.index("win_iis_settings"), "certificate before site"


def served(chapter: Chapter) -> set[str]:
    """The certificates that the sites name."""
    sites = [
        item for section in chapter.settings["sections"] for item in section.get("collection", {}).get("items", [])
    ]
    named = (item.get("elements", {}).get("ftpServer", {}).get("elements", {}).get("security") for item in sites)
    return {security["elements"]["ssl"]["attributes"]["serverCertHash"] for security in named if security}


def test_the_sites_name_the_certificate_in_the_store(story: dict[str, Chapter]) -> None:
    assert served(story["first run"]) == story["first run"].certificates
    assert len(story["first run"].certificates) == 1


def test_a_check_before_there_is_a_certificate_says_that_its_thumbprint_is_made_up(story: dict[str, Chapter]) -> None:
    assert served(story["check before the first run"]) == {MADE_UP}
    assert "made-up thumbprint" in " ".join(story["check before the first run"].run.output.split())


def test_the_old_certificate_is_removed_when_the_new_one_serves(story: dict[str, Chapter]) -> None:
    before, after = story["suspended customer"], story["new certificate"]
    assert served(after) != served(before)
    assert after.certificates == served(after)
    (probe,) = after.recording.of("win_ftps_probe")
    assert {probe.arguments["thumbprint"]} == served(after)
    (removal,) = after.recording.of("win_certificate_store")
    assert {removal.arguments["thumbprint"]} == served(before)
    assert after.recording.modules[-2:] == ["win_ftps_probe", "win_certificate_store"]


def test_where_the_new_certificate_is_not_served_the_old_one_stays(story: dict[str, Chapter]) -> None:
    before, after = story["new certificate"], story["new certificate that is not served"]
    assert after.run.recap["failed"] == 1
    assert after.recording.of("win_certificate_store") == []
    assert served(before) < after.certificates, "the old one beside the new one"
    assert after.recording.modules[-3:] == ["win_ftps_probe", "win_service", "win_ftps_probe"], "restarted, asked again"
    assert after.recording.of("win_service")[-1].arguments["state"] == "restarted"


def test_the_example_becomes_two_sites_with_homes_for_its_accounts(story: dict[str, Chapter]) -> None:
    homes = story["first run"].homes
    assert {"/EXAMPLE/harbour-upload", "/EXAMPLE/harbour-reports", "/EXAMPLE/river-survey"} <= homes
    assert "/EXAMPLE/harbour-upload/shared/base-maps" in homes
    assert not [path for path in homes if "old-quarry" in path], "an absent customer has a home"
    assert "FTPS Exchange/EXAMPLE/harbour-upload" in story["first run"].locations


def test_a_suspended_customer_loses_access(story: dict[str, Chapter]) -> None:
    before, after = story["first run"], story["suspended customer"]
    assert [path for path in before.homes | before.locations if "harbour" in path]
    assert not [path for path in after.homes | after.locations if "harbour" in path]
    assert [path for path in after.homes if "river-survey" in path], "the others keep theirs"
    (firewall,) = after.recording.of("win_firewall_rule")
    assert "192.0.2.16" not in json.dumps(firewall.arguments)
    assert after.folders == before.folders, "their data stays as it is"


def test_a_suspension_changes_what_it_is_about(story: dict[str, Chapter]) -> None:
    changed = story["suspended customer"].run
    # The address list of the firewall, and the settings of IIS
    assert changed.recap["changed"] == 2, changed.output[-4000:]


@pytest.mark.parametrize("name", ALL)
def test_every_argument_is_one_that_the_module_documents(story: dict[str, Chapter], name: str, project: Path) -> None:
    calls = story[name].recording.calls
    options = documented_options({call.full_name for call in calls}, project)
    assert {
        call.full_name: found
        for call in calls
        if (found := objections(options[call.full_name], without(call.arguments, ADDED.get(call.module, set()))))
    } == {}


def test_nothing_is_sent_that_was_not_templated(story: dict[str, Chapter]) -> None:
    for call in story["first run"].recording.calls:
        text = json.dumps(call.arguments)
        # Scripts are PowerShell, in which braces mean something else
        if call.module != "win_powershell":
            assert "{{" not in text, call.module
        assert "omit_place_holder" not in text
        assert "AnsibleUndefined" not in text


def test_no_password_shows(story: dict[str, Chapter], password: str) -> None:
    """It is used to log in, and neither sent to a module nor printed."""
    for chapter in story.values():
        assert password not in chapter.run.output
        assert password not in json.dumps([dict(call.arguments) for call in chapter.recording.calls])


def test_everything_is_logged_in_for_and_in_few_connections(story: dict[str, Chapter]) -> None:
    recording = story["first run"].recording
    assert recording.refused_logins == 0
    assert set(recording.logins) == {r"ntlm EXAMPLE\svc-ansible"}
