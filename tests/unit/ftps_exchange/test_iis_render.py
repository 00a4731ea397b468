"""The preview of applicationHost.config: what a fresh server becomes, and what one with more on it keeps."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from ftps_exchange.errors import ExchangeError
from ftps_exchange.iis.render import exchange_iis_application_host as render
from ftps_exchange.iis.schema import Element, expand, row_attributes, sections
from ftps_exchange.iis.settings import AUTHORIZATION, IP_SECURITY, exchange_iis_settings
from tests.unit.ftps_exchange.desired_state import GOLDEN, Json, customer, golden, model, models
from tests.unit.ftps_exchange.test_iis_settings import acme, on_windows, settings, windows
from tests.windows.iis import CERTIFICATE

BASE = Path(__file__).parents[3] / "src" / "ftps_exchange" / "iis" / "base.config"


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())  # noqa: S314 - made by this test


def canonical(element: ElementTree.Element) -> Any:
    """An element without the order of what has none: attributes, locations, and all but the adds behind a clear."""
    below = [canonical(child) for child in element]
    if element.tag not in ("authorization", "ipSecurity"):
        below.sort(key=repr)
    attributes = {name: value for name, value in element.attrib.items() if (element.tag, name) != ("site", "id")}
    return (element.tag, sorted(attributes.items()), below)


def location(text: str, path: str) -> ElementTree.Element | None:
    return parsed(text).find(f"location[@path='{path}']")


def site(text: str, name: str) -> ElementTree.Element | None:
    return parsed(text).find(f"system.applicationHost/sites/site[@name='{name}']")


def test_golden() -> None:
    text = render(exchange_iis_settings(golden("model"), {"root": "D:\\ftps-exchange"}), thumbprint=CERTIFICATE)
    expected = GOLDEN / "applicationHost.config"
    if text != expected.read_text():
        expected.with_suffix(".config.actual").write_text(text)
    assert text == expected.read_text(), f"compare {expected.name} with {expected.name}.actual"


def test_the_text_of_the_list_does_as_well() -> None:
    result = settings(acme())
    assert render(json.dumps(result)) == render(result)


def test_the_base_is_written_as_it_is_read() -> None:
    nothing: Json = {"sites": [], "forms": {}, "rows": {}, "sections": [], "purge": []}
    assert render(nothing) == BASE.read_text()


def test_the_other_site_stays_as_it_is_and_ours_get_the_next_numbers() -> None:
    text = render(settings(acme()))
    [others, explicit, implicit] = parsed(text).findall("system.applicationHost/sites/site")
    before = site(BASE.read_text(), "Default Web Site")
    assert before is not None
    assert ElementTree.tostring(others) == ElementTree.tostring(before)
    assert [explicit.attrib, implicit.attrib] == [
        {"name": "FTPS Exchange", "id": "2"},
        {"name": "FTPS Exchange implicit", "id": "3"},
    ]


def test_a_new_site_says_everything_in_so_many_words() -> None:
    found = site(render(settings(acme())), "FTPS Exchange")
    assert found is not None
    ftp = found.find("ftpServer")
    assert ftp is not None
    anonymous = ftp.find("security/authentication/anonymousAuthentication")
    ssl = ftp.find("security/ssl")
    assert anonymous is not None
    assert ssl is not None
    assert anonymous.attrib == {"enabled": "false"}
    assert ssl.get("controlChannelPolicy") == ssl.get("dataChannelPolicy") == "SslRequire"


def test_on_the_server_only_what_differs_from_the_default_is_written() -> None:
    server = parsed(render(settings(acme()))).find("system.ftpServer")
    assert server is not None
    assert [child.tag for child in server] == ["log", "firewallSupport", "caching", "security"]
    assert server.find("log") is not None
    assert [*server[0].attrib] == []
    assert server[1].attrib == {"lowDataChannelPort": "50000", "highDataChannelPort": "50099"}


def test_a_share_begins_with_a_clear_so_that_the_home_s_rules_do_not_hold_there() -> None:
    text = render(settings(acme(shares=[{"name": "maps", "access": "read"}])))
    rules = parsed(text).find(
        "location[@path='FTPS Exchange/CORP/acme-up/shared/maps']/system.ftpServer/security/authorization"
    )
    assert rules is not None
    assert [rule.tag for rule in rules] == ["clear", "add", "add"]


def test_rules_of_the_server_do_not_hold_in_our_sites_and_stay_for_others() -> None:
    everybody = '<authorization>\n<add accessType="Allow" users="*" permissions="Read" />\n</authorization>'
    base = BASE.read_text().replace("<authorization />", everybody)
    text = render(settings(acme()), base)
    assert everybody.replace("\n", "") in "".join(line.strip() for line in text.splitlines())
    ours = location(text, "FTPS Exchange")
    assert ours is not None
    rules = ours.find("system.ftpServer/security/authorization")
    assert rules is not None
    assert [rule.tag for rule in rules] == ["clear"]


@pytest.mark.parametrize(
    ("site_has", "expected"),
    [
        ("", []),
        ("<clear />", ["clear", "add"]),
        ('<remove segment="web.config" />', ["remove", "add"]),
        ('<add segment="bin" />', ["add"]),
    ],
)
def test_what_the_server_hides_already_is_hidden_in_the_site_unless_it_inherits_nothing(
    site_has: str, expected: list[str]
) -> None:
    segments = "<hiddenSegments>{}</hiddenSegments>"
    base = BASE.read_text().replace('<add segment="_vti_bin" />', '<add segment="web.config" />')
    place = (
        '<location path="FTPS Exchange"><system.ftpServer><security><requestFiltering>'
        f"{segments.format(site_has)}</requestFiltering></security></system.ftpServer></location></configuration>"
    )
    text = render(settings(acme()), base.replace("</configuration>", place))
    found = location(text, "FTPS Exchange")
    assert found is not None
    hidden = found.find("system.ftpServer/security/requestFiltering/hiddenSegments")
    assert hidden is not None
    assert [child.tag for child in hidden] == expected


@given(whole=models())
def test_once_more_changes_nothing(whole: Json) -> None:
    result = exchange_iis_settings(on_windows(whole))
    text = render(result)
    assert render(result, text) == text


@given(before=models(), after=models())
@hypothesis_settings(max_examples=30)
def test_from_one_list_to_another_leaves_nothing_of_the_first(before: Json, after: Json) -> None:
    first = exchange_iis_settings(windows(on_windows(before)))
    second = exchange_iis_settings(windows(on_windows(after), implicit_port=None))
    there, back = render(second, render(first)), render(first, render(second))
    assert canonical(parsed(there)) == canonical(parsed(render(second)))
    assert canonical(parsed(back)) == canonical(parsed(render(first)))


def test_strays_go_and_what_is_not_ours_stays() -> None:
    result = settings(acme())
    text = render(result)
    stray = text.replace(
        "</configuration>",
        '    <location path="FTPS Exchange/CORP/intruder">\n<system.ftpServer><security><authorization>'
        '<add accessType="Allow" users="*" permissions="Read, Write" />'
        "</authorization></security></system.ftpServer></location>\n"
        '    <location path="Default Web Site/x">\n<system.ftpServer><security><authorization>'
        '<add accessType="Allow" users="*" permissions="Read" />'
        "</authorization></security></system.ftpServer></location>\n</configuration>",
    ).replace(
        '<binding protocol="ftp" bindingInformation="*:21:" />',
        '<binding protocol="ftp" bindingInformation="*:21:" /><binding protocol="ftp" bindingInformation="*:2121:" />',
    )
    stray = stray.replace(
        '<virtualDirectory path="/CORP/acme-up" ',
        '<virtualDirectory path="/CORP/acme-up/c" physicalPath="C:\\" />'
        '<virtualDirectory path="/CORP/acme-up" userName="CORP\\admin" password="x" ',
    )
    assert stray.count("intruder") == 1
    assert stray.count("userName") == 2
    again = render(result, stray)
    assert location(again, "FTPS Exchange/CORP/intruder") is None
    assert location(again, "Default Web Site/x") is not None
    kept = parsed(again)
    other = kept.find("location[@path='Default Web Site/x']")
    assert other is not None
    kept.remove(other)
    assert canonical(kept) == canonical(parsed(text))


def test_a_foreign_site_whose_name_begins_like_ours_keeps_its_rules() -> None:
    other = (
        '<location path="FTPS Exchange of others/x"><system.ftpServer><security><authorization>'
        '<add accessType="Allow" users="*" permissions="Read" />'
        "</authorization></security></system.ftpServer></location></configuration>"
    )
    text = render(settings(acme()), BASE.read_text().replace("</configuration>", other))
    assert location(text, "FTPS Exchange of others/x") is not None


def test_the_preview_holds_what_the_list_says_and_no_more() -> None:
    """Counted, for every rule and address: nothing is lost where one location has several sections."""
    result: Any = exchange_iis_settings(golden("model"), {"root": "D:\\ftps-exchange"})
    wanted: Counter[tuple[str, str, tuple[tuple[str, str], ...]]] = Counter()
    for entry in result["sections"]:
        if entry["section"] in (AUTHORIZATION, IP_SECURITY):
            form = result["forms"][entry["collection"]["form"]]
            for place in expand(entry["location"], result["sites"]):
                for row in entry["collection"]["rows"]:
                    said = {
                        name: str(value).replace("True", "true") for name, value in row_attributes(form, row).items()
                    }
                    wanted[entry["section"].rpartition("/")[2], place, tuple(sorted(said.items()))] += 1
    found: Counter[tuple[str, str, tuple[tuple[str, str], ...]]] = Counter()
    for element in parsed(render(result)).findall("location"):
        for name in ("authorization", "ipSecurity"):
            for add in element.findall(f"system.ftpServer/security/{name}/add"):
                found[name, element.get("path", ""), tuple(sorted(add.attrib.items()))] += 1
    assert found == wanted


def assert_known(element: ElementTree.Element, schema: Element) -> None:
    """Every attribute and element of the file is in the schema, and every value one that it allows."""
    for name, value in element.attrib.items():
        attribute = schema.attributes[name]
        typed: object = value
        if attribute.type == "bool":
            typed = {"true": True, "false": False}[value]
        elif attribute.type in ("int", "uint", "int64"):
            typed = int(value)
        assert attribute.problem(typed) is None, (element.tag, name, value)
    for child in element:
        collection = schema.collection
        if collection is not None and child.tag in (collection.remove, collection.clear):
            continue
        if collection is not None and child.tag == collection.add:
            assert_known(child, collection.item)
        elif child.tag not in ("siteDefaults", "applicationDefaults", "virtualDirectoryDefaults"):
            assert_known(child, schema.elements[child.tag])


def test_every_section_of_the_file_is_one_that_the_schema_knows() -> None:
    root = parsed(render(exchange_iis_settings(golden("model"), {"root": "D:\\ftps-exchange"})))
    seen = 0
    for place in (root, *root.findall("location")):
        for path, schema in sections().items():
            found = place.find(path)
            if found is not None:
                assert_known(found, schema)
                seen += 1
    assert seen > 10


def test_names_of_all_kinds_are_escaped() -> None:
    nasty = settings(customer("acme", sources4=["198.51.100.20/32"]), options={"log_dir": "D:\\a & b"})
    found = site(render(nasty), "FTPS Exchange")
    assert found is not None
    log = found.find("ftpServer/logFile")
    assert log is not None
    assert log.get("directory") == "D:\\a & b"


def test_a_list_that_iis_would_refuse_is_not_shown() -> None:
    result = settings(acme())
    result["sections"][0]["attributes"]["lowDataChannelPort"] = 70000
    with pytest.raises(ExchangeError, match="is not between 0 and 65535"):
        render(result)


def test_nobody_in_the_model_is_nobody_in_the_file() -> None:
    text = render(exchange_iis_settings(windows(model())))
    assert [place.get("path") for place in parsed(text).findall("location")] == [
        "FTPS Exchange",
        "FTPS Exchange implicit",
    ]
