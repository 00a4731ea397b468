"""The module win_iis_settings, run by the PowerShell engine on a stand-in of IIS that is as strict as the schema."""

from __future__ import annotations

import copy
import difflib
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.windows.iis import MODULE, READINGS, SCHEMA, Iis
from tests.windows.iis_settings import (
    AUTHORIZATION,
    FIREWALL,
    FORMS,
    IP_SECURITY,
    REQUEST_FILTERING,
    SITE,
    SITES,
    form,
    generated,
    node,
    section,
    site,
)
from tests.windows.powershell import by_ansible

type Settings = dict[str, Any]
type Reading = tuple[str, str, str, str]

HOME = f"{SITE}/CORP/gen00000-0"
FOREIGN = Path(__file__).parents[2] / "windows" / "stand_ins" / "foreign.config"
UNKNOWN = next(reading for reading in READINGS if "unknown" in reading)
NEVER = (*UNKNOWN[:-1], "never")
EMPTY = "Empty FTP"
"""A site that is there, and has no location."""


def unchanged(answer: dict[str, Any]) -> bool:
    assert "failed" not in answer, answer["msg"]
    return answer["changed"] is False and answer["diff"] == {"before": "", "after": ""}


def done(answer: dict[str, Any]) -> dict[str, Any]:
    assert "failed" not in answer, answer["msg"]
    assert answer["changed"] is True
    return answer


def refused(answer: dict[str, Any]) -> str:
    assert answer.get("failed") is True, answer
    assert "crashed" not in answer, answer
    message: str = answer["msg"]
    assert message.endswith("Nothing was stored."), message
    return message


def parsed(text: str) -> ElementTree.Element:
    # It was written by this test, or by the stand-in
    return ElementTree.fromstring(text.encode())  # noqa: S314


def element(text: str, path: str) -> ElementTree.Element:
    found = parsed(text).find(path)
    assert found is not None, f"{path} is not there"
    return found


def location(text: str, path: str) -> ElementTree.Element | None:
    places = parsed(text).findall("location")
    return next((place for place in places if place.get("path") == path), None)


def meaning(text: str) -> list[str]:
    """What a file says, whatever the order of attributes, of locations and of entries in collections without one."""
    said: list[str] = []

    def read(tag: ElementTree.Element, where: str) -> None:
        known = " ".join(f"{name}={value!r}" for name, value in sorted(tag.attrib.items()))
        where = f"{where}/{tag.tag} {known}".rstrip()
        said.append(where)
        for child in tag:
            read(child, where)

    read(parsed(text), "")
    return sorted(said)


def without_numbers(text: str) -> str:
    """A file without the numbers of its sites, which are never given twice."""
    return re.sub(r'(<site [^>]*?) id="\d+"', r"\1", text)


def ticks() -> int:
    """Now, as .NET counts: in tenths of a microsecond since the year 1."""
    return int((time.time() + 62135596800) * 10_000_000)


def lines_lost(before: str, after: str) -> list[str]:
    """The lines of a file that a later state does not have any more, without their margin."""
    compared = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line[2:].strip() for line in compared if line.startswith("- ")]


def listed(**changes: Any) -> Settings:
    return generated(2) | changes


def only(*sections: Any, **changes: Any) -> Settings:
    return {"sites": [EMPTY], "forms": FORMS, "rows": {}, "sections": list(sections), "purge": [], **changes}


# What it does


def test_first_run_makes_it_and_the_second_finds_nothing_to_do(iis: Iis) -> None:
    answer = done(iis.apply(generated(2)))
    assert answer["sites_added"] == [SITE]
    assert answer["restart_required"] is True
    assert answer["counts"]["added"] == 27
    after = iis.text
    changed_at = iis.config.stat().st_mtime_ns
    assert unchanged(iis.apply(generated(2)))
    assert iis.text == after
    assert iis.config.stat().st_mtime_ns == changed_at, "there was nothing to commit"


def test_check_mode_writes_nothing_and_tells_what_the_run_then_does(iis: Iis) -> None:
    for wanted in (generated(3), generated(1), generated(2) | {"purge": []}):
        before = iis.text
        predicted = done(iis.apply(wanted, check=True))
        assert iis.text == before
        assert done(iis.apply(wanted)) == predicted
        assert unchanged(iis.apply(wanted, check=True))


def test_all_that_is_foreign_stays_byte_by_byte(iis: Iis) -> None:
    before = iis.text
    done(iis.apply(generated(2)))
    assert lines_lost(before, iis.text) == ["<firewallSupport />"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_keeps_its_line_ends(make_iis: Callable[..., Iis], newline: str) -> None:
    iis = make_iis()
    iis.text = iis.text.replace("\n", newline)
    done(iis.apply(generated(1)))
    assert len(iis.text.split(newline)) == len(iis.text.split("\n"))


def test_the_difference_can_be_read(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    wanted = generated(1)
    wanted["rows"]["directories"][1][1] = "D:\\elsewhere"
    wanted["rows"]["directories"].pop()
    wanted["sections"][-1]["collection"]["rows"] = [["CORP\\other", "Read"]]
    wanted["sections"][0]["attributes"]["highDataChannelPort"] = 50199
    directory = f"{SITES}/site[name='{SITE}']/application[path='/']/virtualDirectory"
    rule = f"[{SITE}/CORP/gen00000-1] {AUTHORIZATION}/add"
    assert iis.apply(wanted, check=True)["diff"] == {
        "before": f"{FIREWALL} highDataChannelPort='50099'\n"
        f"{directory} path='/CORP/gen00000-1/share1' physicalPath='D:\\ftps-exchange\\shared\\1' "
        "allowSubDirConfig='false'\n"
        f"{directory}[path='/CORP/gen00000-0'] physicalPath='D:\\ftps-exchange\\homes\\gen00000'\n"
        f"{rule} roles='CORP\\gen00000-read' permissions='Read' accessType='Allow'\n",
        "after": f"{FIREWALL} highDataChannelPort='50199'\n"
        f"{directory}[path='/CORP/gen00000-0'] physicalPath='D:\\elsewhere'\n"
        f"{rule} roles='CORP\\other' permissions='Read' accessType='Allow'\n",
    }


def test_all_that_is_in_a_new_site_is_told(iis: Iis) -> None:
    wanted = generated(0)
    answer = done(iis.apply(wanted | {"sections": wanted["sections"][2:3]}))
    new = f"{SITES}/site[name='{SITE}']"
    ftp = f"{new}/ftpServer"
    assert answer["diff"]["before"] == ""
    assert answer["diff"]["after"].splitlines() == [
        f"{SITES}/site name='{SITE}' serverAutoStart='true'",
        f"{new}/application path='/'",
        f"{new}/application[path='/']/virtualDirectory path='/' physicalPath='D:\\ftps-exchange' "
        "allowSubDirConfig='false'",
        f"{new}/bindings/binding protocol='ftp' bindingInformation='*:21:'",
        f"{ftp} allowUTF8='true'",
        f"{ftp} serverAutoStart='true'",
        f"{ftp}/connections controlChannelTimeout='300'",
        f"{ftp}/connections maxConnections='4000000000'",
        f"{ftp}/security/commandFiltering maxCommandLine='4096'",
        f"{ftp}/security/commandFiltering allowUnlisted='true'",
        f"{ftp}/security/commandFiltering/add command='SITE' allowed='false'",
        f"{ftp}/security/commandFiltering/add command='PORT' allowed='false'",
        f"{ftp}/security/ssl serverCertHash='0123456789ABCDEF0123456789ABCDEF01234567'",
        f"{ftp}/security/ssl serverCertStoreName='MY'",
        f"{ftp}/security/ssl controlChannelPolicy='SslRequire'",
        f"{ftp}/security/ssl dataChannelPolicy='SslRequire'",
        f"{ftp}/security/authentication/anonymousAuthentication enabled='false'",
        f"{ftp}/security/authentication/basicAuthentication enabled='true'",
        f"{ftp}/userIsolation mode='IsolateAllDirectories'",
        f"{ftp}/directoryBrowse showFlags='DisplayVirtualDirectories'",
        f"{ftp}/logFile period='Daily'",
        f"{ftp}/logFile selectiveLogging='LogSuccessful, LogError, LogInfrastructure'",
    ]
    assert answer["counts"] == {"added": 6, "changed": 16, "removed": 0}


def test_without_diff_mode_there_is_none(iis: Iis) -> None:
    assert "diff" not in iis.apply(generated(1), diff=False)


def test_without_diff_mode_the_same_is_done(iis: Iis) -> None:
    state(iis, "strays")
    before = iis.text
    shown = done(iis.apply(generated(2)))
    after, iis.text = iis.text, before
    silent = done(iis.apply(generated(2), diff=False))
    assert silent == {name: value for name, value in shown.items() if name != "diff"}
    assert iis.text == after


def test_without_diff_mode_nothing_is_read_for_it(iis: Iis) -> None:
    calls = {}
    for diff in (True, False):
        iis.text = FOREIGN.read_text()
        done(iis.apply(rules(["CORP\\a", "Read"], ["CORP\\b", "Read"])))
        done(iis.apply(rules(["CORP\\a", "Read"]), diff=diff))
        calls[diff] = iis.calls()
    assert calls[False] < calls[True]


def test_an_encrypted_value_is_not_shown(iis: Iis) -> None:
    secret = only(
        section(
            SITES,
            "",
            collection={
                "form": "site",
                "items": [
                    node(
                        {"name": "Somebody's FTP"},
                        ftpServer=node(
                            userIsolation=node(activeDirectory=node({"adUserName": "x", "adPassword": "hunter2"}))
                        ),
                    )
                ],
            },
        )
    )
    answer = done(iis.apply(secret))
    assert "hunter2" in iis.text
    assert "hunter2" not in json.dumps(answer)
    assert "adPassword='(hidden)'" in answer["diff"]["after"]


def test_an_encrypted_value_of_a_new_item_is_not_shown(iis: Iis) -> None:
    secret = {"form": "secret", "rows": [["/x", "E:\\x", "hunter2"]]}
    items = [node({"path": "/"}, secret)]
    site = node({"name": "Somebody's FTP"}, {"form": "application", "items": items})
    wanted = only(section(SITES, "", collection={"form": "site", "items": [site]}))
    columns = ["path", "physicalPath", "password"]
    wanted["forms"] = FORMS | {"secret": form("virtualDirectory", "path", columns=columns, purge=False)}
    answer = done(iis.apply(wanted))
    assert "hunter2" in iis.text
    assert "hunter2" not in json.dumps(answer)
    assert "path='/x' physicalPath='E:\\x' password='(hidden)'" in answer["diff"]["after"]


def test_a_new_item_is_told_as_iis_will_say_it(iis: Iis) -> None:
    answer = done(iis.apply(rules(["CORP\\a", "write,READ"])))
    assert "roles='CORP\\a' permissions='Read, Write' accessType='Allow'" in answer["diff"]["after"]


def test_only_the_range_of_ports_wants_a_restart(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    iis.pending.unlink()
    assert done(iis.apply(generated(2)))["restart_required"] is False
    wanted = generated(2)
    wanted["sections"][0]["attributes"]["lowDataChannelPort"] = 50010
    assert done(iis.apply(wanted, check=True))["restart_required"] is True
    assert not iis.pending.exists(), "a check changes nothing"
    assert done(iis.apply(wanted))["restart_required"] is True


def test_a_restart_that_is_due_stays_so_until_somebody_did_it(iis: Iis) -> None:
    """The run that changed the range may have ended before it restarted the service."""
    before = ticks()
    assert done(iis.apply(generated(1)))["restart_due_to_change"] is True
    assert before <= int(iis.pending.read_text()) <= ticks()
    for check in (True, False):
        answer = iis.apply(generated(1), check=check)
        assert unchanged(answer)
        assert answer["restart_required"] is True
        assert answer["restart_due_to_change"] is False
    # Another change has nothing to do with it
    answer = done(iis.apply(generated(2)))
    assert (answer["restart_required"], answer["restart_due_to_change"]) == (True, False)
    iis.pending.unlink()
    assert iis.apply(generated(2))["restart_required"] is False


def test_a_restart_is_due_before_it_is_stored_what_it_is_for(iis: Iis) -> None:
    done(iis.apply(generated(1), check=True))
    refused(iis.apply(generated(1), fail_at=iis.calls() + 1))
    assert iis.pending.exists(), "the other way round it could be lost"


def test_a_restart_that_cannot_be_noted_stops_the_run(iis: Iis) -> None:
    iis.pending.parent.parent.mkdir()
    iis.pending.parent.write_text("in the way")
    assert f" Can this account write {iis.pending}? Nothing was stored." in refused(iis.apply(generated(1)))


def test_a_new_site_has_a_number_above_all_others(iis: Iis) -> None:
    two = generated(1)
    two["sites"] = [SITE, "Second"]
    two["sections"][2]["collection"]["items"].append(site("Second", 990))
    assert done(iis.apply(two))["sites_added"] == [SITE, "Second"]
    numbers = {site.get("name"): site.get("id") for site in element(iis.text, ".//sites").findall("site")}
    assert numbers == {"Default Web Site": "1", "Somebody's FTP": "17", EMPTY: "5", SITE: "18", "Second": "19"}
    assert location(iis.text, "Second/CORP/gen00000-0") is not None
    assert unchanged(iis.apply(two))
    # One goes, and no other is made under its number
    gone = generated(1)
    gone["sections"][2]["collection"]["absent"] = [["Second"], ["Never there"]]
    gone["purge"] += [{"section": AUTHORIZATION, "below": "Second"}]
    done(iis.apply(gone))
    assert "Second" not in {site.get("name") for site in element(iis.text, ".//sites").findall("site")}
    assert location(iis.text, "Second/CORP/gen00000-0") is None
    assert location(iis.text, "Second") is None
    assert unchanged(iis.apply(gone))


def test_the_first_site_has_the_first_number(iis: Iis) -> None:
    iis.text = re.sub(r"(?s)<site .*?</site>", "", iis.text)
    done(iis.apply(generated(1)))
    assert element(iis.text, f".//site[@name='{SITE}']").get("id") == "1"


def test_a_site_that_names_its_number_gets_it(iis: Iis) -> None:
    wanted = generated(1)
    wanted["sections"][2]["collection"]["items"][0]["attributes"]["id"] = 4242
    done(iis.apply(wanted))
    assert element(iis.text, f".//site[@name='{SITE}']").get("id") == "4242"


def test_a_new_site_says_everything_whatever_the_defaults_are(iis: Iis) -> None:
    wanted = generated(1)
    wanted["sections"][2]["collection"]["items"][0]["elements"]["ftpServer"]["elements"]["connections"] = node(
        {"controlChannelTimeout": 77, "dataChannelTimeout": 30}
    )
    done(iis.apply(wanted))
    connections = element(iis.text, f".//site[@name='{SITE}']/ftpServer/connections")
    assert connections.attrib == {"controlChannelTimeout": "77", "dataChannelTimeout": "30"}


def test_an_element_that_appears_says_everything_and_one_that_is_there_only_what_differs(iis: Iis) -> None:
    path = "system.ftpServer/security/requestFiltering"

    def limits(**attributes: Any) -> Settings:
        return only(section(path, "", elements={"requestLimits": node(attributes)}))

    assert unchanged(iis.apply(limits(maxUrl=4096, maxAllowedContentLength=0))), "the defaults hold without a word"
    done(iis.apply(limits(maxUrl=1024, maxAllowedContentLength=0)))
    found = element(iis.text, "system.ftpServer/security/requestFiltering/requestLimits")
    assert found.attrib == {"maxUrl": "1024", "maxAllowedContentLength": "0"}
    iis.text = iis.text.replace('maxUrl="1024" maxAllowedContentLength="0"', 'maxUrl="1024"')
    done(iis.apply(limits(maxUrl=2048, maxAllowedContentLength=0)))
    assert element(iis.text, "system.ftpServer/security/requestFiltering/requestLimits").attrib == {"maxUrl": "2048"}


def test_a_section_that_is_set_nowhere_says_everything(iis: Iis) -> None:
    iis.text = iis.text.replace("<log><!-- empty --></log>", "")
    done(
        iis.apply(
            only(section("system.ftpServer/log", "", attributes={"centralLogFileMode": "Central", "logInUTF8": True}))
        )
    )
    assert element(iis.text, "system.ftpServer/log").attrib == {"centralLogFileMode": "Central", "logInUTF8": "true"}


def test_a_location_that_the_file_does_not_have_is_not_asked_what_it_stores(iis: Iis) -> None:
    """There are tens of thousands of them on a first run."""
    other = '<system.webServer><defaultDocument enabled="false" /></system.webServer>'
    iis.text = iis.text.replace(END, f'<location path="{EMPTY}/old">{other}</location>\n{END}')
    calls = {}
    for name in ("old", "new"):
        place = section(REQUEST_FILTERING, f"{EMPTY}/{name}", attributes={"allowHighBitCharacters": True})
        assert unchanged(iis.apply(only(place)))
        calls[name] = iis.calls()
    assert calls["new"] == calls["old"] - 1


def test_a_time_span_of_an_item_is_compared_by_what_it_means(iis: Iis, tmp_path: Path) -> None:
    """No collection of the sections has one yet; the raw default of the schema is a number of ticks."""
    schema = json.loads(SCHEMA.read_text())
    item = schema["sections"][AUTHORIZATION]["collection"]["item"]
    item["attributes"]["lease"] = {"type": "timeSpan", "default": "00:05:00"}
    iis.schema = tmp_path / "schema.json"
    iis.schema.write_text(json.dumps(schema))

    def leased(lease: str | None, clear: bool) -> Settings:
        collection = {"form": "leased", "rows": [["CORP\\a", "Read", lease]]}
        forms = {"leased": FORMS["rule"] | {"columns": ["roles", "permissions", "lease"], "clear": clear}}
        return only(section(AUTHORIZATION, EMPTY, collection=collection), forms=forms)

    for clear in (True, False):
        done(iis.apply(leased("00:02:00", clear)))
        assert unchanged(iis.apply(leased("0.00:02:00", clear)))
        answer = done(iis.apply(leased(None, clear)))
        assert "lease='00:02:00'" in answer["diff"]["before"]
        for same in (None, "00:05:00"):
            assert unchanged(iis.apply(leased(same, clear)))
        for lease in ("00:03:00", "00:04:00"):
            done(iis.apply(leased(lease, clear)))
            assert f'lease="{lease}"' in iis.text


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        ({"flushInterval": 900}, {"enabled": True}),
        ({"enabled": False, "flushInterval": 60}, {"enabled": False, "flushInterval": 60}),
    ],
)
def test_what_holds_already_is_no_change(iis: Iis, stored: Any, same: Any) -> None:
    def cache(attributes: Any) -> Settings:
        return only(section("system.ftpServer/caching", "", elements={"credentialsCache": node(attributes)}))

    iis.apply(cache(stored))
    assert unchanged(iis.apply(cache(same)))


def test_what_holds_already_is_not_stored_beside_something_else(iis: Iis) -> None:
    cache = section("system.ftpServer/caching", "", elements={"credentialsCache": node({"enabled": True})})
    before = iis.text
    assert unchanged(iis.apply(only(cache)))
    done(iis.apply(only(cache, section(FIREWALL, "", attributes={"lowDataChannelPort": 50000}))))
    assert lines_lost(before, iis.text) == ["<firewallSupport />"]
    assert iis.text.count("credentialsCache") == before.count("credentialsCache")


@pytest.mark.parametrize(
    ("path", "name", "first", "same", "other"),
    [
        ("ftpServer/logFile", "selectiveLogging", "LogError, LogSuccessful", "LogSuccessful,LogError", "LogError"),
        ("ftpServer/userIsolation", "mode", "Custom", "custom", "IsolateAllDirectories"),
        ("ftpServer/userIsolation/activeDirectory", "adCacheRefresh", "00:02:00", "0.00:02:00", "1.00:00:00"),
        ("ftpServer/directoryBrowse", "showFlags", "StyleUnix", "styleunix", "LongDate, StyleUnix"),
        ("ftpServer/directoryBrowse", "showFlags", "LongDate", "LongDate", ""),
        ("ftpServer/connections", "maxConnections", 4294967294, 4294967294, 1),
        ("ftpServer/messages", "bannerMessage", "Hi <&\"'> é", "Hi <&\"'> é", "hi <&\"'> é"),
        ("ftpServer/messages", "bannerMessage", "Hi", "Hi", "Hi\u200b"),
        ("ftpServer", "allowUTF8", True, True, False),
        ("ftpServer", "allowUTF8", True, "True", False),
    ],
)
def test_a_value_is_compared_by_what_it_means(
    iis: Iis, path: str, name: str, first: Any, same: Any, other: Any
) -> None:
    def wanted(value: Any) -> Settings:
        made: Any = node({name: value})
        for part in reversed(path.split("/")):
            made = {"elements": {part: made}}
        item = {"attributes": {"name": "Somebody's FTP"}, **made}
        return only(section(SITES, "", collection={"form": "site", "items": [item]}))

    done(iis.apply(wanted(first)))
    assert unchanged(iis.apply(wanted(same)))
    answer = done(iis.apply(wanted(other)))
    assert answer["counts"] == {"added": 0, "changed": 1, "removed": 0}
    assert unchanged(iis.apply(wanted(other)))


def test_a_time_span_is_one_whatever_stands_beside_it(iis: Iis) -> None:
    limits = {"entryExpiration": "00:05:01", "maxFailure": 11}
    wanted = only(
        section("system.ftpServer/security/authentication", "", elements={"denyByFailure": node(limits)}),
    )
    assert done(iis.apply(wanted))["counts"]["changed"] == 2
    assert element(iis.text, ".//denyByFailure").attrib == {"entryExpiration": "00:05:01", "maxFailure": "11"}
    assert unchanged(iis.apply(wanted))


def test_flags_without_a_name_are_told_as_their_number(iis: Iis) -> None:
    done(iis.apply(site_settings(directoryBrowse=node({"showFlags": "LongDate"}))))
    answer = done(iis.apply(site_settings(directoryBrowse=node({"showFlags": ""}))))
    assert "showFlags='LongDate'\n" in answer["diff"]["before"]
    assert "showFlags='0'\n" in answer["diff"]["after"]


# What the library says where sources differ


READ = pytest.mark.parametrize("reading", READINGS, ids="-".join)


@READ
def test_under_every_reading_a_run_converges_and_a_check_predicts_it(iis: Iis, reading: Reading) -> None:
    iis.reading = reading
    for wanted in (generated(2), generated(3), generated(1)):
        before = iis.text
        predicted = done(iis.apply(wanted, check=True))
        assert iis.text == before
        assert done(iis.apply(wanted)) == predicted
        assert unchanged(iis.apply(wanted))


@READ
def test_under_every_reading_a_first_run_removes_nothing_and_writes_the_same(iis: Iis, reading: Reading) -> None:
    done(iis.apply(generated(3)))
    expected, iis.text = iis.text, FOREIGN.read_text()
    iis.reading = reading
    answer = done(iis.apply(generated(3)))
    assert answer["counts"]["removed"] == 0
    assert answer["sites_added"] == [SITE]
    assert meaning(iis.text) == meaning(expected)


@READ
def test_under_every_reading_the_work_grows_with_the_customers_and_not_with_their_square(
    make_iis: Callable[..., Iis], reading: Reading
) -> None:
    first, second = [], []
    for customers in (10, 20, 30):
        iis = make_iis()
        iis.reading = reading
        done(iis.apply(generated(customers)))
        first.append(iis.calls())
        assert unchanged(iis.apply(generated(customers)))
        second.append(iis.calls())
    for calls in (first, second):
        assert calls[2] - calls[1] == calls[1] - calls[0], "ten more customers cost the same, however many there are"


@READ
def test_under_every_reading_strays_go(iis: Iis, reading: Reading) -> None:
    done(iis.apply(generated(2)))
    clean = iis.text
    iis.text = planted(clean)
    iis.reading = reading
    predicted = done(iis.apply(generated(2), check=True))
    answer = done(iis.apply(generated(2)))
    assert answer == predicted
    assert meaning(iis.text) == meaning(clean)
    assert f"[{HOME}/below] {AUTHORIZATION} stored here" in answer["diff"]["before"]
    assert unchanged(iis.apply(generated(2)))


@READ
def test_under_every_reading_a_removed_customer_leaves_no_location(iis: Iis, reading: Reading) -> None:
    iis.reading = reading
    done(iis.apply(generated(2)))
    done(iis.apply(generated(1)))
    assert "gen00001" not in iis.text
    assert unchanged(iis.apply(generated(1)))


def both_sites(present: bool) -> Settings:
    """Two sites, or the second one gone, as when implicit FTPS is switched off."""
    wanted = generated(1)
    if present:
        wanted["sites"] = [SITE, "Second"]
        wanted["sections"][2]["collection"]["items"].append(site("Second", 990))
    else:
        wanted["sections"][2]["collection"]["absent"] = [["Second"]]
        wanted["purge"] = wanted["purge"] + [{**purge, "below": "Second"} for purge in wanted["purge"]]
    return wanted


@READ
def test_under_every_reading_a_site_that_goes_takes_its_locations_along(iis: Iis, reading: Reading) -> None:
    iis.reading = reading
    done(iis.apply(both_sites(False)))
    alone = iis.text
    done(iis.apply(both_sites(True)))
    assert location(iis.text, "Second/CORP/gen00000-0") is not None
    predicted = done(iis.apply(both_sites(False), check=True))
    answer = done(iis.apply(both_sites(False)))
    assert answer == predicted
    assert "[Second/CORP/gen00000-0] removed with everything stored in it\n" in answer["diff"]["before"]
    assert meaning(iis.text) == meaning(alone)
    assert unchanged(iis.apply(both_sites(False)))


@READ
@pytest.mark.parametrize("name", ["", "By Hand"])
def test_under_every_reading_a_site_that_somebody_removed_or_renamed_comes_back(
    iis: Iis, reading: Reading, name: str
) -> None:
    iis.reading = reading
    done(iis.apply(both_sites(True)))
    clean = iis.text
    start = clean.index('<site name="Second"')
    end = clean.index("</site>", start) + len("</site>")
    of_second = clean[start:end]
    # Under its new name it has another port, or it is in the way
    renamed = of_second.replace("Second", name).replace(":990:", ":991:") if name else ""
    iis.text = clean.replace(of_second, renamed)
    answer = done(iis.apply(both_sites(True)))
    assert answer["sites_added"] == ["Second"]
    assert meaning(without_numbers(iis.text.replace(renamed, "") if renamed else iis.text)) == meaning(
        without_numbers(clean)
    )
    assert unchanged(iis.apply(both_sites(True)))


@READ
def test_under_every_reading_the_site_may_be_gone_before_it_is_to_go(iis: Iis, reading: Reading) -> None:
    iis.reading = reading
    done(iis.apply(both_sites(False)))
    alone = iis.text
    done(iis.apply(both_sites(True)))
    start = iis.text.index('<site name="Second"')
    end = iis.text.index("</site>", start) + len("</site>")
    iis.text = iis.text[:start] + iis.text[end:]
    assert unchanged(iis.apply(both_sites(False), check=True)) is False
    done(iis.apply(both_sites(False)))
    assert meaning(iis.text) == meaning(alone)
    assert unchanged(iis.apply(both_sites(False)))


def test_a_new_site_has_no_port_until_its_rules_are_stored(iis: Iis) -> None:
    """Only where IIS knows its locations once it is stored: then it takes two commits, of which the second may fail."""
    iis.reading = UNKNOWN
    wanted = generated(1)
    done(iis.apply(wanted))
    clean, calls = iis.text, iis.calls()
    stored = set()
    for call in range(calls, 0, -7):
        iis.text = FOREIGN.read_text()
        message = iis.apply(wanted, fail_at=call)["msg"]
        if message.endswith("Nothing was stored."):
            assert iis.text == FOREIGN.read_text()
            continue
        assert message.endswith(
            f"Everything is stored except the ports and the rules of the new site {SITE}: run again."
        )
        # The remedy of the first commit is not that of what comes after it
        assert ("Does another program lock or change" in message) is (call == calls)
        assert iis.left_open() == 0
        assert list(element(iis.text, f".//site[@name='{SITE}']/bindings")) == []
        assert location(iis.text, SITE) is None
        stored.add(iis.text)
    assert len(stored) == 1
    done(iis.apply(wanted))
    assert meaning(iis.text) == meaning(clean)


def test_a_new_site_whose_locations_never_become_known_is_a_failure(iis: Iis) -> None:
    iis.reading = NEVER
    message = iis.apply(generated(1))["msg"]
    assert "Unrecognized configuration path" in message
    assert message.endswith(f"Everything is stored except the ports and the rules of the new site {SITE}: run again.")


def test_every_manager_is_given_back(iis: Iis) -> None:
    for reading in (READINGS[0], UNKNOWN):
        iis.reading = reading
        done(iis.apply(generated(1)))
        assert iis.left_open() == 0
        iis.text = FOREIGN.read_text()
    refused(iis.apply(generated(1), fail_at=100))
    assert iis.left_open() == 0


def test_a_failure_to_look_at_the_sites_names_what_was_looked_at(iis: Iis) -> None:
    """Once before anything is written below them, and once to close a new one until its rules are stored."""
    iis.reading = UNKNOWN
    bindings = node(collection={"form": "binding", "rows": [["ftp", "*:21:"]]})
    new = section(SITES, "", collection={"form": "site", "items": [node({"name": SITE}, bindings=bindings)]})
    rule = section(AUTHORIZATION, SITE, collection={"form": "rule", "rows": [["CORP\\a", "Read"]]})
    wanted = only(new, rule, sites=[SITE])
    done(iis.apply(wanted))
    places: list[str] = []
    for call in range(1, iis.calls()):
        iis.text = FOREIGN.read_text()
        message = iis.apply(wanted, fail_at=call)["msg"]
        if not message.endswith("Nothing was stored."):
            break
        places.append(re.sub(r"(: |^)The stand-in .*", "", message))
    between = places.index(f"{AUTHORIZATION} at location '{SITE}'")
    for part in (
        "",
        "/site",
        "/site, attribute name",
        "/site, attribute serverAutoStart",
        "/site/bindings",
        "/site/bindings/binding, attribute protocol",
        "/site/bindings/binding, attribute bindingInformation",
    ):
        where, comma, attribute = part.partition(",")
        place = f"{SITES}{where} at the server level{comma}{attribute}"
        assert place in places[:between]
        assert place in places[between:]


def test_a_section_that_is_nowhere_is_not_taken_for_a_new_site(iis: Iis) -> None:
    iis.reading = UNKNOWN
    wanted = generated(1)
    wanted["sections"].insert(0, section("system.ftpServer/nonsense", "*", attributes={"x": 1}))
    message = refused(iis.apply(wanted))
    assert message.startswith(f"system.ftpServer/nonsense at location '{SITE}': ")
    assert "missing a section declaration" in message


def test_a_port_that_another_site_has_is_told(iis: Iis) -> None:
    iis.text = iis.text.replace('bindingInformation="*:2122:"', 'bindingInformation="*:21:"')
    before = iis.text
    for check in (True, False):
        message = refused(iis.apply(generated(1), check=check))
        assert message.startswith(
            f"{SITES} at the server level: the site '{EMPTY}' already uses *:21:, the port of '{SITE}'. "
        )
        assert "former_site_names" in message
    assert iis.text == before
    # One that does not start takes nothing
    iis.text = before.replace('bindingInformation="*:21:" />', 'bindingInformation="*:21:" />', 1).replace(
        '<site name="Empty FTP" id="5">', '<site name="Empty FTP" id="5"><ftpServer serverAutoStart="false" />'
    )
    done(iis.apply(generated(1)))


def test_only_bindings_of_ftp_are_compared(iis: Iis) -> None:
    """What another protocol writes there may mean something else."""
    iis.text = iis.text.replace("bindingInformation='*:80:'", "bindingInformation='*:21:'")
    done(iis.apply(generated(1)))


def test_of_a_site_that_goes_the_name_is_told(iis: Iis) -> None:
    """Its state is answered by an extension, and by an error for a site that has FTP only."""
    done(iis.apply(both_sites(True)))
    answer = done(iis.apply(both_sites(False)))
    assert f"{SITES}/site name='Second'\n" in answer["diff"]["before"]


def test_an_attribute_of_a_binding_that_an_extension_answers_is_not_asked_for(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    iis.text = iis.text.replace('bindingInformation="*:21:"', 'bindingInformation="*:21:" sslFlags="1"')
    answer = done(iis.apply(generated(1)))
    assert "sslFlags='1'" in answer["diff"]["before"]
    assert unchanged(iis.apply(generated(1)))


# Strays


def planted(text: str) -> str:
    """A configuration in which somebody changed every kind of thing that is owned."""

    def replace(old: str, new: str) -> None:
        nonlocal text
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)

    own = f'<site name="{SITE}"'
    home = '<virtualDirectory path="/CORP/gen00000-0" physicalPath="D:\\ftps-exchange\\homes\\gen00000" '
    replace(home, f'{home}userName="CORP\\administrator" password="x" ')
    replace('<virtualDirectory path="/CORP/gen00000-1" ', '<virtualDirectory path="/CORP/stray" ')
    first, second = text.split(own)
    second = second.replace('bindingInformation="*:21:"', 'bindingInformation="*:2222:"', 1)
    second = second.replace('mode="IsolateAllDirectories"', 'mode="None"', 1)
    second = second.replace('<add command="SITE" allowed="false" />', '<add command="STOR" allowed="false" />', 1)
    second = second.replace('<application path="/">', '<application path="/stray" /><application path="/">', 1)
    text = first + own + second
    replace(
        '<ipSecurity allowUnlisted="false" enableReverseDns="false">',
        '<ipSecurity allowUnlisted="true" enableReverseDns="false">',
    )
    replace(
        '<add ipAddress="198.18.0.0"',
        '<add ipAddress="0.0.0.0" subnetMask="0.0.0.0" allowed="true" /><add ipAddress="198.18.0.0"',
    )
    replace(f'<location path="{HOME}">', f'<location path="{HOME}/below">{STRAY}</location><location path="{HOME}">')
    everybody = '<authorization><clear /><add users="*" permissions="Read" accessType="Allow" />'
    front, back = text.split(f'<location path="{HOME}">')
    start = back.index("<authorization>")
    end = back.index("<clear />") + len("<clear />")
    return front + f'<location path="{HOME}">' + back[:start] + everybody + back[end:]


END = "</configuration>"
STRAY = """<system.ftpServer><security><authorization>
    <add accessType="Allow" users="*" permissions="Read, Write" />
</authorization><requestFiltering allowHighBitCharacters="false" /></security></system.ftpServer>"""


def test_strays_go_and_are_told(iis: Iis) -> None:
    wanted = generated(2)
    done(iis.apply(wanted))
    clean = iis.text
    iis.text = planted(clean)
    before = iis.text
    predicted = done(iis.apply(wanted, check=True))
    assert iis.text == before
    answer = done(iis.apply(wanted))
    assert answer == predicted
    assert meaning(iis.text) == meaning(clean)
    assert unchanged(iis.apply(wanted))
    gone = answer["diff"]["before"]
    for stray in (
        "virtualDirectory path='/CORP/stray'",
        "userName='CORP\\administrator'",
        "password='(hidden)'",
        "bindingInformation='*:2222:'",
        "command='STOR'",
        "application path='/stray'",
        "mode='None'",
        "allowUnlisted='true'",
        "ipAddress='0.0.0.0'",
        "users='*'",
        f"[{HOME}/below] {AUTHORIZATION} stored here",
        f"[{HOME}/below] {AUTHORIZATION}/ accessType='Allow' users='*' permissions='Read, Write'",
        f"[{HOME}/below] {REQUEST_FILTERING} stored here allowHighBitCharacters='false'\n",
    ):
        assert stray in gone, stray


def test_content_moves_to_a_share_which_is_opened_as_the_customer_alone(iis: Iis) -> None:
    """Without userName the customer's own login opens the share: an account that somebody adds goes."""
    wanted = generated(2)
    done(iis.apply(wanted))
    local, share = (json.dumps(path)[1:-1] for path in (r"D:\ftps-exchange", r"\\files.example.com\ftps$\exchange"))
    shared = json.loads(json.dumps(wanted).replace(local, share))
    done(iis.apply(shared))
    clean = iis.text
    paths = re.findall(
        r'<virtualDirectory path="/(?:CORP[^"]*)?" physicalPath="([^"]*)"', clean.split(f'name="{SITE}"')[1]
    )
    assert len(paths) > len(wanted["rows"]["directories"]) // 2
    assert {path.startswith(r"\\files.example.com\ftps$\exchange") for path in paths} == {True}
    home = r'physicalPath="\\files.example.com\ftps$\exchange\homes\gen00000" '
    assert home in clean
    iis.text = clean.replace(home, f'{home}userName="CORP\\service" password="x" logonMethod="Network" ', 1)
    answer = done(iis.apply(shared))
    assert "userName='CORP\\service'" in answer["diff"]["before"]
    assert meaning(iis.text) == meaning(clean)
    assert unchanged(iis.apply(shared))


def test_what_a_level_above_allows_does_not_reach_a_folder(iis: Iis) -> None:
    """At the server level of this file somebody may read everywhere."""
    done(iis.apply(generated(1)))
    for path in (SITE, HOME):
        place = location(iis.text, path)
        assert place is not None
        rules = place.find("system.ftpServer/security/authorization")
        assert rules is not None
        assert rules[0].tag == "clear"
    # The same where the rules are there, and do not stand alone
    iis.text = iis.text.replace("<clear />\n", "\n")
    answer = done(iis.apply(generated(1)))
    assert "users='somebody'" in answer["diff"]["before"]
    assert unchanged(iis.apply(generated(1)))


def rules(*rows: list[str]) -> Settings:
    return only(section(AUTHORIZATION, EMPTY, collection={"form": "rule", "rows": list(rows)}))


def test_what_the_levels_above_hold_is_not_counted_as_removed(iis: Iis) -> None:
    """At the server level there is one rule, and as many are wanted."""
    answer = done(iis.apply(rules(["CORP\\a", "Read"])))
    assert answer["counts"] == {"added": 1, "changed": 0, "removed": 0}
    assert answer["diff"] == {
        "before": "",
        "after": f"[{EMPTY}] {AUTHORIZATION}/add roles='CORP\\a' permissions='Read' accessType='Allow'\n",
    }
    answer = done(iis.apply(rules(["CORP\\b", "Read"])))
    assert answer["counts"] == {"added": 1, "changed": 0, "removed": 1}, "now it is ours that goes"
    assert unchanged(iis.apply(rules(["CORP\\b", "Read"])))


@pytest.mark.parametrize("others", [1, 2])
def test_a_list_that_stands_alone_says_all_of_its_section(iis: Iis, others: int) -> None:
    """What the site says already too: as many entries as there, or another number of them."""

    def listed_from(place: str, *numbers: int) -> Any:
        rows = [[f"10.0.0.{number}", "255.255.255.255"] for number in numbers]
        attributes = {"allowUnlisted": False, "enableReverseDns": False}
        return section(IP_SECURITY, place, attributes=attributes, collection={"form": "network", "rows": rows})

    wanted = only(listed_from(EMPTY, 1), listed_from(f"{EMPTY}/home", *range(2, 2 + others)))
    answer = done(iis.apply(wanted))
    assert answer["counts"] == {"added": 1 + others, "changed": 1, "removed": 0}
    home = location(iis.text, f"{EMPTY}/home")
    assert home is not None
    found = home.find(".//ipSecurity")
    assert found is not None
    assert found.attrib == {"allowUnlisted": "false", "enableReverseDns": "false"}
    assert [entry.tag for entry in found] == ["clear", *["add"] * others]
    assert unchanged(iis.apply(wanted))


def test_another_number_of_inherited_entries_is_not_looked_through(make_iis: Callable[..., Iis]) -> None:
    """A site may have ten thousand of them, and tens of thousands of locations."""

    def calls(inherited: int) -> int:
        iis = make_iis()
        rows = [[f"10.0.0.{number}", "255.255.255.255"] for number in range(inherited)]
        done(iis.apply(only(section(IP_SECURITY, EMPTY, collection={"form": "network", "rows": rows}))))
        collection = {"form": "network", "rows": rows[:1]}
        done(iis.apply(only(section(IP_SECURITY, f"{EMPTY}/home", collection=collection))))
        return iis.calls()

    assert calls(5) == calls(9)


def test_what_is_inherited_and_wanted_is_not_stored_again(iis: Iis) -> None:
    wanted = rules(["CORP\\a", "Read"])
    wanted["sections"][0]["location"] = [EMPTY, f"{EMPTY}/home"]
    answer = done(iis.apply(wanted))
    assert answer["counts"] == {"added": 1, "changed": 0, "removed": 0}
    assert location(iis.text, f"{EMPTY}/home") is None
    assert unchanged(iis.apply(wanted))


def test_a_list_that_is_inherited_does_not_store_what_stands_beside_it(iis: Iis) -> None:
    attributes = {"allowUnlisted": False, "enableReverseDns": False}
    rows = [["10.0.0.1", "255.255.255.255"]]
    networks = section(IP_SECURITY, [EMPTY, f"{EMPTY}/home"], attributes=attributes)
    networks["collection"] = {"form": "network", "rows": rows}
    done(iis.apply(only(networks)))
    assert location(iis.text, f"{EMPTY}/home") is None
    # Something else is written
    done(iis.apply(only(networks, section(FIREWALL, "", attributes={"lowDataChannelPort": 50000}))))
    assert location(iis.text, f"{EMPTY}/home") is None


def test_an_element_that_appears_for_its_list_says_everything(iis: Iis) -> None:
    commands = {"form": "command", "rows": [["SITE"]]}
    filtering = node({"maxCommandLine": 4096, "allowUnlisted": True}, commands)
    done(iis.apply(site_settings(security=node(commandFiltering=filtering))))
    site = element(iis.text, './/site[@name="Somebody\'s FTP"]/ftpServer/security/commandFiltering')
    assert site.attrib == {"maxCommandLine": "4096", "allowUnlisted": "true"}


def test_nothing_wanted_is_stored_as_soon_as_something_is_inherited(iis: Iis) -> None:
    inherited = element(iis.text, "system.ftpServer/security/authorization")
    assert len(inherited) == 1
    predicted = done(iis.apply(rules(), check=True))
    answer = done(iis.apply(rules()))
    assert answer == predicted
    assert answer["counts"] == {"added": 0, "changed": 1, "removed": 0}
    assert answer["diff"] == {"before": "", "after": f"[{EMPTY}] {AUTHORIZATION}/add nothing from the levels above\n"}
    place = location(iis.text, EMPTY)
    assert place is not None
    assert [entry.tag for entry in place.iter("authorization")][:1] == ["authorization"]
    assert [entry.tag for entry in element(ElementTree.tostring(place, "unicode"), ".//authorization")] == ["clear"]
    assert unchanged(iis.apply(rules()))


def test_nothing_wanted_any_more_is_no_change_beside_what_goes(iis: Iis) -> None:
    done(iis.apply(rules(["CORP\\a", "Read"])))
    answer = done(iis.apply(rules()))
    assert answer["counts"] == {"added": 0, "changed": 0, "removed": 1}
    assert answer["diff"]["after"] == ""
    assert unchanged(iis.apply(rules()))


def test_several_values_of_an_item_are_set_at_once(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    clean = iis.text
    path = 'path="/CORP/gen00000-0" physicalPath="D:\\ftps-exchange\\homes\\gen00000" allowSubDirConfig='
    iis.text = clean.replace(f'{path}"false"', path.replace("homes", "others") + '"true"')
    answer = done(iis.apply(generated(1)))
    assert answer["counts"] == {"added": 0, "changed": 2, "removed": 0}
    assert meaning(iis.text) == meaning(clean)


def test_a_stray_value_in_a_list_of_ours_goes(iis: Iis) -> None:
    wanted = rules(["CORP\\a", "Read"], ["CORP\\b", "Write"])
    done(iis.apply(wanted))
    clean = iis.text
    iis.text = clean.replace('roles="CORP\\b"', 'users="*" roles="CORP\\b"')
    answer = done(iis.apply(wanted))
    assert answer["counts"] == {"added": 0, "changed": 1, "removed": 0}
    rule = f"[{EMPTY}] {AUTHORIZATION}/add[roles='CORP\\b' permissions='Write'] users="
    assert answer["diff"] == {"before": f"{rule}'*'\n", "after": f"{rule}''\n"}
    assert iis.text == clean
    iis.text = clean.replace('permissions="Write" accessType="Allow"', 'permissions="Write" accessType="Deny"')
    answer = done(iis.apply(wanted))
    assert answer["counts"] == {"added": 0, "changed": 1, "removed": 0}
    assert "accessType='Deny'" in answer["diff"]["before"]
    assert iis.text == clean
    iis.text = clean.replace('permissions="Write" accessType="Allow"', 'permissions="Write" accessType="Deny"')
    assert done(iis.apply(wanted, diff=False))["counts"] == answer["counts"]
    assert iis.text == clean


def test_a_location_that_nobody_listed_goes_with_all_that_is_in_it(iis: Iis) -> None:
    other = '<system.webServer><defaultDocument enabled="false" /></system.webServer>'
    iis.text = iis.text.replace(
        END,
        f'<location path="{SITE}/one">{STRAY}</location>\n<location path="{SITE}/two">{other}{STRAY}</location>\n'
        f'<location path="{SITE.lower()}/three">{STRAY}</location>\n'
        f'<location path="{SITE}/four">{other}</location>\n{END}',
    )
    answer = done(iis.apply(generated(1)))
    for path in (f"{SITE}/one", f"{SITE}/two", f"{SITE.lower()}/three", f"{SITE}/four"):
        assert location(iis.text, path) is None
    assert f"[{SITE}/four] removed with everything stored in it\n" in answer["diff"]["before"]
    assert answer["counts"]["removed"] == 7, "two sections at each of three, and what else there was at the fourth"
    assert location(iis.text, "FTPS Exchange Old") is not None, "its name only begins like ours"
    assert unchanged(iis.apply(generated(1)))


def test_what_others_store_at_a_location_of_ours_stays(iis: Iis) -> None:
    """The location is listed: there, only sections that are purged go."""
    done(iis.apply(generated(1)))
    clean = iis.text
    place = f'<location path="{HOME}">'
    other = '<system.webServer><defaultDocument enabled="false" /></system.webServer>'
    stray = '<requestFiltering allowHighBitCharacters="false" />'
    iis.text = clean.replace(place, f"{place}{other}").replace("<authorization>", f"{stray}<authorization>")
    before = iis.text
    assert before.count(stray) > 1
    answer = done(iis.apply(generated(1)))
    assert f"[{HOME}] {REQUEST_FILTERING} stored here allowHighBitCharacters='false'" in answer["diff"]["before"]
    home = location(iis.text, HOME)
    assert home is not None
    assert home.find("system.webServer/defaultDocument") is not None
    assert home.find("system.ftpServer/security/requestFiltering") is None
    assert unchanged(iis.apply(generated(1)))


def test_the_case_of_a_site_s_name_does_not_matter(iis: Iis) -> None:
    done(iis.apply(generated(2)))
    iis.text = planted(iis.text).replace(f'<site name="{SITE}"', f'<site name="{SITE.upper()}"')
    answer = done(iis.apply(generated(2)))
    assert f"[{HOME}/below] {AUTHORIZATION} stored here" in answer["diff"]["before"]
    assert unchanged(iis.apply(generated(2)))


def test_of_many_stray_entries_the_first_are_told(iis: Iis) -> None:
    entries = "".join(f'<add accessType="Allow" users="u{number}" permissions="Read" />' for number in range(30))
    stray = f"<system.ftpServer><security><authorization>{entries}</authorization></security></system.ftpServer>"
    iis.text = iis.text.replace(END, f'<location path="{EMPTY}/one">{stray}</location>\n{END}')
    wanted = rules(["CORP\\a", "Read"]) | {"purge": [{"section": AUTHORIZATION, "below": EMPTY}]}
    answer = done(iis.apply(wanted))
    told = answer["diff"]["before"].splitlines()
    assert len(told) == 22
    assert told[-1] == f"[{EMPTY}/one] {AUTHORIZATION}/ and more"


def test_what_a_collection_does_not_own_stays(iis: Iis) -> None:
    segments = only(
        section(
            REQUEST_FILTERING, "", elements={"hiddenSegments": node(collection={"form": "segment", "rows": [["x"]]})}
        )
    )
    answer = done(iis.apply(segments))
    assert answer["counts"] == {"added": 1, "changed": 0, "removed": 0}
    found = element(iis.text, "system.ftpServer/security/requestFiltering/hiddenSegments")
    assert [entry.get("segment") for entry in found] == ["_vti_bin", "x"]
    segments["sections"][0]["elements"]["hiddenSegments"]["collection"]["absent"] = [["_VTI_bin"]]
    done(iis.apply(segments))
    found = element(iis.text, "system.ftpServer/security/requestFiltering/hiddenSegments")
    assert [entry.get("segment") for entry in found] == ["x"]


def test_defaults_of_the_configuration_are_no_strays(iis: Iis) -> None:
    """applicationPool and userName come from what is said for all: leaving them out of an item changes nothing."""
    iis.text = iis.text.replace("<virtualDirectoryDefaults ", '<virtualDirectoryDefaults userName="everyone\'s" ')
    done(iis.apply(generated(1)))
    assert unchanged(iis.apply(generated(1)))


def test_two_entries_that_the_list_takes_for_one_do_not_stay_side_by_side(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    clean = iis.text
    rule = '<add roles="CORP\\gen00000-read" permissions="Read" accessType="Allow" />'
    assert rule in clean
    iis.text = clean.replace(rule, rule + rule.replace("roles", 'users="*" roles'), 1)
    answer = done(iis.apply(generated(1)))
    assert "users='*'" in answer["diff"]["before"]
    assert answer["counts"] == {"added": 0, "changed": 0, "removed": 1}
    assert meaning(iis.text) == meaning(clean)


def test_two_entries_that_differ_in_one_key_are_two(iis: Iis) -> None:
    bindings = node(collection={"form": "binding", "rows": [["ftp", "*:21:"], ["ftp", "*:990:"]]})
    item = node({"name": "Somebody's FTP"}, bindings=bindings)
    wanted = only(section(SITES, "", collection={"form": "site", "items": [item]}))
    done(iis.apply(wanted))
    found = element(iis.text, './/site[@name="Somebody\'s FTP"]/bindings')
    assert {entry.get("bindingInformation") for entry in found} == {"*:21:", "*:990:"}
    assert unchanged(iis.apply(wanted))


def test_the_case_of_what_an_item_is_known_by_does_not_matter(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    iis.text = iis.text.replace("CORP\\gen00000-read", "corp\\GEN00000-Read").replace('"/CORP/gen', '"/corp/Gen')
    assert "corp\\GEN00000-Read" in iis.text
    assert "/corp/Gen" in iis.text
    assert unchanged(iis.apply(generated(1)))


def test_a_path_that_only_looks_the_same_is_another(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    iis.text = iis.text.replace("homes\\gen00000", "homes\\gen\u200b00000")
    answer = done(iis.apply(generated(1)))
    assert answer["counts"] == {"added": 0, "changed": 2, "removed": 0}
    assert "\u200b" not in iis.text


# Order


def shuffled(wanted: Settings, seed: int) -> Settings:
    """The same list in another order, wherever IIS has none."""
    mixed = copy.deepcopy(wanted)
    chance = random.Random(seed)  # noqa: S311
    for rows in mixed["rows"].values():
        chance.shuffle(rows)
    for one in mixed["sections"]:
        rows = one.get("collection", {}).get("rows")
        if rows:
            chance.shuffle(rows)
    chance.shuffle(mixed["sections"])
    chance.shuffle(mixed["purge"])
    return mixed


def test_the_order_of_the_list_does_not_matter(make_iis: Callable[..., Iis]) -> None:
    wanted = generated(3)
    straight = make_iis()
    done(straight.apply(wanted))
    for seed in range(3):
        mixed = shuffled(wanted, seed)
        assert unchanged(straight.apply(mixed))
        other = make_iis()
        done(other.apply(mixed))
        assert meaning(other.text) == meaning(straight.text)


def test_what_holds_further_up_is_written_first(iis: Iis) -> None:
    """Whatever the order of the list: below, the same holds then without being stored again."""
    places = [f"{EMPTY}/home", EMPTY, ""]
    wanted = only(section(REQUEST_FILTERING, places, attributes={"allowHighBitCharacters": False}))
    assert done(iis.apply(wanted))["counts"] == {"added": 0, "changed": 1, "removed": 0}
    assert location(iis.text, EMPTY) is None
    wanted = only(section(REQUEST_FILTERING, places[:2], attributes={"allowHighBitCharacters": True}))
    assert done(iis.apply(wanted))["counts"] == {"added": 0, "changed": 1, "removed": 0}
    assert location(iis.text, f"{EMPTY}/home") is None


def test_where_there_is_an_order_it_is_restored(iis: Iis) -> None:
    def extensions(*names: str) -> Settings:
        rows = [[name, True] for name in names]
        files = node({"allowUnlisted": False}, {"form": "ordered", "rows": rows})
        return only(section(REQUEST_FILTERING, EMPTY, elements={"fileExtensions": files}))

    def stored() -> list[str | None]:
        place = location(iis.text, EMPTY)
        assert place is not None
        return [entry.get("fileExtension") for entry in place.iter("add")]

    done(iis.apply(extensions(".a", ".b", ".c")))
    assert unchanged(iis.apply(extensions(".a", ".b", ".c")))
    answer = done(iis.apply(extensions(".c", ".a", ".b")))
    assert "at position 1: fileExtension='.a'" in answer["diff"]["before"]
    assert "at position 1: fileExtension='.c'" in answer["diff"]["after"]
    assert answer["counts"] == {"added": 0, "changed": 3, "removed": 0}
    assert stored() == [".c", ".a", ".b"]
    done(iis.apply(extensions(".c", ".x", ".b")))
    assert stored() == [".c", ".x", ".b"]
    assert unchanged(iis.apply(extensions(".c", ".x", ".b")))


def test_an_entry_known_by_two_keys_goes_when_it_is_to_be_absent(iis: Iis) -> None:
    done(iis.apply(rules(["CORP\\a", "Read"], ["CORP\\a", "Write"])))
    gone = only(section(AUTHORIZATION, EMPTY, collection={"form": "rule", "absent": [["CORP\\A", "read"]]}))
    gone["forms"] = FORMS | {"rule": FORMS["rule"] | {"purge": False, "clear": False}}
    assert done(iis.apply(gone))["counts"] == {"added": 0, "changed": 0, "removed": 1}
    place = location(iis.text, EMPTY)
    assert place is not None
    assert [entry.get("permissions") for entry in place.iter("add")] == ["Write"]
    assert unchanged(iis.apply(gone))


# Failures


def scalars(part: Any) -> Iterator[Any]:
    """Every single value of a list."""
    if isinstance(part, dict):
        part = part.values()
    elif not isinstance(part, list):
        yield part
        return
    for inner in part:
        yield from scalars(inner)


ITEMS = {form["element"] for form in FORMS.values()}


def check_failures(iis: Iis, wanted: Settings, step: int, least: int = 200, said: Any = ()) -> None:
    """Let calls of the API fail, one in so many: each time the file stays, and the message says where it was."""
    before = iis.text
    done(iis.apply(wanted, check=True))
    # The commit is one more
    calls = iis.calls() + 1
    assert calls > least
    # The number of a new site is the module's own
    values = {str(value).casefold() for value in (*scalars(wanted), 18, *said)}
    for call in range(calls, 0, -step):
        message = refused(iis.apply(wanted, fail_at=call))
        assert iis.text == before, f"after a failure at call {call}"
        assert f"set to fail at call {call}" in message, message
        place = message.split("The stand-in")[0]
        attribute = re.search(r"set to fail at call \d+ \(attribute (\w+)\)", message)
        if attribute:
            found = re.search(rf"^\S+/.* at .*, attribute {attribute[1]}(?:: | = '(.*)': )$", place)
            assert found, message
            assert found[1] is None or found[1].casefold() in values, message
        else:
            assert ", attribute" not in place, message
        item = re.match(r"(\S+?)(\[.*\])?(/\w+)* \(\w+='", place)
        assert item is None or item[0].split(" (")[0].rsplit("/")[-1] in ITEMS, message
        if call == calls:
            assert place == "", message
            assert "Does another program lock or change applicationHost.config? Run again." in message, message
    done(iis.apply(wanted, fail_at=calls + 1))


def state(iis: Iis, start: str) -> None:
    if start == "strays":
        done(iis.apply(generated(2, accounts=2, shares=1)))
        iis.text = planted(iis.text)


@pytest.mark.parametrize(("start", "step"), [("foreign", 2), ("strays", 3)])
def test_a_failure_at_any_call_leaves_the_file_as_it_was(iis: Iis, start: str, step: int) -> None:
    state(iis, start)
    check_failures(iis, generated(2, accounts=1, shares=1), step)


@pytest.mark.parametrize("start", ["foreign", "strays"])
def test_a_failure_at_some_calls_leaves_the_file_as_it_was(iis: Iis, start: str) -> None:
    """The same as above, short enough to be run for every mutant."""
    state(iis, start)
    check_failures(iis, generated(2, accounts=1, shares=1), 9)


def test_a_failure_to_make_new_sites_names_the_place(iis: Iis) -> None:
    items = [node({"name": name}, ftpServer=node({"allowUTF8": False})) for name in ("One", "Two")]
    wanted = only(section(SITES, "", collection={"form": "site", "items": items}))
    check_failures(iis, wanted, 1, 20, said=[19])


def test_a_failure_to_look_into_a_location_names_what_was_looked_at(iis: Iis) -> None:
    strays = "".join(f'<location path="{EMPTY}/{name}">{STRAY}</location>\n' for name in ("one", "two"))
    iis.text = iis.text.replace("</configuration>", f"{strays}</configuration>")
    wanted = only(purge=[{"section": AUTHORIZATION, "below": EMPTY}])
    assert done(iis.apply(wanted, check=True))["counts"] == {"added": 0, "changed": 0, "removed": 2}
    messages = [refused(iis.apply(wanted, fail_at=call)) for call in range(1, iis.calls() + 1)]
    places = {message.split(": The stand-in")[0] for message in messages}
    assert [place for place in places if not place.startswith(("system.", "removal at ", "The stand-in"))] == []
    for name in ("one", "two"):
        assert {f"{AUTHORIZATION} at location '{EMPTY}/{name}'", f"removal at location '{EMPTY}/{name}'"} <= places


def test_a_failure_to_remove_a_stray_names_the_place(iis: Iis) -> None:
    iis.text = iis.text.replace(
        "</configuration>", f'<location path="{EMPTY}/one">{STRAY}</location>\n</configuration>'
    )
    wanted = rules(["CORP\\a", "Read"]) | {"purge": [{"section": AUTHORIZATION, "below": EMPTY}]}
    assert iis.apply(wanted, check=True)["diff"]["before"] == (
        f"[{EMPTY}/one] {AUTHORIZATION} stored here\n"
        f"[{EMPTY}/one] {AUTHORIZATION}/ accessType='Allow' roles='CORP\\a' permissions='Read'\n"
        f"[{EMPTY}/one] {AUTHORIZATION}/ accessType='Allow' users='*' permissions='Read, Write'\n"
    )
    messages = [refused(iis.apply(wanted, fail_at=call)) for call in range(1, iis.calls() + 1)]
    assert [message for message in messages if f"'{EMPTY}/one', attribute" in message and " = '" in message] == []
    check_failures(iis, wanted, 1, 20)


def test_a_failure_to_remove_a_stray_list_names_no_attribute_that_was_read_before(iis: Iis) -> None:
    networks = "".join(f'<add ipAddress="10.0.0.{number}" subnetMask="255.255.255.255" />' for number in (1, 2))
    stray = f'<security><ipSecurity allowUnlisted="false">{networks}</ipSecurity></security>'
    stray = f'<location path="{EMPTY}/one"><system.ftpServer>{stray}</system.ftpServer></location>'
    iis.text = iis.text.replace("</configuration>", f"{stray}\n</configuration>")
    listed_too = section(IP_SECURITY, EMPTY, collection={"form": "network", "rows": []})
    check_failures(iis, only(listed_too, purge=[{"section": IP_SECURITY, "below": EMPTY}]), 1, 20)


def test_a_failure_while_reading_names_no_item_of_the_list(iis: Iis) -> None:
    wanted = rules(["CORP\\a", "Read"], ["CORP\\b", "Write"])
    done(iis.apply(wanted))
    assert unchanged(iis.apply(wanted))
    calls = iis.calls()
    assert calls > 20
    for call in range(2, calls + 1):
        message = refused(iis.apply(wanted, fail_at=call))
        assert "roles='" not in message
        assert " = '" not in message, "nor a value of it"


def test_a_failure_to_show_a_change_names_the_item(iis: Iis) -> None:
    wanted = rules(["CORP\\a", "Read"], ["CORP\\b", "Write"])
    done(iis.apply(wanted))
    iis.text = iis.text.replace('roles="CORP\\b"', 'users="*" roles="CORP\\b"')
    done(iis.apply(wanted, check=True))
    places = [refused(iis.apply(wanted, fail_at=call)).split(": The stand-in")[0] for call in range(1, iis.calls() + 1)]
    item = "(roles='CORP\\b' permissions='Write' accessType='Allow')"
    for key in ("roles", "permissions"):
        assert f"{AUTHORIZATION}/add {item} at location '{EMPTY}', attribute {key}" in places


def test_a_failure_to_clear_a_section_of_a_listed_location_names_no_attribute(iis: Iis) -> None:
    iis.text = iis.text.replace(END, f'<location path="{EMPTY}/one">{STRAY}</location>\n{END}')
    listed_too = section(REQUEST_FILTERING, f"{EMPTY}/one", attributes={"allowHighBitCharacters": False})
    known = section(AUTHORIZATION, EMPTY, collection={"form": "rule", "rows": []})
    check_failures(iis, only(known, listed_too, purge=[{"section": AUTHORIZATION, "below": EMPTY}]), 1, 20)


def test_a_failure_to_remove_an_item_does_not_name_another_one(iis: Iis) -> None:
    application = node({"path": "/"}, {"form": "directory", "rows": "directories"})
    site = node({"name": SITE}, {"form": "application", "items": [application]})
    wanted = only(section(SITES, "", collection={"form": "site", "items": [site]}))
    wanted["rows"] = copy.deepcopy(generated(1)["rows"])
    done(iis.apply(wanted))
    wanted["rows"]["directories"][1][1] = "D:\\elsewhere"
    wanted["rows"]["directories"].pop()
    done(iis.apply(wanted, check=True))
    messages = [refused(iis.apply(wanted, fail_at=call)) for call in range(1, iis.calls() + 1)]
    written = next(number for number, told in enumerate(messages) if "attribute physicalPath = 'D:\\elsewhere'" in told)
    assert "/virtualDirectory at the server level: The stand-in was set" in messages[written - 1]
    assert "/virtualDirectory (path='/CORP/gen00000-0' " in messages[written - 2]


def test_a_failure_before_anything_is_read_says_what_to_look_at(iis: Iis) -> None:
    message = refused(iis.apply(generated(1), fail_at=1))
    assert message.startswith("The stand-in was set to fail at call 1. Can this account read the configuration of IIS?")


def site_settings(**ftp_server: Any) -> Settings:
    item = node({"name": "Somebody's FTP"}, ftpServer={"elements": ftp_server})
    return only(section(SITES, "", collection={"form": "site", "items": [item]}))


def isolating(modes: dict[str, str]) -> Settings:
    """Sites and how each keeps its users apart."""
    items = [
        node({"name": name}, ftpServer=node({"allowUTF8": True}, userIsolation=node({"mode": mode})))
        for name, mode in modes.items()
    ]
    return only(section(SITES, "", collection={"form": "site", "items": items}))


WRONG: list[tuple[str, Settings, list[str]]] = [
    (
        "unknown section",
        only(section("system.ftpServer/nonsense", "", attributes={"x": 1})),
        ["system.ftpServer/nonsense at the server level", "Web-Ftp-Server"],
    ),
    (
        "unknown attribute",
        only(section(FIREWALL, "", attributes={"lowDataPort": 1})),
        [f"{FIREWALL} at the server level, attribute lowDataPort: ", "Unrecognized attribute"],
    ),
    (
        "unknown attribute behind a known one",
        only(section(FIREWALL, "", attributes={"lowDataChannelPort": 50000, "lowDataPort": 1})),
        [f"{FIREWALL} at the server level, attribute lowDataPort: "],
    ),
    (
        "unknown element",
        site_settings(nonsense=node({"x": 1})),
        ["Unrecognized element 'nonsense'", "site[name='Somebody's FTP']/ftpServer"],
    ),
    (
        "unknown element beside a known one",
        only(
            section(
                "system.ftpServer/caching",
                "",
                elements={"credentialsCache": node({"enabled": False}), "nonsense": node({"x": 1})},
            )
        ),
        ["system.ftpServer/caching at the server level: Unrecognized element 'nonsense'"],
    ),
    (
        "unknown attribute of an item",
        rules(["a", "Read"]) | {"forms": FORMS | {"rule": FORMS["rule"] | {"constants": {"accesType": "Allow"}}}},
        [f"{AUTHORIZATION}/add (roles='a' ", ", attribute accesType: Unrecognized attribute 'accesType'"],
    ),
    (
        "a value that is none of the enumeration",
        site_settings(userIsolation=node({"mode": "Isolated"})),
        [
            "userIsolation",
            "attribute mode = 'Isolated'",
            "'Isolated' is not one of its values",
            "IsolateAllDirectories",
        ],
    ),
    (
        "a rule that is none of the enumeration",
        rules(["a", "Bogus"]),
        [
            f"{AUTHORIZATION}/add (roles='a' permissions='Bogus' accessType='Allow') at location '{EMPTY}', ",
            "attribute permissions = 'Bogus': ",
            "'Bogus' is not one of its values",
        ],
    ),
    (
        "a constant that is none of the enumeration",
        rules(["a", "Read"]) | {"forms": FORMS | {"rule": FORMS["rule"] | {"constants": {"accessType": "Maybe"}}}},
        [f"(roles='a' permissions='Read' accessType='Maybe') at location '{EMPTY}', attribute accessType = 'Maybe': "],
    ),
    (
        "an absent rule that is none of the enumeration",
        only(
            section(
                AUTHORIZATION, EMPTY, collection={"form": "rule", "rows": [["a", "Read"]], "absent": [["b", "Bogus"]]}
            )
        ),
        [f"{AUTHORIZATION}/add at location '{EMPTY}': 'Bogus' is not one of its values"],
    ),
    (
        "a wrong value beside a list",
        only(
            section(
                IP_SECURITY,
                EMPTY,
                attributes={"allowUnlisted": "maybe"},
                collection={"form": "network", "rows": [["10.0.0.1", "255.255.255.255"]]},
            )
        ),
        [f"{IP_SECURITY} at location '{EMPTY}', attribute allowUnlisted = 'maybe': "],
    ),
    (
        "a wrong value in the second of two sites",
        isolating({"Default Web Site": "None", "Somebody's FTP": "Isolated"}),
        ["site[name='Somebody's FTP']/ftpServer/userIsolation at the server level, attribute mode = 'Isolated': "],
    ),
    (
        "a wrong value in a new site",
        isolating({"x": "None", "y": "Isolated"}),
        ["site[name='y']/ftpServer/userIsolation at the server level, attribute mode = 'Isolated': "],
    ),
    (
        "a wrong type",
        site_settings(directoryBrowse=node({"virtualDirectoryTimeout": "five"})),
        ["attribute virtualDirectoryTimeout = 'five'", "wants int"],
    ),
    (
        "out of range",
        only(section(FIREWALL, "", attributes={"lowDataChannelPort": 70000})),
        ["attribute lowDataChannelPort = '70000'", "is not between"],
    ),
    (
        "no time span",
        site_settings(userIsolation=node(activeDirectory=node({"adCacheRefresh": "soon"}))),
        ["attribute adCacheRefresh = 'soon'"],
    ),
    (
        "a number for a time span",
        site_settings(userIsolation=node(activeDirectory=node({"adCacheRefresh": 5}))),
        ["attribute adCacheRefresh = '5'", "wants timeSpan, not Int"],
    ),
    (
        "a wrong type in a new item",
        only(
            section(SITES, "", collection={"form": "site", "items": [node({"serverAutoStart": "maybe", "name": "x"})]})
        ),
        ["site (serverAutoStart='maybe' name='x') at the server level, attribute serverAutoStart = 'maybe': "],
    ),
    (
        "read only",
        only(
            section(
                SITES,
                "",
                collection={
                    "form": "site",
                    "items": [node({"name": "Somebody's FTP"}, ftpServer=node({"state": "Started"}))],
                },
            )
        ),
        ["attribute state", "read-only"],
    ),
    (
        "a section that has no locations",
        only(section(FIREWALL, EMPTY, attributes={"lowDataChannelPort": 50000})),
        [f"at location '{EMPTY}'", "cannot be used at this path"],
    ),
    (
        "no collection here",
        only(section(FIREWALL, "", collection={"form": "rule", "rows": []})),
        [FIREWALL, "There is no collection"],
    ),
    (
        "a wrong tag",
        only(section(AUTHORIZATION, EMPTY, collection={"form": "wrong", "rows": [["a", "Read"]]}))
        | {"forms": {"wrong": form("entry", "roles", "permissions", columns=["roles", "permissions"])}},
        ["Unrecognized element 'entry'", f"at location '{EMPTY}'"],
    ),
    (
        "an item without what IIS requires",
        only(section(AUTHORIZATION, EMPTY, collection={"form": "r", "rows": [["a", "Read"]]}))
        | {"forms": {"r": form("add", "roles", "permissions", columns=["roles", "permissions"])}},
        ["missing required attributes accessType", "roles='a'"],
    ),
    (
        "a number that another site has",
        only(section(SITES, "", collection={"form": "site", "items": [node({"name": "x", "id": 17})]})),
        ["duplicate collection entry", "17", "name='x'"],
    ),
    ("the same for IIS", only(section(AUTHORIZATION, "", collection={"form": "rule", "rows": [["a", "Read"]]})), []),
]


@pytest.mark.parametrize(
    ("wanted", "told"), [case[1:] for case in WRONG if case[2]], ids=[case[0] for case in WRONG if case[2]]
)
def test_what_iis_refuses_is_told_with_its_place(iis: Iis, wanted: Settings, told: list[str]) -> None:
    before = iis.text
    for check in (True, False):
        message = refused(iis.apply(wanted, check=check))
        for part in told:
            assert part in message, message
        assert iis.text == before


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            only(section("system.ftpServer/nonsense", "", attributes={"x": 1})),
            "system.ftpServer/nonsense at the server level: there is no such section. ",
        ),
        (
            only(purge=[{"section": "system.ftpServer/nonsense", "below": EMPTY}]),
            f"system.ftpServer/nonsense at location '{EMPTY}/one': there is no such section. ",
        ),
        (
            site_settings(nonsense=node({"x": 1})),
            f"{SITES}/site[name='Somebody's FTP']/ftpServer at the server level: there is no element 'nonsense' here. ",
        ),
        (
            only(section(FIREWALL, "", collection={"form": "rule", "rows": []})),
            f"{FIREWALL}/add at the server level: this element has no collection. ",
        ),
    ],
    ids=["section", "section of a stray", "element", "collection"],
)
def test_what_does_not_exist_is_named_where_iis_throws_nothing(iis: Iis, wanted: Settings, told: str) -> None:
    iis.missing = "nothing"
    iis.text = iis.text.replace(END, f'<location path="{EMPTY}/one">{STRAY}</location>\n{END}')
    assert refused(iis.apply(wanted)).startswith(told)


def test_two_items_that_are_the_same_to_iis_are_told(iis: Iis) -> None:
    done(iis.apply(generated(1)))
    wanted = generated(1)
    wanted["sections"][-1]["collection"]["rows"] = [["a", "Read, Write"], ["a", "Write,Read"]]
    message = refused(iis.apply(wanted))
    assert "IIS treats two items of the list as one" in message
    assert f"{AUTHORIZATION}/add (roles='a' permissions='Write,Read' " in message
    assert ", attribute" not in message


GUARDS: list[tuple[str, Callable[[Settings], Any], list[str]]] = [
    ("a missing part", lambda s: s.pop("purge"), ["settings lacks 'purge'"]),
    ("twice the same place", lambda s: s["sections"].append(s["sections"][0]), ["is listed twice for the location ''"]),
    ("twice by the star", lambda s: s["sections"].append(section(AUTHORIZATION, SITE)), ["is listed twice", SITE]),
    (
        "purged everywhere",
        lambda s: s["purge"].append({"section": IP_SECURITY, "below": ""}),
        [f"{IP_SECURITY} names no site"],
    ),
]


@pytest.mark.parametrize(("spoil", "told"), [case[1:] for case in GUARDS], ids=[case[0] for case in GUARDS])
def test_a_list_that_would_do_harm_is_refused_before_iis_is_asked(
    iis: Iis, spoil: Callable[[Settings], Any], told: list[str]
) -> None:
    """Everything else the control node has checked (exchange_iis_settings, check_settings)."""
    wanted = copy.deepcopy(generated(1))
    spoil(wanted)
    before = iis.text
    message = refused(iis.apply(wanted, fail_at=1))
    for part in told:
        assert part in message, message
    assert iis.text == before


def with_the_mark() -> Settings:
    wanted = copy.deepcopy(generated(1))
    text = re.sub(r'("serverCertHash": )"[^"]*"', r'\1"<thumbprint>"', json.dumps(wanted))
    assert "<thumbprint>" in text
    marked: Settings = json.loads(text)
    return marked


def served(iis: Iis) -> set[str]:
    return set(re.findall(r'serverCertHash="([^"]*)"', iis.text))


def test_the_sites_name_the_certificate_of_this_host(iis: Iis) -> None:
    thumbprint = "A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4"
    assert iis.apply(with_the_mark(), thumbprint=thumbprint.lower())["changed"]
    assert served(iis) == {thumbprint}
    assert not iis.apply(with_the_mark(), thumbprint=thumbprint)["changed"]
    assert iis.apply(with_the_mark(), thumbprint=thumbprint[::-1])["changed"]
    assert served(iis) == {thumbprint[::-1]}


@pytest.mark.parametrize("thumbprint", [None, "", "A1B2", "g" * 40, f"{'0' * 40}\n", f" {'0' * 40}"])
def test_a_list_that_needs_a_certificate_is_refused_without_one(iis: Iis, thumbprint: str | None) -> None:
    before = iis.text
    message = refused(iis.apply(with_the_mark(), thumbprint=thumbprint))
    assert f"thumbprint '{thumbprint or ''}' is not 40 hexadecimal digits. Name the certificate" in message
    assert iis.text == before


def test_a_list_without_a_certificate_needs_none(iis: Iis) -> None:
    wanted = json.loads(json.dumps(with_the_mark()).replace("<thumbprint>", "0" * 40))
    assert iis.apply(wanted, thumbprint=None)["changed"]


def test_text_that_is_no_json_is_refused(iis: Iis) -> None:
    message = refused(iis.apply("{'sites': []}"))
    assert re.match(r"settings is not valid JSON: [^.]+\.", message), message
    assert "to_json" in message


def test_without_a_list_nothing_is_done(iis: Iis) -> None:
    answer = iis.powershell.module(MODULE, {}, environment=iis.environment)
    assert answer["failed"] is True
    assert "missing required arguments: settings" in answer["msg"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<authorization>", '<authorization lockItem="true">'),
        ("<ipSecurity>", '<ipSecurity lockAttributes="allowUnlisted">'),
        ('<section name="authorization"', '<section name="authorization" allowLocation="false"'),
    ],
)
def test_what_is_locked_fails_and_nothing_is_stored(iis: Iis, old: str, new: str) -> None:
    iis.text = iis.text.replace(old, new, 1)
    before = iis.text
    message = refused(iis.apply(generated(1)))
    assert f"at location '{SITE}" in message
    assert "locked" in message
    assert iis.text == before


def test_without_iis_a_run_fails_and_a_check_counts_everything_as_new(iis: Iis, tmp_path: Path) -> None:
    iis.root = tmp_path
    message = refused(iis.apply(generated(1)))
    assert "IIS is not installed" in message
    assert "Install the features Web-Ftp-Service and Web-Scripting-Tools" in message
    predicted = done(iis.apply(generated(1), check=True))
    assert predicted["sites_added"] == [SITE]
    assert predicted["restart_required"] is True
    assert len(predicted["warnings"]) == 1
    assert predicted["diff"]["before"] == ""
    for line in (
        f"{FIREWALL} lowDataChannelPort='50000'",
        f"{SITES}/site name='{SITE}' serverAutoStart='true'",
        "virtualDirectory path='/CORP/gen00000-0' physicalPath='D:\\ftps-exchange\\homes\\gen00000'",
        f"[{HOME}] {AUTHORIZATION}/add roles='CORP\\gen00000-read' permissions='Read' accessType='Allow'",
    ):
        assert line in predicted["diff"]["after"]


# Any list, any state


names = st.text("abcäé-_'", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def lists(draw: st.DrawFn) -> Settings:
    """Lists with one or two sites, and accounts, rules and networks of any number."""
    made = generated(0)
    made["sites"] = draw(st.lists(st.sampled_from(["One", "Two", "Three"]), min_size=1, max_size=2, unique=True))
    accounts = draw(st.lists(names, max_size=4, unique_by=str.casefold))
    made["rows"]["directories"] = [["/", "D:\\x"], *([f"/CORP/{name}", f"D:\\x\\{name}"] for name in accounts)]
    made["sections"][2]["collection"] = {
        "form": "site",
        "items": [site(name, 21 + number) for number, name in enumerate(made["sites"])],
        "absent": [[name] for name in ("One", "Two", "Three") if name not in made["sites"]],
    }
    flags = st.sampled_from(["Read", "Write", "Read, Write"])
    rules = st.lists(st.tuples(names, flags).map(list), max_size=3, unique_by=lambda row: (row[0].casefold(), row[1]))
    made["sections"] += [
        section(AUTHORIZATION, f"*/CORP/{name}", collection={"form": "rule", "rows": draw(rules)}) for name in accounts
    ]
    numbers = draw(st.lists(st.integers(0, 9), max_size=4, unique=True))
    made["sections"][4]["collection"]["rows"] = [[f"10.0.0.{number}", "255.255.255.255"] for number in numbers]
    made["sections"][4]["attributes"]["allowUnlisted"] = draw(st.booleans())
    made["purge"] = [{"section": path, "below": name} for path in (AUTHORIZATION, IP_SECURITY, REQUEST_FILTERING)
                     for name in ("One", "Two", "Three")]  # fmt: skip
    return made


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=lists(), second=lists(), seed=st.integers(0, 99))
def test_from_any_state_the_list_is_what_there_is(
    make_iis: Callable[..., Iis], first: Settings, second: Settings, seed: int
) -> None:
    iis = make_iis()
    foreign = iis.text
    done(iis.apply(first))
    assert unchanged(iis.apply(shuffled(first, seed)))
    assert lines_lost(foreign, iis.text) == ["<firewallSupport />"]
    before = iis.text
    predicted = iis.apply(second, check=True)
    assert iis.text == before
    assert iis.apply(second) == predicted
    assert unchanged(iis.apply(shuffled(second, seed)))
    assert lines_lost(foreign, iis.text) == ["<firewallSupport />"]
    fresh = make_iis()
    done(fresh.apply(second))

    # A number is never given twice; and a location that held rules once says in so many words that it has none now
    def told(text: str) -> list[str]:
        root = parsed(text)
        for one in root.iter("site"):
            one.attrib.pop("id")
        prune(root)
        return meaning(ElementTree.tostring(root, encoding="unicode"))

    def prune(tag: ElementTree.Element) -> None:
        for child in list(tag):
            prune(child)
            if len(child) == 0 and (child.tag in ("clear", "location") or not child.attrib):
                tag.remove(child)

    assert told(iis.text) == told(fresh.text)


# By Ansible itself


def test_ansible_runs_it(iis: Iis, pwsh: Path) -> None:
    wanted = {"settings": json.dumps(generated(1))}
    before = iis.text
    predicted = by_ansible(pwsh, "win_iis_settings", wanted, check=True, environment=iis.environment)
    assert predicted["changed"] is True, predicted
    assert iis.text == before
    answer = by_ansible(pwsh, "win_iis_settings", wanted, environment=iis.environment)
    assert answer["diff"] == predicted["diff"]
    assert answer["counts"] == predicted["counts"]
    after = iis.text
    assert unchanged(iis.apply(wanted["settings"])), "the same as in the tests' own process"
    again = by_ansible(pwsh, "win_iis_settings", wanted, environment=iis.environment)
    assert again["changed"] is False
    assert iis.text == after
