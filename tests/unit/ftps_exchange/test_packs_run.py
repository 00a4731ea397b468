"""Packs on disk: written once, left alone when nothing changed, told when somebody meddled, taken away when gone."""

from __future__ import annotations

import dataclasses
import datetime
import errno
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ftps_exchange.errors import ExchangeError
from ftps_exchange.packs.run import RULE_FORMATS, PacksError, Settings, Summary, make_packs
from ftps_exchange.packs.subject import read_authorities
from tests.unit.ftps_exchange.model_inputs import TODAY, Inventory, changed


def certificate(name: str, *, ca: bool = True, only_for: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """A certificate and its key, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if only_for:
        limits = x509.NameConstraints([x509.DNSName(one) for one in only_for], None)
        builder = builder.add_extension(limits, critical=True)
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Place:
    """An inventory with acme and globex, and a folder for their packs."""

    def __init__(self, folder: Path) -> None:
        self.inventory = Inventory(folder / "inventory")
        self.inventory.globex["firewall"] = "cisco_asa"
        self.packs = folder / "packs"
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificate("Example Root CA")[0])

    def run(self, **changes: Any) -> Summary:
        settings = Settings(directory=str(self.packs), ca_file=str(self.ca), today=TODAY)
        return make_packs(self.inventory.check(), dataclasses.replace(settings, **changes))

    def files(self) -> dict[str, tuple[bytes, int]]:
        return {
            str(path.relative_to(self.packs)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.packs.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_pack_for_everybody_with_the_rules_of_the_own_firewall(place: Place) -> None:
    assert place.run().names("created") == ["acme", "globex"]
    assert {path.name for path in (place.packs / "acme/rules").iterdir()} == {
        "firewall.csv",
        "firewall.md",
        "nftables-customer.nft",
    }
    assert (place.packs / "globex/rules/cisco_asa-customer.txt").is_file()
    assert not (place.packs / "acme/provider").exists()
    assert os.access(place.packs / "acme/selftest.sh", os.X_OK)
    assert (place.packs / "acme/ca.pem").read_bytes() == place.ca.read_bytes()


def test_all_formats_on_request(place: Place) -> None:
    place.run(formats=("all",), provider_formats=("all",))
    names = {path.name.split("-")[0] for path in (place.packs / "acme/rules").iterdir()}
    assert names - {"firewall.md", "firewall.csv", "ip6tables"} == set(RULE_FORMATS)
    assert (place.packs / "acme/provider/nftables-provider.nft").is_file()


def test_the_providers_rules_translate_no_second_address(place: Place) -> None:
    place.inventory.exchange["also_public_ip4"] = {"address": "198.51.100.11", "until": "2027-03-31"}
    place.run(formats=("all",), servers=("10.77.10.11",))
    place.run(formats=("all",), provider_formats=("all",))
    with pytest.raises(ExchangeError, match="need two translations"):
        place.run(provider_formats=("cisco_asa",), servers=("10.77.10.11",))


def test_the_port_of_implicit_tls_is_opened_for_those_who_ask_only(place: Place) -> None:
    place.inventory.acme["implicit_tls"] = True
    place.run(formats=("all",), provider_formats=("all",))
    for customer, asked in (("acme", True), ("globex", False)):
        for path in (place.packs / customer).rglob("*"):
            if path.is_file() and (path.parent.name in ("rules", "provider") or path.name == "guide.md"):
                assert bool(re.search(r"\b990\b", path.read_text())) == asked, path
    facts = json.loads((place.packs / "globex/pack.json").read_text())["facts"]
    assert facts["implicit_port"] is None


def test_who_stops_asking_for_implicit_tls_is_told_what_to_close(place: Place) -> None:
    place.inventory.acme["implicit_tls"] = True
    place.run()
    place.inventory.acme["implicit_tls"] = False
    place.run(deadline="2027-03-01")
    assert "close TCP 990" in (place.packs / "acme/CHANGES.md").read_text()
    assert not (place.packs / "globex/CHANGES.md").exists()


def test_an_update_lies_beside_the_rules_that_changed_and_stays(place: Place) -> None:
    update = place.packs / "globex/rules/cisco_asa-customer-update.txt"
    provider = place.packs / "globex/provider/cisco_asa-provider-update.txt"
    options: dict[str, Any] = {"provider_formats": ("cisco_asa",), "servers": ("10.77.10.11",)}
    place.run(**options)
    assert not update.exists()
    place.inventory.globex["sources"] = ["198.51.100.31"]
    assert place.run(**options).names("changed") == ["globex"]
    text = update.read_text()
    added, gone = text.index("\naccess-list"), text.index("\nno access-list")
    assert added < gone
    assert "10.77.10.11" in provider.read_text()
    # What the customer gets names no inner address, also of those that were
    assert "10.77" not in text + (place.packs / "globex/pack.json").read_text()
    listed = json.loads((place.packs / "globex/pack.json").read_text())["files"]
    assert {"rules/cisco_asa-customer-update.txt", "provider/cisco_asa-provider-update.txt"} <= listed.keys()

    assert not place.run(**options).changed
    place.inventory.globex["contact"] = {"name": "Somebody Else"}
    assert place.run(**options).names("changed") == ["globex"]
    assert update.read_text() == text
    # The guide names the rules, not what differs
    assert "update" not in (place.packs / "globex/guide.md").read_text()

    place.inventory.globex["sources"] = ["198.51.100.32"]
    place.run(**options)
    assert update.read_text().count("\nno access-list") == 2 * text.count("\nno access-list")


def test_no_update_is_made_from_a_file_that_somebody_edited(place: Place) -> None:
    place.run()
    rules = place.packs / "globex/rules/cisco_asa-customer.txt"
    rules.write_text(rules.read_text() + "access-list FTPS-lab-OUT extended permit ip any any\n")
    place.inventory.globex["sources"] = ["198.51.100.31"]
    place.run()
    assert not (place.packs / "globex/rules/cisco_asa-customer-update.txt").exists()


def test_the_same_again_writes_nothing(place: Place) -> None:
    place.run()
    before = place.files()
    summary = place.run()
    assert not summary.changed
    assert summary.names("unchanged") == ["acme", "globex"]
    assert place.files() == before


def test_the_same_input_gives_the_same_bytes_elsewhere(place: Place, tmp_path: Path) -> None:
    place.run()
    other = Place(tmp_path / "other")
    other.ca.write_bytes(place.ca.read_bytes())
    other.run(processes=1)
    assert {path: data for path, (data, _) in place.files().items()} == {
        path: data for path, (data, _) in other.files().items()
    }


def test_many_are_made_by_several_processes_and_are_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run(processes=1)
    before = place.files()
    monkeypatch.setattr("ftps_exchange.packs.run._WORTH_A_PROCESS", 1)
    assert not place.run(processes=2).changed
    place.packs.rename(place.packs.with_name("first"))
    place.run(processes=2)
    assert {path: data for path, (data, _) in before.items()} == {p: data for p, (data, _) in place.files().items()}


@pytest.mark.parametrize(
    ("worker", "why"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
        ("raise MemoryError('no memory')", "ended with status 1 (MemoryError: no memory)"),
        ("import time; time.sleep(60)", "gave no answer for 0.5 s"),
        (
            "import sys, time; sys.stdout.buffer.write(b'\\0'); sys.stdout.flush(); time.sleep(60)",
            "gave no answer for 0.5 s",
        ),
    ],
    ids=["killed", "failed", "silent", "silent half way"],
)
def test_a_worker_that_dies_or_stands_still_is_an_error_that_names_the_customer(
    place: Place, monkeypatch: pytest.MonkeyPatch, worker: str, why: str
) -> None:
    monkeypatch.setattr("ftps_exchange.packs.run._WORTH_A_PROCESS", 1)
    monkeypatch.setattr("ftps_exchange.packs.workers.COMMAND", (sys.executable, "-c", worker))
    monkeypatch.setattr("ftps_exchange.packs.workers.PATIENCE", 0.5)
    begun = time.monotonic()
    with pytest.raises(PacksError) as failed:
        place.run(processes=2)
    assert time.monotonic() - begun < 30
    found = failed.value.problems
    assert all(re.match(f"customer [a-z]+: pack: the process that makes it {re.escape(why)}", each) for each in found)
    assert len(found) == 2


def test_a_run_with_nothing_to_change_prints_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run(processes=1)
    monkeypatch.setattr("ftps_exchange.packs.run.build_pack", lambda *_: pytest.fail("a pack was made again"))
    monkeypatch.setattr("ftps_exchange.packs.run.outcomes", lambda *_: pytest.fail("a worker was started"))
    assert not place.run(processes=1).changed


def test_only_files_that_differ_are_written(place: Place) -> None:
    place.run()
    before = place.files()
    place.inventory.acme["accounts"].append({"name": "acme-night", "access": "read"})
    summary = place.run()
    assert summary.names("changed") == ["acme"]
    after = place.files()
    written = {path for path in after if after[path] != before.get(path)}
    assert "acme/clients/filezilla.xml" in written
    assert not {"acme/rules/nftables-customer.nft", "acme/ca.pem", "acme/clients/transfer.ps1"} & written
    assert all(path.startswith("acme/") for path in written)


def test_check_mode_tells_the_same_and_writes_nothing(place: Place) -> None:
    told = place.run(check_mode=True, want_diff=True)
    assert told.names("created") == ["acme", "globex"]
    assert not place.packs.exists()
    place.run()
    before = place.files()
    place.inventory.exchange["passive_ports"] = [50000, 50199]
    told = place.run(check_mode=True, want_diff=True)
    assert place.files() == before
    diffs = {Path(diff["before_header"]).name: diff for diff in told.results[0].diffs}
    assert "50000-50099" in diffs["nftables-customer.nft"]["before"]
    assert "50000-50199" in diffs["nftables-customer.nft"]["after"]
    assert place.run().names("changed") == told.names("changed")


def test_a_file_changed_by_hand_is_told_and_written_anew(place: Place) -> None:
    place.run()
    before = place.files()
    (place.packs / "acme/guide.md").write_text("Open everything, in both directions.")
    (place.packs / "acme/ca.pem").unlink()
    (place.packs / "globex/guide.md").touch()
    summary = place.run(want_diff=True)
    assert summary.results[0].edited == ["ca.pem", "guide.md"]
    assert "Open everything" in next(
        diff["before"] for diff in summary.results[0].diffs if "guide" in diff["before_header"]
    )
    assert summary.names("unchanged") == ["globex"]
    assert {path: data for path, (data, _) in place.files().items()} == {p: data for p, (data, _) in before.items()}
    assert not place.run().changed


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_a_mode_changed_by_hand_is_told_and_mended(place: Place) -> None:
    place.run()
    before = modes(place.packs / "acme")
    wrong = {"guide.md": 0o666, "pack.json": 0o600, "rules/firewall.md": 0o600, "selftest.sh": 0o644}
    for path, mode in wrong.items():
        (place.packs / "acme" / path).chmod(mode)
    # Written some time ago
    os.utime(place.packs / "acme/pack.json", (1_780_000_000, 1_780_000_000))
    assert place.run(check_mode=True).results[0].edited == sorted(wrong)
    assert place.run().names("changed") == ["acme"]
    assert modes(place.packs / "acme") == before
    assert not place.run().changed


def test_packs_are_readable_whatever_the_umask(place: Place) -> None:
    umask = os.umask(0o077)
    try:
        place.run()
        place.inventory.exchange["passive_ports"] = [50000, 50199]
        place.run()
    finally:
        os.umask(umask)
    assert set(modes(place.packs).values()) == {0o644, 0o755}
    assert not place.run().changed


def test_where_files_have_no_modes_none_is_judged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems give every file the same mode, and know no other."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    place.run()
    for path in place.packs.rglob("*"):
        path.chmod(0o777)
    for name in ("acme", "globex"):
        os.utime(place.packs / name / "pack.json")
    assert not place.run().changed


def test_an_edit_is_found_when_the_status_of_everything_was_changed_after_it(place: Place) -> None:
    place.run()
    (place.packs / "acme/guide.md").write_text("Open everything, in both directions.")
    for path in place.packs.rglob("*"):
        if path.name != "pack.json":
            path.chmod(path.stat().st_mode & 0o777)
    (place.packs / "acme/pack.json").chmod(0o644)
    assert place.run().results[0].edited == ["guide.md"]


@pytest.mark.parametrize("change", [False, True])
def test_nothing_is_written_through_a_link_in_place_of_a_folder(place: Place, tmp_path: Path, change: bool) -> None:
    place.run()
    elsewhere = tmp_path / "elsewhere"
    (place.packs / "acme/rules").rename(elsewhere)
    (place.packs / "acme/rules").symlink_to(elsewhere)
    (elsewhere / "firewall.md").write_text("theirs")
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    if change:
        place.inventory.exchange["passive_ports"] = [50000, 50199]
    told = place.run(want_diff=True, check_mode=True).results[0]
    assert (place.packs / "acme/rules").is_symlink()
    assert "rules/firewall.md" in told.edited
    assert told.foreign == []
    assert not any("theirs" in diff["before"] for diff in told.diffs)
    place.run()
    assert not (place.packs / "acme/rules").is_symlink()
    assert {path.name for path in (place.packs / "acme/rules").iterdir()} == set(before)
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert not place.run().changed


def test_nothing_is_removed_through_a_link_in_place_of_a_folder(place: Place, tmp_path: Path) -> None:
    place.run()
    elsewhere = tmp_path / "elsewhere"
    (place.packs / "acme/rules").rename(elsewhere)
    (place.packs / "acme/rules").symlink_to(elsewhere)
    before = sorted(path.name for path in elsewhere.iterdir())
    place.inventory.acme = {"state": "absent"}
    assert place.run().results[0].foreign == ["rules"]
    assert sorted(path.name for path in elsewhere.iterdir()) == before
    assert [path.name for path in (place.packs / "acme").iterdir()] == ["rules"]


@pytest.mark.parametrize("name", ["guide.md", "pack.json"])
def test_a_pipe_in_place_of_a_file_holds_nobody_up(place: Place, name: str) -> None:
    place.run()
    (place.packs / "acme" / name).unlink()
    os.mkfifo(place.packs / "acme" / name)

    def stop(*_: object) -> None:
        raise AssertionError("waits for somebody to write into the pipe")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    try:
        if name == "pack.json":
            with pytest.raises(PacksError, match=r"is not what this program wrote|cannot be read"):
                place.run()
        else:
            assert place.run().results[0].edited == [name]
            assert (place.packs / "acme" / name).is_file()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_what_a_stopped_run_left_of_a_customer_is_taken_away(place: Place) -> None:
    (place.packs / ".unfinished-gone/rules").mkdir(parents=True)
    (place.packs / ".unfinished-gone/rules/firewall.md").write_text("half")
    place.run(check_mode=True)
    assert (place.packs / ".unfinished-gone").exists()
    place.run()
    assert sorted(path.name for path in place.packs.iterdir()) == ["acme", "globex"]


def test_a_pack_that_cannot_be_taken_away_is_told_and_everything_else_is_done(place: Place) -> None:
    place.run()
    (place.packs / "acme/guide.md").unlink()
    (place.packs / "acme/guide.md").mkdir()
    place.inventory.acme = {"state": "absent"}
    place.inventory.exchange["passive_ports"] = [50000, 50199]
    with pytest.raises(PacksError, match=r"customer acme: pack: .*guide\.md") as raised:
        place.run()
    assert raised.value.summary.names("changed") == ["globex"]


def test_a_left_folder_with_a_broken_file_is_told_and_stays(place: Place) -> None:
    place.run()
    (place.packs / "acme/pack.json").write_text("{")
    (place.packs / "notes").mkdir()
    (place.packs / "latest").symlink_to("globex")
    place.inventory.acme = {"state": "absent"}
    summary = place.run()
    assert summary.unreadable == ["acme"]
    assert (place.packs / "acme/guide.md").exists()
    assert place.run(customer="globex").unreadable == []


def test_files_that_are_not_ours_stay_and_are_told(place: Place) -> None:
    place.run()
    (place.packs / "acme/notes.txt").write_text("call Jo")
    (place.packs / "README").write_text("ours")
    assert place.run().results[0].foreign == ["notes.txt"]
    place.inventory.acme = {"state": "absent"}
    summary = place.run()
    assert summary.names("removed") == ["acme"]
    assert [str(path.relative_to(place.packs)) for path in sorted((place.packs / "acme").rglob("*"))] == [
        "acme/notes.txt"
    ]
    assert (place.packs / "README").exists()


def test_the_pack_of_a_customer_who_is_gone_is_taken_away(place: Place) -> None:
    place.run()
    place.inventory.acme = {"state": "absent"}
    assert place.run(check_mode=True).names("removed") == ["acme"]
    assert (place.packs / "acme").exists()
    assert place.run().names("removed") == ["acme"]
    assert not (place.packs / "acme").exists()
    assert (place.packs / "globex").exists()


def test_it_can_be_archived(place: Place) -> None:
    place.run()
    version = json.loads((place.packs / "acme/pack.json").read_text())["version"]
    for _ in range(2):
        place.inventory.acme, kept = {"state": "absent"}, place.inventory.acme
        assert place.run(when_removed="archive").names("archived") == ["acme"]
        assert (place.packs / ".archive" / f"acme-{version[:12]}" / "guide.html").is_file()
        assert not (place.packs / "acme").exists()
        place.inventory.acme = kept
        place.run()


def test_too_many_at_once_stop_the_run(place: Place) -> None:
    place.run()
    place.inventory.acme = place.inventory.globex = {"state": "absent"}
    other = {"sources": ["198.51.100.99"], "accounts": [{"name": "other-up", "access": "write"}]}
    place.inventory.write("other.yml", other)
    with pytest.raises(ExchangeError, match="2 of 2 packs would be taken away at once"):
        place.run()
    assert (place.packs / "acme/pack.json").exists()
    assert place.run(removal_confirmed=True).names("removed") == ["acme", "globex"]


def test_a_suspended_customers_pack_stays_as_it_is(place: Place) -> None:
    place.run()
    before = {path: file for path, file in place.files().items() if path.startswith("acme/")}
    place.inventory.acme["state"] = "suspended"
    place.inventory.exchange["passive_ports"] = [50000, 50199]
    summary = place.run(deadline="2027-03-01")
    assert summary.kept == ["acme"]
    assert {path: file for path, file in place.files().items() if path.startswith("acme/")} == before
    place.inventory.acme["state"] = "present"
    place.run(deadline="2027-03-01")
    assert "50100 to 50199" in (place.packs / "acme/CHANGES.md").read_text()


def test_one_customer_only(place: Place) -> None:
    assert place.run(customer="globex").names("created") == ["globex"]
    assert not (place.packs / "acme").exists()
    place.run()
    place.inventory.acme = {"state": "absent"}
    assert not place.run(customer="globex").changed
    assert place.run(customer="acme").names("removed") == ["acme"]
    with pytest.raises(ExchangeError, match=r"customer = 'glubex': is not a customer.*globex\?"):
        place.run(customer="glubex")


def test_a_day_that_is_past_is_refused_for_a_new_change_only(place: Place) -> None:
    place.run(deadline="2026-01-01")
    place.inventory.exchange["passive_ports"] = [50000, 50199]
    with pytest.raises(PacksError, match="change_deadline = '2026-01-01': is past") as raised:
        place.run(deadline="2026-01-01")
    assert len(raised.value.problems) == 2
    assert place.run(deadline="2026-12-01").results[0].new_change
    later = make_packs(
        place.inventory.check(),
        Settings(str(place.packs), ca_file=str(place.ca), deadline="2026-12-01", today=datetime.date(2028, 1, 1)),
    )
    assert not later.changed
    with pytest.raises(ExchangeError, match="is not a day"):
        place.run(deadline="1.3.2027")


@pytest.mark.parametrize(
    "what",
    [
        "a folder of somebody else",
        "a link",
        "another exchange",
        "no json",
        "a path that leads out",
        "a path that is none",
        "a path that nobody can write",
        "json without an end to it",
        "a text that nobody can write",
        "a version that leads out",
        "a fact that is missing",
        "a port that is none",
        "a change of something unknown",
        "a day that is none",
    ],
)
def test_what_is_not_ours_is_never_touched(place: Place, tmp_path: Path, what: str) -> None:
    folder = place.packs / "acme"
    if what == "a folder of somebody else":
        folder.mkdir(parents=True)
        (folder / "guide.md").write_text("theirs")
    elif what == "a link":
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        place.packs.mkdir()
        folder.symlink_to(elsewhere)
    else:
        place.run()
        marker = json.loads((folder / "pack.json").read_text())
        if what == "another exchange":
            marker["exchange"] = "other"
        elif what == "a path that leads out":
            marker["files"]["../../outside"] = "0" * 64
            (tmp_path / "outside").write_text("theirs")
        elif what == "a path that is none":
            marker["files"]["a\0b"] = "0" * 64
        elif what == "a path that nobody can write":
            marker["files"]["\ud800"] = "0" * 64
        elif what == "a text that nobody can write":
            marker["facts"]["fqdn"] = "\ud800"
        elif what == "a version that leads out":
            marker["version"] = "/../../out"
        elif what == "a fact that is missing":
            del marker["facts"]["passive_ports"]
        elif what == "a port that is none":
            marker["facts"]["passive_ports"] = ["<b>", 1]
        elif what == "a change of something unknown":
            marker["changes"] = [{"before": {"x": 1}, "after": {"x": 2}, "deadline": None}]
        elif what == "a day that is none":
            marker["changes"] = [{"before": {"fqdn": "a"}, "after": {"fqdn": "b"}, "deadline": "<b>"}]
        broken = {"no json": "{", "json without an end to it": "[" * 100_000}
        (folder / "pack.json").write_text(broken.get(what) or json.dumps(marker))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "globex" not in str(path)}
    with pytest.raises(PacksError, match=r"customer acme: pack = .*Move it away, or give another folder"):
        place.run()
    place.inventory.acme = {"state": "absent"}
    place.run()
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "globex" not in str(path)}
    assert {path: after.get(path) for path in before if "inventory" not in path.parts} == {
        path: data for path, data in before.items() if "inventory" not in path.parts
    }
    assert (place.packs / "globex/pack.json").exists(), "the others are made all the same"


def test_an_interrupted_run_is_finished_by_the_next(place: Place) -> None:
    place.run()
    (place.packs / ".unfinished-acme/rules").mkdir(parents=True)
    (place.packs / "acme/.guide.md.new").write_text("half")
    place.inventory.exchange["passive_ports"] = [50000, 50199]
    # Half of the new pack is there, pack.json is the old one
    half = Place(place.packs.parent / "half")
    half.ca.write_bytes(place.ca.read_bytes())
    half.inventory.exchange["passive_ports"] = [50000, 50199]
    half.run()
    (place.packs / "acme/rules/nftables-customer.nft").write_bytes(
        (half.packs / "acme/rules/nftables-customer.nft").read_bytes()
    )
    summary = place.run()
    assert summary.results[0].edited == []
    assert not place.run().changed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "contains no certificate in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "contains no certificate in PEM form"),
        (certificate("ftps.exchange.example", ca=False)[0], "is not a CA"),
    ],
)
def test_an_unusable_authority_is_told(place: Place, content: bytes, message: str) -> None:
    place.ca.write_bytes(content)
    with pytest.raises(ExchangeError, match=message):
        place.run()
    assert not place.packs.exists()


def test_a_missing_authority_is_told_with_its_remedy(place: Place) -> None:
    place.ca.unlink()
    with pytest.raises(ExchangeError, match=r"ca_file = .*cannot be read .*in the lab, make lab makes it"):
        place.run()


def test_a_key_in_the_authoritys_file_never_gets_into_a_pack() -> None:
    public, private = certificate("Example Root CA")
    assert read_authorities(private + public, "x").pem.encode() == public


def test_an_unknown_format_is_told(place: Place) -> None:
    with pytest.raises(ExchangeError, match=r"formats = 'nftable': is not a format of rules\. Use all, or of nftables"):
        place.run(formats=("nftable",))


def test_another_program_makes_the_packs_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run()
    monkeypatch.setattr("ftps_exchange.packs.run.program", lambda: b"another")
    summary = place.run()
    # The same texts: only pack.json, which says what they were made by
    assert summary.names("changed") == ["acme", "globex"]


def test_hostile_contacts_get_through_the_whole_of_it(place: Place) -> None:
    contact = {"name": "</script>--><svg onload=x> `$(id)` ']\"}", "email": "a'b@acme.example", "phone": "%0a;\\"}
    place.inventory.acme = changed(place.inventory.acme, ("contact",), contact)
    place.run(formats=("all",), provider_formats=("all",))
    for path, (data, _) in place.files().items():
        if path.endswith((".html", ".xml")):
            assert b"<svg onload" not in data, path
