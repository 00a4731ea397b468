"""Notices: what holds, what is due to whom, and what the mails say."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Contact
from ftps_exchange.notices.compute import FOR_CUSTOMERS, KINDS, Notice, Thresholds, notices, stage_of
from ftps_exchange.notices.mail import OPERATORS, Addresses, Mail, mails, message
from ftps_exchange.notices.memory import Memory, due, forgotten, memory_text, read_memory, remembered
from ftps_exchange.notices.metrics import metrics
from ftps_exchange.notices.texts import CUSTOMERS, for_customer, for_operators
from ftps_exchange.notices.texts import OPERATORS as OPERATORS_TEXTS
from ftps_exchange.packs.language import NAMES
from tests.unit.ftps_exchange.diagnose.recorded import NOW, account, firewall
from tests.unit.ftps_exchange.model_inputs import Inventory
from tests.unit.ftps_exchange.test_status import activity, made, model, results

TIME = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
DAY = datetime.timedelta(days=1)
LATER = 14 * DAY
SENDER = "ftps@exchange.example"
EVERYTHING = Addresses(SENDER, ("ops@exchange.example",), FOR_CUSTOMERS, Contact("Desk", "desk@exchange.example"))


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def held(inventory: Inventory, found: dict[str, Any] | None = None, **values: Any) -> list[Notice]:
    packs = values.pop("outdated_packs", ())
    whole = model(inventory)
    return notices(whole, made(inventory, found), Thresholds(**{"idle_days": 0, **values}), outdated_packs=packs)


def said(found: list[Notice]) -> list[str]:
    return [for_operators(notice) for notice in found]


def with_server(**values: Any) -> dict[str, Any]:
    return results(servers={"ftps1": activity(**values)})


def test_nothing_to_say(inventory: Inventory) -> None:
    assert held(inventory, idle_days=30, outdated_packs=["hooli"]) == [
        Notice("idle", "nothing", "globex", "globex", values={"days": 30})
    ]
    assert held(inventory) == []


@pytest.mark.parametrize(("left", "stage"), [(31, None), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1), (-1, 1)])
def test_stages(left: int, stage: int | None) -> None:
    assert stage_of(left, (30, 7, 1)) == stage
    assert stage_of(left, (1, 30, 7)) == stage, "in any order"
    assert stage_of(left, ()) is None


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ("2026-12-31T00:00:00Z", "ftps1: the certificate ends on 2026-12-31 (in 30 days)."),
        ("2026-12-01T23:35:00Z", "ftps1: the certificate ends on 2026-12-01 (in 1 day)."),
        ("2026-11-30T23:36:00Z", "ftps1: the certificate ends on 2026-11-30 (today)."),
        ("2026-11-30T00:00:00Z", "ftps1: the certificate ended on 2026-11-30. Nobody can connect."),
        ("2027-01-31T00:00:00Z", None),
    ],
)
def test_certificates(inventory: Inventory, ends: str, text: str | None) -> None:
    found = said(held(inventory, with_server(certificate={"ends": ends})))
    assert [line.removesuffix(" Renew it: playbooks/renew_certificate.yml.") for line in found] == ([text] * bool(text))


@pytest.mark.parametrize(
    ("expires", "text"),
    [
        ("2026-12-30", "globex: globex-up expires after 2026-12-30 (in 30 days)."),
        ("2026-11-30", "globex: globex-up expires after 2026-11-30 (today)."),
        ("2026-11-29", "globex: globex-up expired after 2026-11-29."),
        ("2026-12-31", None),
        # What ended long ago is no news
        ("2026-06-20", None),
    ],
)
def test_accounts(inventory: Inventory, expires: str, text: str | None) -> None:
    inventory.globex["accounts"][0]["expires"] = expires
    found = said(held(inventory))
    assert [line.split(" To keep ")[0] for line in found] == [text] * bool(text)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (335, "acme: acme-up: the password is due on 2026-12-30 (in 30 days)."),
        (365, "acme: acme-up: the password is due on 2026-11-30 (today)."),
        (400, "acme: acme-up: the password was due on 2026-10-26."),
        (334, None),
    ],
)
def test_passwords(inventory: Inventory, age: int, text: str | None) -> None:
    found = results()
    found["directory"]["ftps1"]["accounts"]["acme-up"] = account(password_set=NOW - age * 86400)
    assert [line.split(" New one")[0] for line in said(held(inventory, found))] == [text] * bool(text)


def quota(**values: Any) -> dict[str, Any]:
    return {
        **{"folder": "homes/acme", "kind": "home", "bytes_used": 0, "bytes_limit": 10 * 1024**3},
        **{"files_used": 0, "files_limit": 1000},
        **values,
    }


@pytest.mark.parametrize(
    ("entry", "texts"),
    [
        (quota(bytes_used=8 * 1024**3 - 1), []),
        (quota(bytes_used=8 * 1024**3), ["acme: acme is 80 % full (8.0 GiB of 10.0 GiB)."]),
        (quota(files_used=950), ["acme: acme has 95 % of the files that it may have (950 of 1000)."]),
        (quota(bytes_used=11 * 1024**3, files_used=1000), ["acme: acme is 110 % full", "acme: acme has 100 % of"]),
        (quota(bytes_used=5, bytes_limit=0, files_limit=None), []),
        (
            quota(kind="share", folder="/srv/ftps-exchange/shares/maps", files_used=800),
            ["maps has 80 % of the files that it may have (800 of 1000)."],
        ),
        # A share of the same name as a customer is not the customer's
        (quota(kind="share", folder="shares/acme", files_used=800), ["acme has 80 % of the files"]),
    ],
)
def test_quotas(inventory: Inventory, entry: dict[str, Any], texts: list[str]) -> None:
    found = said(held(inventory, with_server(quotas=[entry])))
    assert len(found) == len(texts)
    assert all(line.startswith(text) for line, text in zip(found, texts, strict=True)), found


def test_customers_without_transfers(inventory: Inventory) -> None:
    # acme's last one was half a day ago; of globex no record is known
    assert said(held(inventory, idle_days=1)) == ["globex: no transfer in the logs, which go back 1 days or more."]
    assert held(inventory, with_server(reached="2026-11-25T00:00:00.000Z"), idle_days=30) == [], "a short log"
    counts = activity()
    counts["accounts"]["acme-up"]["last_transfer"] = "2026-10-01T12:00:00.000Z"
    found = held(inventory, results(servers={"ftps1": counts}), idle_days=30)
    assert said(found)[0] == "acme: no transfer since 2026-10-01."
    # One of two servers may have them
    two = {"ftps1": counts, "ftps2": {"unreachable": True, "msg": "timed out"}}
    assert held(inventory, results(servers=two), idle_days=30) == []
    inventory.globex["accounts"][0]["expires"] = "2026-06-01"
    assert [one.customer for one in held(inventory, idle_days=1)] == [], "who may not log in is not missed"


def test_packs(inventory: Inventory) -> None:
    text = "there is no pack. Write it with make packs, and send it."
    assert said(held(inventory, outdated_packs=["globex"])) == [f"globex: {text}"]
    old = made(inventory, packs={"globex": {"date": "2026-10-01", "version": "abc"}})
    found = notices(model(inventory), old, Thresholds(idle_days=0), outdated_packs=["globex"])
    assert said(found)[0].startswith("globex: the pack of 2026-10-01 is out of date.")
    inventory.globex["state"] = "suspended"
    assert held(inventory, outdated_packs=["globex"]) == []


def test_a_suspended_customer_who_knocks_gets_no_other_notice(inventory: Inventory) -> None:
    inventory.globex |= {"state": "suspended", "accounts": [{"name": "globex-up", "access": "read"}]}
    inventory.globex["accounts"][0]["expires"] = "2026-12-01"
    packets = [{"time": NOW, "source": "198.51.100.30", "port": 21}] * 3
    found = held(inventory, results(edges={"edge1": firewall(refused=packets)}))
    assert [(one.kind, one.customer, one.values) for one in found] == [("knocking", "globex", {"packets": 3})]


def test_every_kind_has_texts_for_those_who_get_it() -> None:
    assert {kind for kind, _ in OPERATORS_TEXTS} == set(KINDS)
    assert {kind for kind, _ in CUSTOMERS} == set(FOR_CUSTOMERS)
    assert {key for key in OPERATORS_TEXTS if key[0] in FOR_CUSTOMERS} == set(CUSTOMERS)


# ------------------------------------------------------------------------------------------------------------ memory


ENDS = Notice("account", "ends", "acme-up", "acme", "2026-12-07 7")
FULL = Notice("quota", "bytes", "home acme", "acme", "80", repeats=True)


def test_nobody_gets_the_same_notice_twice() -> None:
    memory = remembered({}, OPERATORS, [ENDS, FULL], TIME)
    sent = memory[OPERATORS]
    assert due([ENDS, FULL], {}, TIME, LATER) == [ENDS, FULL]
    assert due([ENDS, FULL], sent, TIME + 13 * DAY, LATER) == []
    assert due([ENDS, FULL], sent, TIME + LATER, LATER) == [FULL], "the other one has a next stage"
    last = Notice("account", "ends", "acme-up", "acme", "2026-12-07 1")
    assert due([last], sent, TIME, LATER) == [last]


def test_what_no_longer_holds_is_forgotten_unless_a_host_did_not_answer() -> None:
    memory = remembered({}, OPERATORS, [ENDS, FULL], TIME)
    assert list(forgotten(memory, [ENDS], TIME, complete=True)[OPERATORS]) == [ENDS.key]
    assert forgotten(memory, [], TIME, complete=False) == memory
    assert forgotten(memory, [], TIME, complete=True) == {}
    assert forgotten(memory, [ENDS, FULL], TIME + 500 * DAY, complete=True) == {}


def test_the_memory_survives_on_disk_and_a_damaged_one_is_not_an_empty_one() -> None:
    memory = remembered({}, "jo@acme.example", [ENDS], TIME)
    assert read_memory(memory_text(memory), "x") == memory
    assert read_memory(None, "x") == {}
    for text in ("{", "[]", '{"format": 2, "sent": {}}', '{"format": 1, "sent": {"a": {"b": "yesterday"}}}'):
        with pytest.raises(ExchangeError, match=r"notices_dir = 'kept.json': is damaged.*Restore it"):
            read_memory(text, "kept.json")


# ------------------------------------------------------------------------------------------------------------- mails


def made_mails(
    inventory: Inventory, found: list[Notice], addresses: Addresses = EVERYTHING, memory: Memory | None = None
) -> list[Mail]:
    return mails(model(inventory), found, addresses, memory or {}, TIME, LATER)


def expiring(inventory: Inventory) -> list[Notice]:
    for customer in (inventory.acme, inventory.globex):
        customer["accounts"][0]["expires"] = "2026-12-07"
    return held(inventory)


def test_one_mail_for_the_operators_and_one_for_each_contact(inventory: Inventory) -> None:
    inventory.acme["accounts"][1]["expires"] = "2026-12-07"
    found = expiring(inventory)
    operators, acme = made_mails(inventory, found)
    assert (operators.to, operators.subject) == (("ops@exchange.example",), "ftps.exchange.example: 3 notices")
    assert "globex: globex-up expires after 2026-12-07 (in 7 days)." in operators.text
    assert "no contact.email: globex." in operators.text
    assert acme.to == ("jo@acme.example",)
    assert acme.subject == "Your access to ftps.exchange.example: please read"
    assert acme.text.split("\n") == [
        "Hello Jo Doe,",
        "",
        "this is about your access to our file exchange ftps.exchange.example.",
        "",
        "- Your account acme-read works until 2026-12-07 and ends after that day. Please contact us if you need it "
        "longer.",
        "- Your account acme-up works until 2026-12-07 and ends after that day. Please contact us if you need it "
        "longer.",
        "",
        "You can reach us here: Desk, desk@exchange.example",
        "",
        "This message was sent by a program. Dates are in UTC.",
        "",
    ]
    for mail in (operators, acme):
        memory = remembered({}, mail.recipient, mail.notices, TIME)
        assert mail.recipient not in [one.recipient for one in made_mails(inventory, found, memory=memory)]


def test_one_person_for_two_customers_gets_one_mail(inventory: Inventory) -> None:
    inventory.globex["contact"] = {"email": "JO@acme.example"}
    _, mail = made_mails(inventory, expiring(inventory))
    assert "- acme: Your account acme-up" in mail.text
    assert "- globex: Your account globex-up" in mail.text
    # With two languages, the one of the exchange
    inventory.acme["language"], inventory.globex["language"] = "de", "fr"
    _, mail = made_mails(inventory, expiring(inventory))
    assert mail.text.startswith("Hello Jo Doe,")
    inventory.globex["language"] = "de"
    _, mail = made_mails(inventory, expiring(inventory))
    assert mail.text.startswith("Guten Tag Jo Doe,")


def test_customers_get_only_the_chosen_kinds_and_nothing_internal(inventory: Inventory) -> None:
    found = [*expiring(inventory), *held(inventory, outdated_packs=["acme"])]
    chosen = Addresses(SENDER, ("ops@exchange.example",), ("password",))
    assert [mail.recipient for mail in made_mails(inventory, found, chosen)] == [OPERATORS]
    assert [mail.recipient for mail in made_mails(inventory, found, Addresses(SENDER))] == []
    _, customer = made_mails(inventory, found)
    assert "pack" not in customer.text
    assert ".yml" not in customer.text


@pytest.mark.parametrize("language", sorted(NAMES))
@pytest.mark.parametrize("key", sorted(CUSTOMERS))
def test_every_text_can_be_said_in_every_language(key: Any, language: str) -> None:
    values: dict[str, str | int] = {
        "account": "acme-up",
        "date": "2026-12-07",
        "days": 7,
        "percent": 80,
        "used": 800,
        "limit": 1000,
    }
    text = for_customer(Notice(key[0], key[1], "x", "acme", values={**values, "folder": "acme"}), language)
    assert not re.search(r"[{}]", text)
    holes = set(re.findall(r"{(\w+)}", CUSTOMERS[key]))
    shown = {**values, "used_size": "800 bytes", "limit_size": "1000 bytes"}
    assert all(str(shown[hole]) in text for hole in holes), text


def test_a_mail_as_it_is_sent(inventory: Inventory) -> None:
    inventory.acme["contact"] = {"name": "Zoé Ωmega", "email": "jo@acme.example"}
    _, mail = made_mails(inventory, expiring(inventory))
    sent = message(mail, EVERYTHING, TIME)
    assert {name: sent[name] for name in ("From", "To", "Auto-Submitted", "Reply-To")} == {
        "From": SENDER,
        "To": "jo@acme.example",
        "Auto-Submitted": "auto-generated",
        "Reply-To": "desk@exchange.example",
    }
    assert sent["Message-ID"].endswith("@exchange.example>")
    assert sent.get_content().startswith("Hello Zoé Ωmega,")


def test_the_relay_s_password_shows_nowhere() -> None:
    from ftps_exchange.notices.mail import Relay

    assert "hunter2" not in repr(Relay("mail.example", 587, password="hunter2"))


def test_metrics_count_every_kind() -> None:
    lines = metrics([ENDS, FULL, FULL], unsent=2, now=TIME).splitlines()
    assert 'ftps_exchange_notices{kind="account"} 1' in lines
    assert 'ftps_exchange_notices{kind="quota"} 2' in lines
    assert 'ftps_exchange_notices{kind="pack"} 0' in lines, "0 is known, absent is not"
    assert f"ftps_exchange_notices_time_seconds {int(NOW)}" in lines
    assert "ftps_exchange_notices_unsent 2" in lines
