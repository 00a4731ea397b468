"""The schema data of IIS: it allows each value in it, and names what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.iis.schema import Element, check_settings, sections

IP_SECURITY = "system.ftpServer/security/ipSecurity"
SITE = "FTPS Exchange"


def settings(**changes: Any) -> dict[str, Any]:
    """A small list that is right."""
    return {
        "sites": [SITE],
        "forms": {
            "networks": {
                "element": "add",
                "keys": ["ipAddress", "subnetMask"],
                "purge": True,
                "clear": True,
                "ordered": False,
                "columns": ["ipAddress", "subnetMask", "allowed"],
            }
        },
        "rows": {},
        "sections": [section()],
        "purge": [{"section": IP_SECURITY, "below": "*"}],
        **changes,
    }


def section(*rows: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "section": IP_SECURITY,
        "location": SITE,
        "attributes": {"allowUnlisted": False},
        "collection": {"form": "networks", "rows": list(rows) or [["198.51.100.0", "255.255.255.0", True]]},
        **changes,
    }


def server(path: str, **node: Any) -> dict[str, Any]:
    return {"section": path, "location": "", **node}


def site(**ftp: Any) -> dict[str, Any]:
    """The settings of one site, with what its ftpServer holds."""
    form = {"element": "site", "keys": ["name"], "purge": False, "clear": False, "ordered": False}
    item = {"attributes": {"name": SITE}, "elements": {"ftpServer": ftp}}
    return settings(
        forms={"sites": form},
        sections=[server("system.applicationHost/sites", collection={"form": "sites", "items": [item]})],
        purge=[],
    )


def elements(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    yield path, element
    for name, child in element.elements.items():
        yield from elements(child, f"{path}/{name}")
    if element.collection is not None:
        yield from elements(element.collection.item, f"{path}/{element.collection.add}")


EVERY_ELEMENT = dict(pair for path, element in sections().items() for pair in elements(element, path))


@pytest.mark.parametrize("path", EVERY_ELEMENT)
def test_every_default_is_a_value_that_the_schema_itself_allows(path: str) -> None:
    for attribute in EVERY_ELEMENT[path].attributes.values():
        if not attribute.read_only and attribute.default is not None:
            assert attribute.problem(attribute.default) is None, attribute.name
        assert attribute.required or attribute.read_only or attribute.default is not None, attribute.name


@pytest.mark.parametrize("path", EVERY_ELEMENT)
def test_every_key_is_an_attribute_of_the_item(path: str) -> None:
    collection = EVERY_ELEMENT[path].collection
    if collection is not None:
        for names in collection.keys:
            assert set(names) <= set(collection.item.attributes)


def test_facts_that_microsoft_documents() -> None:
    ftp = "system.applicationHost/sites/site/ftpServer"
    ssl = EVERY_ELEMENT[f"{ftp}/security/ssl"].attributes
    assert ssl["controlChannelPolicy"].values == {"SslAllow": 0, "SslRequire": 1, "SslRequireCredentialsOnly": 2}
    assert ssl["dataChannelPolicy"].values == {"SslAllow": 0, "SslRequire": 1, "SslDeny": 2}
    assert EVERY_ELEMENT[f"{ftp}/userIsolation"].attributes["mode"].values["IsolateAllDirectories"] == 3
    assert EVERY_ELEMENT[f"{ftp}/directoryBrowse"].attributes["showFlags"].values["DisplayVirtualDirectories"] == 32
    assert EVERY_ELEMENT[f"{ftp}/fileHandling"].attributes["keepPartialUploads"].default is False
    caching = EVERY_ELEMENT["system.ftpServer/caching/credentialsCache"].attributes["flushInterval"]
    assert (caching.default, caching.range) == (900, (5, 604800))
    assert EVERY_ELEMENT[f"{IP_SECURITY}/add"].attributes["allowed"].default is False


def test_a_right_list_passes() -> None:
    check_settings(settings())
    check_settings(site(attributes={"allowUTF8": True}, elements={"security": {"elements": {"ssl": {}}}}))


WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "section misspelt": (
        settings(sections=[section(section="system.ftpServer/security/ipSecurty")]),
        "did you mean system.ftpServer/security/ipSecurity?",
    ),
    "attribute misspelt": (
        settings(sections=[section(attributes={"allowUnlistd": False})]),
        "ipSecurity at FTPS Exchange: attribute = 'allowUnlistd': is not a known attribute "
        "(did you mean allowUnlisted?)",
    ),
    "attribute in the wrong case": (
        settings(sections=[section(attributes={"AllowUnlisted": False})]),
        "did you mean allowUnlisted?",
    ),
    "element misspelt": (site(elements={"fileHandlin": {}}), "did you mean fileHandling?"),
    "wrong type": (settings(sections=[section(attributes={"allowUnlisted": "false"})]), "neither true nor false"),
    "number for a bool": (settings(sections=[section(attributes={"allowUnlisted": 0})]), "neither true nor false"),
    "bool for a number": (
        site(elements={"connections": {"attributes": {"maxConnections": True}}}),
        "maxConnections = True: is not a whole number",
    ),
    "unlike its enum": (
        site(elements={"userIsolation": {"attributes": {"mode": "IsolateAllDirectory"}}}),
        "did you mean IsolateAllDirectories?",
    ),
    "number for an enum": (site(elements={"userIsolation": {"attributes": {"mode": 3}}}), "is not text"),
    "unknown flag": (
        site(elements={"directoryBrowse": {"attributes": {"showFlags": "StyleUnix, DisplayVirtualDirs"}}}),
        "contains 'DisplayVirtualDirs'",
    ),
    "flags out of order": (
        site(elements={"directoryBrowse": {"attributes": {"showFlags": "StyleUnix, LongDate"}}}),
        "in the order of their numbers",
    ),
    "out of range": (
        settings(
            sections=[
                server("system.ftpServer/caching", elements={"credentialsCache": {"attributes": {"flushInterval": 4}}})
            ]
        ),
        "is not between 5 and 604800",
    ),
    "negative": (
        site(elements={"connections": {"attributes": {"maxConnections": -1}}}),
        "is not between 0 and 4294967295",
    ),
    "no time span": (
        settings(
            sections=[
                server(
                    "system.ftpServer/security/authentication",
                    elements={"denyByFailure": {"attributes": {"entryExpiration": "300"}}},
                )
            ]
        ),
        "is not a time span",
    ),
    "hash with a blank": (
        site(elements={"security": {"elements": {"ssl": {"attributes": {"serverCertHash": "a" * 39 + " "}}}}}),
        "is not of the form",
    ),
    "reported by IIS": (site(attributes={"state": "Started"}), "is reported by IIS and cannot be set"),
    "control character": (
        site(elements={"messages": {"attributes": {"greetingMessage": "a\nb"}}}),
        "contains a control character",
    ),
    "duplicate key": (
        settings(sections=[section(["198.51.100.0", "255.255.255.0", True], ["198.51.100.0", "255.255.255.0", False])]),
        "has the same ipAddress and subnetMask and domainName as another",
    ),
    "duplicate by default": (
        settings(sections=[section(["198.51.100.1", None, True], ["198.51.100.1", "255.255.255.255", True])]),
        "as another",
    ),
    "address too high": (settings(sections=[section(["198.51.100.256", None, True])]), "ipAddress = '198.51.100.256'"),
    "too few values": (settings(sections=[section(["198.51.100.1", True])]), "does not have a value for each of"),
    "lacks a required one": (
        settings(
            forms={
                "commands": {
                    "element": "site",
                    "keys": ["name"],
                    "purge": False,
                    "clear": False,
                    "ordered": False,
                }
            },
            sections=[server("system.applicationHost/sites", collection={"form": "commands", "items": [{}]})],
        ),
        "lacks the attribute name",
    ),
    "section twice": (settings(sections=[section(), section(location="*")]), "stands in the list twice"),
    "foreign site": (settings(sections=[section(location="Default Web Site")]), "is not in one of our sites"),
    "server section in a location": (
        settings(sections=[{"section": "system.ftpServer/caching", "location": SITE}]),
        "cannot stand in a location",
    ),
    "no collection": (
        settings(sections=[server("system.ftpServer/caching", collection={"form": "networks", "rows": []})]),
        "is not a collection",
    ),
    "unknown form": (
        settings(sections=[section(collection={"form": "network", "rows": []})]),
        "did you mean networks?",
    ),
    "unknown rows": (
        settings(sections=[section(collection={"form": "networks", "rows": "everyone"})]),
        "is not a known list of rows",
    ),
    "unknown key": (settings(sections=[section(atributes={})]), "did you mean attributes?"),
    "purge of a server's section": (
        settings(purge=[{"section": "system.ftpServer/caching", "below": "*"}]),
        "has no locations",
    ),
    "purge everywhere": (settings(purge=[{"section": IP_SECURITY, "below": ""}]), "nothing is purged everywhere"),
    "an order that cannot be restored": (
        settings(forms={"networks": settings()["forms"]["networks"] | {"clear": False, "ordered": True}}),
        "forms.networks: ordered = True: is true, which needs clear",
    ),
    "cleared and not owned": (
        settings(forms={"networks": settings()["forms"]["networks"] | {"purge": False}}),
        "forms.networks: clear = True: is true, which needs purge",
    ),
    "a key that is no column": (
        settings(forms={"networks": settings()["forms"]["networks"] | {"columns": ["ipAddress", "allowed"]}}),
        "forms.networks: columns = 'subnetMask': is a key and no column",
    ),
    "a stored attribute that is none": (
        settings(forms={"networks": settings()["forms"]["networks"] | {"stored": ["ipAdress"]}}),
        "did you mean ipAddress?",
    ),
    "listed and absent": (
        settings(
            sections=[
                section(
                    collection={
                        "form": "networks",
                        "rows": [["198.51.100.0", "255.255.255.0", True]],
                        "absent": [["198.51.100.0", "255.255.255.0"]],
                    }
                )
            ]
        ),
        "is listed and to be absent",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_iis_would_refuse_is_told_by_name(case: str) -> None:
    wrong, message = WRONG[case]
    with pytest.raises(ExchangeError) as told:
        check_settings(wrong)
    assert message in str(told.value)
