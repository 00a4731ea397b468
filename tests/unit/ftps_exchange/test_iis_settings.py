"""The settings of an IIS host: who is let in where, what does not depend on order or on others, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ftps_exchange.errors import ExchangeError
from ftps_exchange.iis import values as iis
from ftps_exchange.iis.schema import THUMBPRINT, check_settings, expand, row_attributes, sections
from ftps_exchange.iis.settings import exchange_iis_problems, exchange_iis_settings
from tests.unit.ftps_exchange.desired_state import (
    Json,
    account,
    assert_golden,
    customer,
    golden,
    model,
    models,
    reordered,
    without,
)
from tests.windows.iis import CERTIFICATE

SITE = "FTPS Exchange"
IMPLICIT = "FTPS Exchange implicit"


def windows(whole: Json, **exchange: Any) -> Json:
    """A model of the other tests with what IIS needs of the service."""
    service = {
        **whole["exchange"],
        "fqdn": "ftps.exchange.example",
        "public_ip4": "198.51.100.10",
        "explicit_port": 21,
        "implicit_port": 990,
        "passive_ports": [50000, 50099],
        "max_sessions": 50,
        "root": "D:\\ftps-exchange",
        **exchange,
    }
    service["directory"] = {**service["directory"], "netbios_name": "CORP"}
    return {**whole, "exchange": service}


def acme(**changes: Any) -> Json:
    return customer("acme", **{"sources4": ["198.51.100.20/32"], **changes})


def settings(*customers: Json, options: Json | None = None, **exchange: Any) -> Json:
    return json.loads(json.dumps(exchange_iis_settings(windows(model(*customers), **exchange), options)))  # type: ignore[no-any-return]


def at(whole: Json, section: str, location: str) -> Json | None:
    """What a list says of a section at one place."""
    for entry in whole["sections"]:
        if entry["section"] == section and location in expand(entry["location"], whole["sites"]):
            found: Json = entry
            return found
    return None


def rows(whole: Json, node: Json) -> list[Json]:
    found = node["collection"]["rows"]
    form = whole["forms"][node["collection"]["form"]]
    return [row_attributes(form, row) for row in (whole["rows"][found] if isinstance(found, str) else found)]


def directories(whole: Json) -> dict[str, str]:
    return dict(whole["rows"]["directories"])


def locations(whole: Json) -> set[tuple[str, str]]:
    return {
        (entry["section"], location)
        for entry in whole["sections"]
        for location in expand(entry["location"], whole["sites"])
    }


def site(whole: Json, name: str) -> Json:
    sites = at(whole, iis.SITES, "")
    assert sites is not None
    [found] = [item for item in sites["collection"]["items"] if item["attributes"]["name"] == name]
    assert isinstance(found, dict)
    return found


def ftp(whole: Json, path: str, name: str = SITE) -> Json:
    """The attributes of an element below a site's ftpServer."""
    node = site(whole, name)["elements"]["ftpServer"]
    for part in filter(None, path.split("/")):
        node = node["elements"][part]
    attributes: Json = node["attributes"]
    return attributes


# -- the lab's model, by eye -------------------------------------------------------------------------------------------


def test_golden() -> None:
    # The golden file is what a host with this certificate is asked for
    text = json.dumps(exchange_iis_settings(golden("model"), {"root": "D:\\ftps-exchange"}))
    assert_golden("iis_settings", json.loads(text.replace(THUMBPRINT, CERTIFICATE)))


def test_tls_is_required_on_both_channels_of_both_sites_with_the_certificate() -> None:
    whole = settings(acme())
    for name in (SITE, IMPLICIT):
        assert ftp(whole, "security/ssl", name) == {
            "serverCertHash": THUMBPRINT,
            "serverCertStoreName": "MY",
            "ssl128": True,
            "controlChannelPolicy": "SslRequire",
            "dataChannelPolicy": "SslRequire",
        }


def test_each_port_is_a_site_of_its_own() -> None:
    whole = settings(acme(), options={"address": "10.20.30.11"})
    bindings = {
        name: [row["bindingInformation"] for row in rows(whole, site(whole, name)["elements"]["bindings"])]
        for name in whole["sites"]
    }
    assert bindings == {SITE: ["10.20.30.11:21:"], IMPLICIT: ["10.20.30.11:990:"]}
    assert ftp(whole, "connections")["disableSocketPooling"] is True


def test_without_implicit_tls_its_site_goes_with_all_that_stood_below_it() -> None:
    whole = settings(acme(), implicit_port=None)
    assert whole["sites"] == [SITE]
    sites = at(whole, iis.SITES, "")
    assert sites is not None
    assert sites["collection"]["absent"] == [[IMPLICIT]]
    assert {entry["section"] for entry in whole["purge"] if entry["below"] == IMPLICIT} == {
        iis.AUTHORIZATION,
        iis.IP_SECURITY,
        iis.REQUEST_FILTERING,
    }


def test_no_site_is_taken_away_that_is_wanted() -> None:
    sites = at(settings(acme()), iis.SITES, "")
    assert sites is not None
    assert "absent" not in sites["collection"]


@pytest.mark.parametrize(
    ("implicit", "ports", "sessions", "each"),
    [
        (None, [50000, 50049], 50, 50),
        (990, [50000, 50099], 50, 50),
        (990, [50000, 50049], 50, 25),
        (990, [50000, 50199], 150, 100),
    ],
)
def test_both_sites_together_never_need_more_data_ports_than_there_are(
    implicit: int | None, ports: list[int], sessions: int, each: int
) -> None:
    whole = settings(acme(), implicit_port=implicit, passive_ports=ports, max_sessions=sessions)
    assert ftp(whole, "connections")["maxConnections"] == each


def test_passive_ports_are_the_server_s_and_the_public_address_is_the_site_s() -> None:
    whole = settings(acme())
    firewall = at(whole, "system.ftpServer/firewallSupport", "")
    assert firewall is not None
    assert firewall["attributes"] == {"lowDataChannelPort": 50000, "highDataChannelPort": 50099}
    assert ftp(whole, "firewallSupport") == {"externalIp4Address": "198.51.100.10"}


def test_active_mode_is_refused_and_data_connections_are_bound_to_their_control_connection() -> None:
    whole = settings(acme())
    node = site(whole, SITE)["elements"]["ftpServer"]["elements"]["security"]["elements"]
    refused = {row["command"]: row["allowed"] for row in rows(whole, node["commandFiltering"])}
    assert refused == {"PORT": False, "EPRT": False, "CCC": False, "REIN": False}
    assert set(node["dataChannelSecurity"]["attributes"].values()) == {True}


def test_nobody_logs_in_but_by_a_password_of_the_domain() -> None:
    whole = settings(acme())
    below = "security/authentication"
    assert ftp(whole, f"{below}/anonymousAuthentication") == {"enabled": False}
    assert ftp(whole, f"{below}/basicAuthentication") == {
        "enabled": True,
        "defaultLogonDomain": "CORP",
        "logonMethod": "ClearText",
    }
    assert ftp(whole, f"{below}/clientCertAuthentication") == {"enabled": False}
    node = site(whole, SITE)["elements"]["ftpServer"]["elements"]
    others = node["security"]["elements"]["authentication"]["elements"]["customAuthentication"]["elements"]["providers"]
    assert rows(whole, others) == []
    assert whole["forms"]["provider"]["purge"] is True


# -- accounts and shares -----------------------------------------------------------------------------------------------


def test_accounts_share_their_customer_s_home_and_have_its_shares_and_only_those() -> None:
    whole = settings(
        acme(
            accounts=[account("acme-up"), account("acme-read", "read")],
            shares=[{"name": "maps", "access": "read"}],
        ),
        customer("globex", sources4=["198.51.100.30/32"]),
    )
    assert directories(whole) == {
        "/": "D:\\ftps-exchange",
        "/CORP": "D:\\ftps-exchange",
        "/CORP/acme-read": "D:\\ftps-exchange\\homes\\acme",
        "/CORP/acme-read/shared/maps": "D:\\ftps-exchange\\shares\\maps",
        "/CORP/acme-up": "D:\\ftps-exchange\\homes\\acme",
        "/CORP/acme-up/shared/maps": "D:\\ftps-exchange\\shares\\maps",
        "/CORP/globex-up": "D:\\ftps-exchange\\homes\\globex",
    }
    assert ftp(whole, "userIsolation") == {"mode": "IsolateAllDirectories"}
    assert "DisplayVirtualDirectories" in ftp(whole, "directoryBrowse")["showFlags"]


def test_rules_name_the_groups_of_the_place_and_start_from_nothing() -> None:
    whole = settings(acme(shares=[{"name": "maps", "access": "read"}]))
    expected = {
        SITE: {},
        f"{SITE}/CORP/acme-up": {
            "CORP\\ftpsx-home-acme-read": "Read",
            "CORP\\ftpsx-home-acme-write": "Read, Write",
        },
        f"{IMPLICIT}/CORP/acme-up/shared/maps": {
            "CORP\\ftpsx-share-maps-read": "Read",
            "CORP\\ftpsx-share-maps-write": "Read, Write",
        },
    }
    for location, permissions in expected.items():
        entry = at(whole, iis.AUTHORIZATION, location)
        assert entry is not None
        assert {row["roles"]: row["permissions"] for row in rows(whole, entry)} == permissions
        assert all(row["accessType"] == "Allow" for row in rows(whole, entry))
    assert whole["forms"]["rule"]["clear"] is True


def test_an_account_is_used_from_its_own_customer_s_networks_only() -> None:
    whole = settings(acme(), customer("globex", sources4=["203.0.113.0/28", "198.51.100.30/32"]))
    listed = {
        location: {(row["ipAddress"], row["subnetMask"]) for row in rows(whole, entry)}
        for location in (SITE, f"{SITE}/CORP/acme-up", f"{IMPLICIT}/CORP/globex-up")
        if (entry := at(whole, iis.IP_SECURITY, location)) is not None and entry["attributes"]["allowUnlisted"] is False
    }
    globex = {("198.51.100.30", "255.255.255.255"), ("203.0.113.0", "255.255.255.240")}
    assert listed == {
        SITE: {("127.0.0.1", "255.255.255.255"), ("198.51.100.20", "255.255.255.255"), *globex},
        f"{SITE}/CORP/acme-up": {("198.51.100.20", "255.255.255.255")},
        f"{IMPLICIT}/CORP/globex-up": globex,
    }
    assert whole["forms"]["network"]["clear"] is True


def test_customers_behind_one_exit_stand_in_the_site_s_list_once() -> None:
    whole = settings(acme(), customer("globex", sources4=["198.51.100.20/32"]))
    entry = at(whole, iis.IP_SECURITY, SITE)
    assert entry is not None
    assert [row["ipAddress"] for row in rows(whole, entry)] == ["127.0.0.1", "198.51.100.20"]


def test_the_host_may_look_at_its_own_certificate() -> None:
    entry = at(settings(acme(), options={"address": "10.20.30.11"}), iis.IP_SECURITY, SITE)
    assert entry is not None
    assert [row[0] for row in entry["collection"]["rows"]] == ["10.20.30.11", "127.0.0.1", "198.51.100.20"]


@pytest.mark.parametrize(
    "gone",
    [
        {"name": "acme", "state": "absent"},
        acme(state="suspended", accounts=[account("acme-up", enabled=False)]),
        acme(accounts=[account("acme-up", enabled=False)]),
        acme(accounts=[]),
    ],
)
def test_nothing_is_there_for_who_may_not_log_in(gone: Json) -> None:
    globex = customer("globex", sources4=["198.51.100.30/32"])
    assert settings(gone, globex) == settings(globex)


def test_of_two_accounts_the_disabled_one_has_no_home() -> None:
    whole = settings(acme(accounts=[account("acme-up"), account("acme-old", enabled=False)]))
    assert "/CORP/acme-up" in directories(whole)
    assert "acme-old" not in json.dumps(whole)


def test_nobody_at_all_leaves_sites_that_let_nobody_in() -> None:
    whole = settings()
    assert list(directories(whole)) == ["/", "/CORP"]
    entry = at(whole, iis.IP_SECURITY, SITE)
    assert entry is not None
    assert [row["ipAddress"] for row in rows(whole, entry)] == ["127.0.0.1"]
    assert entry["attributes"]["allowUnlisted"] is False


# -- properties --------------------------------------------------------------------------------------------------------


def on_windows(whole: Json) -> Json:
    """A generated model that IIS can serve: its customers have IPv4 networks, and none has the share's name twice."""
    return windows(
        {
            **whole,
            "customers": [
                one if one["state"] == "absent" or one["sources4"] else {**one, "sources4": ["198.51.100.77/32"]}
                for one in whole["customers"]
            ],
        }
    )


@given(whole=models())
def test_every_list_is_one_that_the_schema_allows(whole: Json) -> None:
    result: Any = exchange_iis_settings(on_windows(whole))
    check_settings(result)
    assert json.loads(json.dumps(result)) == result


@given(whole=models(), seed=st.integers())
def test_order_of_the_input_changes_nothing(whole: Json, seed: int) -> None:
    one = on_windows(whole)
    other = reordered(one, seed)
    other["exchange"] = {**other["exchange"], "passive_ports": one["exchange"]["passive_ports"]}
    assert json.dumps(exchange_iis_settings(one)) == json.dumps(exchange_iis_settings(other))


@given(whole=models(), data=st.data())
def test_removing_a_customer_removes_its_entries_and_no_others(whole: Json, data: st.DataObject) -> None:
    before = on_windows(whole)
    assume(len(before["customers"]) > 0)
    name = data.draw(st.sampled_from([one["name"] for one in before["customers"]]))
    [gone] = [one for one in before["customers"] if one["name"] == name]
    old: Any = exchange_iis_settings(before)
    new: Any = exchange_iis_settings(without(before, name))
    accounts = (
        {one["name"] for one in gone.get("accounts", []) if one["enabled"]} if gone["state"] == "present" else set()
    )

    def of_accounts(path: str) -> bool:
        parts = path.split("/")
        return len(parts) > 2 and parts[2] in accounts

    assert directories(new) == {path: place for path, place in directories(old).items() if not of_accounts(path)}
    assert locations(new) == {(section, place) for section, place in locations(old) if not of_accounts(place)}
    for section, place in locations(new):
        if place.split("/")[0] == place and section == iis.IP_SECURITY:
            continue
        assert without_location(at(new, section, place)) == without_location(at(old, section, place))
    remaining = {
        network
        for one in without(before, name)["customers"]
        if one["state"] == "present" and any(each["enabled"] for each in one["accounts"])
        for network in one["sources4"]
    }
    assert networks(new, SITE) == {*remaining, "127.0.0.1/32"}


def without_location(entry: Json | None) -> Json:
    assert entry is not None
    return {key: value for key, value in entry.items() if key != "location"}


def networks(whole: Json, location: str) -> set[str]:
    entry = at(whole, iis.IP_SECURITY, location)
    assert entry is not None
    return {str(IPv4Network(f"{row['ipAddress']}/{row['subnetMask']}")) for row in rows(whole, entry)}


@given(whole=models())
def test_no_address_of_another_customer_reaches_an_account(whole: Json) -> None:
    result: Any = exchange_iis_settings(on_windows(whole))
    for one in on_windows(whole)["customers"]:
        for each in one.get("accounts", []):
            if one["state"] == "present" and each["enabled"]:
                for name in (SITE, IMPLICIT):
                    assert networks(result, f"{name}/CORP/{each['name']}") == set(one["sources4"])


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_customer_without_ip4_networks_is_refused_on_iis() -> None:
    with pytest.raises(ExchangeError, match=r"customer acme: sources = .*IPv6 networks only.*IIS FTP know IPv4 alone"):
        settings(acme(sources4=[], sources6=["2001:db8::/64"]))


def test_a_suspended_one_without_ip4_networks_is_not() -> None:
    settings(acme(state="suspended", sources4=[], sources6=["2001:db8::/64"], accounts=[account("a", enabled=False)]))


def test_no_network_at_all_never_means_everybody() -> None:
    with pytest.raises(ExchangeError, match="an empty list never means 'from anywhere'"):
        settings(acme(sources4=[]))


def test_a_service_without_a_public_ip4_address_is_refused() -> None:
    with pytest.raises(ExchangeError, match=r"exchange.public_ip4: is not set"):
        settings(acme(), public_ip4=None)


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"implicit_port": 9990}, r"exchange.implicit_port = 9990: is not 990, the only port"),
        ({"explicit_port": 990, "implicit_port": None}, r"exchange.explicit_port = 990: is the port on which IIS"),
    ],
)
def test_iis_goes_by_the_number_of_the_port(ports: Json, message: str) -> None:
    with pytest.raises(ExchangeError, match=message):
        settings(acme(), **ports)


def test_a_root_of_linux_is_refused() -> None:
    with pytest.raises(ExchangeError, match=r"root = '/srv/ftps-exchange': is not a folder of a Windows host"):
        settings(acme(), root="/srv/ftps-exchange")


def test_the_root_may_be_a_share_of_a_file_server() -> None:
    share = r"\\files.example.com\ftps$\exchange"
    on_disk, shared = (json.dumps(settings(acme(), root=root)) for root in (r"D:\x", share))
    assert shared == on_disk.replace(json.dumps(r"D:\x")[1:-1], json.dumps(share)[1:-1])
    assert on_disk != shared


def test_a_share_that_the_exchange_does_not_have_is_refused() -> None:
    with pytest.raises(ExchangeError, match=r"customer acme: shares.name = 'plans'"):
        settings(acme(shares=[{"name": "plans", "access": "read"}]))


def test_all_that_iis_could_not_serve_is_told_at_once() -> None:
    whole = windows(
        model(
            acme(sources4=[], sources6=["2001:db8::/64"]),
            customer("birch", sources4=[]),
            customer("delta", sources4=["198.51.100.40/32"]),
            customer("elder", state="suspended", accounts=[account("e", enabled=False)]),
        ),
        implicit_port=9990,
        tls_minimum_version="1.3",
    )
    told = exchange_iis_problems(whole, {"root": "D:\\ftps-exchange"})
    beginnings = [
        "exchange.implicit_port = 9990",
        "exchange.tls_minimum_version = '1.3': is refused for servers with Windows: it switches TLS 1.2 off",
        "customer acme: ",
        "customer birch: ",
    ]
    assert len(told) == len(beginnings)
    assert all(problem.startswith(beginning) for problem, beginning in zip(told, beginnings, strict=True))


@given(whole=models())
def test_where_nothing_is_told_there_is_a_list_and_where_something_is_there_is_none(whole: Json) -> None:
    for one in (windows(whole), on_windows(whole)):
        problems = exchange_iis_problems(one)
        if problems:
            with pytest.raises(ExchangeError) as told:
                exchange_iis_settings(one)
            assert str(told.value) in problems
        else:
            exchange_iis_settings(one)


def test_the_list_is_the_same_for_every_host() -> None:
    """Each has a certificate of its own: where a site names it, the module fills it in."""
    assert json.dumps(settings(acme())).count(THUMBPRINT) == 2
    with pytest.raises(ExchangeError, match="is not of the form"):
        check_settings(json.loads(json.dumps(settings(acme())).replace(THUMBPRINT, "<certificate>")))
    with pytest.raises(ExchangeError, match="is not one of"):
        check_settings(json.loads(json.dumps(settings(acme())).replace('"SslRequire"', f'"{THUMBPRINT}"')))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adress": "10.0.0.1"}, "did you mean address?"),
        ({"address": "2001:db8::1"}, "is not an IPv4 address"),
        ({"address": ""}, "is empty or not text"),
        ({"site_name": 'a"b'}, "iis_options.site_name"),
        ({"site_name": "a/b"}, "iis_options.site_name"),
        ({"log_dir": "/var/log"}, "Give an absolute Windows path"),
        ({"log_dir": "D:\\a\\..\\..\\*"}, "Give an absolute Windows path"),
        ({"store": "MY\n"}, "iis_options.store"),
        ({"homes_below": "a/b"}, "iis_options.homes_below"),
        ({"root": "D:\\"}, "is not a folder of a Windows host"),
        ({"root": "\\\\files.example.com"}, "is not a folder of a Windows host"),
        ({"root": "\\\\?\\D:\\x"}, "is not a folder of a Windows host"),
        ("address", "is not a dictionary"),
        ({"former_site_names": "Old"}, "is not a list"),
        ({"former_site_names": ["a/b"]}, "contains an invalid site name"),
        ({"former_site_names": ["ftps exchange"]}, "names a site of this service"),
        ({"former_site_names": ["FTPS Exchange implicit"]}, "names a site of this service"),
        ({"former_site_nam": ["Old"]}, "did you mean former_site_names?"),
    ],
)
def test_what_is_no_option_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ExchangeError) as told:
        exchange_iis_settings(windows(model(acme())), options)
    assert message in str(told.value)


def test_tls_1_3_alone_is_refused_until_somebody_has_shown_it() -> None:
    with pytest.raises(ExchangeError, match=r"nobody has shown that the FTP service of IIS speaks 1\.3.*Linux"):
        settings(acme(), tls_minimum_version="1.3")
    settings(acme(), tls_minimum_version="1.2")


@pytest.mark.parametrize("implicit", [990, None])
def test_sites_under_a_former_name_go_with_their_locations(implicit: int | None) -> None:
    whole = settings(acme(), options={"site_name": "Files", "former_site_names": [SITE, "Old"]}, implicit_port=implicit)
    gone = [*(["Files implicit"] if implicit is None else []), SITE, IMPLICIT, "Old", "Old implicit"]
    sites = at(whole, iis.SITES, "")
    assert sites is not None
    assert sites["collection"]["absent"] == [[name] for name in gone]
    assert [entry["below"] for entry in whole["purge"]] == [below for below in ("*", *gone) for _ in range(3)]


def test_homes_of_local_accounts_lie_elsewhere() -> None:
    whole = settings(acme(), options={"homes_below": "LocalUser"})
    assert "/LocalUser/acme-up" in directories(whole)
    assert at(whole, iis.AUTHORIZATION, f"{SITE}/LocalUser/acme-up") is not None


# -- the tables --------------------------------------------------------------------------------------------------------


def every_setting() -> Iterator[tuple[str, iis.Setting]]:
    for table in (iis.SERVER_SETTINGS, iis.TOP_SETTINGS, iis.HOME_SETTINGS):
        for section, choices in table.items():
            yield from ((section, choice) for choice in choices)
    yield from ((f"{iis.SITES}/site/ftpServer", choice) for choice in iis.SITE_SETTINGS)


def test_every_value_has_a_reason_and_every_computed_one_a_source() -> None:
    for section, choice in every_setting():
        assert choice.reason, (section, choice.attribute)
        assert callable(choice.value) is (choice.source is not None), (section, choice.attribute)


def test_a_misspelt_attribute_never_leaves_the_control_node(monkeypatch: pytest.MonkeyPatch) -> None:
    misspelt = iis.Setting("fileHandling", "keepPartialUpload", True, "misspelt")
    monkeypatch.setattr("ftps_exchange.iis.settings.SITE_SETTINGS", (*iis.SITE_SETTINGS, misspelt))
    with pytest.raises(ExchangeError) as told:
        settings(acme())
    assert "site[0]/ftpServer/fileHandling: attribute = 'keepPartialUpload'" in str(told.value)
    assert "did you mean keepPartialUploads?" in str(told.value)


def test_an_impossible_value_never_leaves_the_control_node(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"system.ftpServer/caching": (iis.Setting("credentialsCache", "flushInterval", 4, "too short"),)}
    monkeypatch.setattr("ftps_exchange.iis.settings.SERVER_SETTINGS", wrong)
    with pytest.raises(ExchangeError, match="flushInterval = 4: is not between 5 and 604800"):
        settings(acme())


def test_attributes_come_in_the_order_of_the_schema() -> None:
    sites = sections()[iis.SITES].collection
    assert sites is not None
    logging = sites.item.elements["ftpServer"].elements["logFile"].attributes
    named = list(ftp(settings(acme()), "logFile"))
    assert named == [name for name in logging if name in named]


def test_addresses_come_in_their_own_order() -> None:
    whole = settings(acme(sources4=["198.51.100.20/32", "9.9.9.0/24", "10.0.0.0/16", "10.0.0.0/24"]))
    entry = at(whole, iis.IP_SECURITY, f"{SITE}/CORP/acme-up")
    assert entry is not None
    addresses = [int(IPv4Address(row["ipAddress"])) for row in rows(whole, entry)]
    assert addresses == sorted(addresses)
    assert [row["subnetMask"] for row in rows(whole, entry)][1:3] == ["255.255.0.0", "255.255.255.0"]


UNTIL = {"until": "2027-03-31", "over": False}


def test_iis_uses_the_former_range_until_its_last_day() -> None:
    for over, first in ((False, 51000), (True, 50000)):
        former = {"ports": [51000, 51099], "until": "2027-03-31", "over": over}
        whole = settings(acme(), also_passive_ports=former)
        support = at(whole, "system.ftpServer/firewallSupport", "")
        assert support is not None
        assert support["attributes"] == {"lowDataChannelPort": first, "highDataChannelPort": first + 99}


@pytest.mark.parametrize(
    ("key", "former"),
    [
        ("also_public_ip4", {"address": "198.51.100.11", **UNTIL}),
        ("also_explicit_port", {"port": 2121, **UNTIL}),
        ("also_implicit_port", {"port": 991, **UNTIL}),
    ],
)
def test_a_former_address_or_control_port_is_refused_before_a_host_is_touched(key: str, former: Json) -> None:
    whole = windows(model(acme()), **{key: former})
    (problem,) = exchange_iis_problems(whole)
    assert f"exchange.{key}" in problem
    assert "docs/changing-addresses.md" in problem
