"""What the connection knows about a directory server: pages, ranges, names, times, order, verification."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import ldap as under_test
from ansible_collections.ftps.exchange.plugins.module_utils.ldap import Change, DirectoryError, Entry
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.fake_directory import DOMAIN, FakeDirectory, packed_sid

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

# Reading


def directory_with_group(members: int, **limits: int) -> FakeDirectory:
    directory = FakeDirectory(**limits)
    dns = []
    for number in range(members):
        dn = f"CN=user{number:05d},OU=Exchange,{DOMAIN}"
        directory.add(dn, objectClass=("user",), sAMAccountName=f"user{number:05d}", userAccountControl="514")
        dns.append(dn)
    directory.add(f"CN=all,OU=Exchange,{DOMAIN}", objectClass=("group",), sAMAccountName="all", members=dns)
    return directory


@pytest.mark.parametrize("members", [0, 1, 9, 10, 11, 20, 21, 35])
def test_a_long_list_of_members_comes_whole_from_a_server_that_answers_in_ranges(members: int) -> None:
    directory = directory_with_group(members, values=10)
    (group,) = under_test.search(directory, f"CN=all,OU=Exchange,{DOMAIN}", "base", "(objectClass=*)", ["member"])
    assert group.texts("member") == [f"CN=user{number:05d},OU=Exchange,{DOMAIN}" for number in range(members)]


def test_ranges_of_microsofts_server_are_followed() -> None:
    directory = directory_with_group(3200)
    (group,) = under_test.search(directory, f"CN=all,OU=Exchange,{DOMAIN}", "base", "(objectClass=*)", ["member"])
    assert len(set(group.texts("member"))) == 3200
    asked = [attributes for _base, _scope, attributes in directory.requests]
    assert asked == [("member",), ("member;range=1500-*",), ("member;range=3000-*",)]


def test_a_range_that_stops_in_the_middle_is_an_error_and_no_short_list() -> None:
    class Forgetful(FakeDirectory):
        def search_page(self, base: str, scope: str, text: str, attributes: Any, cookie: bytes) -> Any:
            if any(";range=" in name for name in attributes):
                return [(base, {})], b""
            return super().search_page(base, scope, text, attributes, cookie)

    directory = Forgetful(values=10)
    directory.things = directory_with_group(11).things
    with pytest.raises(DirectoryError, match="stopped in the middle of the values of member, at number 10"):
        under_test.search(directory, f"CN=all,OU=Exchange,{DOMAIN}", "base", "(objectClass=*)", ["member"])


def test_a_search_is_read_to_its_last_page() -> None:
    directory = directory_with_group(25, page=10)
    found = under_test.search(directory, DOMAIN, "subtree", "(objectClass=user)", ["sAMAccountName"])
    assert len({entry.text("sAMAccountName") for entry in found}) == 25
    assert len(directory.requests) == 3


def test_many_names_take_few_searches() -> None:
    directory = directory_with_group(450)
    names = [f"user{number:05d}" for number in range(450)] + ["nobody"]
    found = under_test.search_names(directory, DOMAIN, {"sAMAccountName": names}, ["sAMAccountName"])
    assert sorted(entry.text("sAMAccountName") for entry in found) == sorted(names[:-1])
    assert len(directory.requests) == 3


# Values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=a,DC=x", "cn=A, dc=X"),
        ("CN = a , DC=x", "CN=a,DC=x"),
        (r"CN=a\, b,DC=x", r"CN=a\2c b,DC=x"),
        (r"CN=a\+b,DC=x", "CN=a+b,DC=x"),
        (r"CN=M\C3\BCller,DC=x", "CN=Müller,DC=x"),
        (r"CN=a\ ,DC=x", r"CN=a\20,DC=x"),
    ],
)
def test_names_that_are_the_same(one: str, other: str) -> None:
    assert under_test.normalise_dn(one) == under_test.normalise_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"CN=a\,DC=x", "CN=a,DC=x"),
        ("CN=a b,DC=x", "CN=ab,DC=x"),
        (r"CN=a\\,DC=x", "CN=a,DC=x"),
        (r"CN=a\ ,DC=x", "CN=a,DC=x"),
    ],
)
def test_names_that_are_not_the_same(one: str, other: str) -> None:
    assert under_test.normalise_dn(one) != under_test.normalise_dn(other)


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text and "\0" not in text))
def test_an_escaped_name_is_found_again_whatever_is_in_it(value: str) -> None:
    hexadecimal = "".join(f"\\{byte:02x}" for byte in value.encode())
    short = "".join(f"\\{char}" if char in ',+"\\<>;=#' else char for char in value)
    assert under_test.normalise_dn(f"CN={hexadecimal},DC=x") == under_test.normalise_dn(f"CN={short},DC=x")
    assert under_test.is_below(f"CN={short},OU=a,DC=x", "ou=A, dc=X")


def test_an_ou_is_not_below_one_whose_name_ends_alike() -> None:
    assert not under_test.is_below("CN=a,OU=Not FTPS,DC=x", "OU=FTPS,DC=x")
    assert not under_test.is_below("OU=FTPS,DC=x", "OU=FTPS,DC=x")
    assert not under_test.is_below(r"CN=a\,OU=FTPS,DC=x", "OU=FTPS,DC=x")


def test_parent_of_a_name_with_a_comma_in_it() -> None:
    assert under_test.parent_dn(r"CN=a\, b,OU=c,DC=x") == "OU=c,DC=x"


def test_sid() -> None:
    assert under_test.decode_sid(packed_sid(21, 1004336348, 1177238915, 682003330, 1104)) == (
        "S-1-5-21-1004336348-1177238915-682003330-1104"
    )
    assert under_test.decode_sid(bytes.fromhex("010200000000000520000000 20020000")) == "S-1-5-32-544"


def test_filter_values_are_escaped() -> None:
    assert under_test.escape_filter("a*(b)\\\0") == r"a\2a\28b\29\5c\00"


def test_times() -> None:
    assert under_test.filetime_to_datetime(116444736000000000) == datetime(1970, 1, 1, tzinfo=UTC)
    assert under_test.filetime_to_datetime(2**63 - 1).year == 9999
    assert under_test.parse_generalised_time("20261123161252.0Z") == datetime(2026, 11, 23, 16, 12, 52, tzinfo=UTC)


def test_an_entry_without_an_attribute() -> None:
    assert Entry("CN=a").number("pwdLastSet") is None
    assert Entry("CN=a").text("company") == ""
    assert Entry("CN=a").sid == ""


# The wire, with a stand-in for python-ldap


class FakeLdapError(Exception):
    pass


class AlreadyExistsError(FakeLdapError):
    pass


class InvalidCredentialsError(FakeLdapError):
    pass


class ServerDownError(FakeLdapError):
    pass


class Connection:
    """Takes requests, and answers them when asked; remembers both."""

    def __init__(self, refuse: dict[str, Exception] | None = None) -> None:
        self.refuse = refuse or {}
        self.log: list[str] = []
        self.options: list[tuple[Any, Any]] = []
        self.most_under_way = 0
        self._under_way: dict[int, str] = {}
        self._next = 0

    def set_option(self, option: Any, value: Any) -> None:
        self.options.append((option, value))

    def simple_bind_s(self, name: str, password: str) -> None:
        if name in self.refuse:
            raise self.refuse[name]

    def _sent(self, dn: str) -> int:
        self._next += 1
        self._under_way[self._next] = dn
        self.most_under_way = max(self.most_under_way, len(self._under_way))
        self.log.append(f"send {dn}")
        return self._next

    def add_ext(self, dn: str, attributes: Any) -> int:
        assert all(isinstance(value, bytes) for _name, values in attributes for value in values)
        return self._sent(dn)

    def modify_ext(self, dn: str, modifications: Any, serverctrls: Any) -> int:
        self.modifications = modifications
        self.controls = serverctrls
        return self._sent(dn)

    def delete_ext(self, dn: str) -> int:
        return self._sent(dn)

    def rename(self, dn: str, name: str, parent: str) -> int:
        return self._sent(dn)

    def result3(self, request: int, timeout: int) -> None:
        dn = self._under_way.pop(request)
        self.log.append(f"done {dn}")
        if dn in self.refuse:
            raise self.refuse[dn]


Connect = Callable[..., tuple[Any, Connection]]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    kinds = {
        name: type(name, (FakeLdapError,), {})
        for name in ("NO_SUCH_OBJECT", "INSUFFICIENT_ACCESS", "UNWILLING_TO_PERFORM", "NOT_ALLOWED_ON_NONLEAF")
    }
    options = ("REFERRALS", "NETWORK_TIMEOUT", "TIMEOUT", "X_TLS_REQUIRE_CERT", "X_TLS_DEMAND", "X_TLS_CACERTFILE")
    constants = {f"OPT_{name}": f"OPT_{name}" for name in (*options, "X_TLS_NEWCTX")}
    constants |= {name: name for name in ("MOD_REPLACE", "MOD_ADD", "MOD_DELETE")}

    def open_session(refuse: dict[str, Exception] | None = None) -> tuple[Any, Connection]:
        connection = Connection(refuse)
        fake = SimpleNamespace(
            **kinds,
            **constants,
            LDAPError=FakeLdapError,
            ALREADY_EXISTS=AlreadyExistsError,
            INVALID_CREDENTIALS=InvalidCredentialsError,
            SERVER_DOWN=ServerDownError,
            CONNECT_ERROR=type("CONNECT_ERROR", (FakeLdapError,), {}),
            TIMEOUT=type("TIMEOUT", (FakeLdapError,), {}),
            initialize=lambda uri: connection,
            controls=SimpleNamespace(RequestControl=lambda oid, critical: (oid, critical)),
        )
        monkeypatch.setattr(under_test, "ldap", fake, raising=False)
        return under_test.LdapsSession("ldaps://dc1.corp.example", "svc@corp.example", "s3cret", CA), connection

    return open_session


def change(dn: str, stage: int = 0, **options: Any) -> Change:
    return Change(stage=stage, action=options.pop("action", "add"), dn=dn, what=f"account {dn}", **options)


def test_the_certificate_is_demanded_before_anything_is_sent(connect: Connect) -> None:
    _session, connection = connect()
    names = [name for name, _value in connection.options]
    assert ("OPT_X_TLS_REQUIRE_CERT", "OPT_X_TLS_DEMAND") in connection.options
    assert ("OPT_REFERRALS", 0) in connection.options
    # OpenLDAP takes the TLS options in when it makes a new context, so that must come last.
    assert names[-1] == "OPT_X_TLS_NEWCTX"
    assert "OPT_X_TLS_CACERTFILE" in names


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_uri": "ldap://dc1"}, "is not the address of a directory"),
        ({"server_uri": "ldaps://dc1 ldap://dc2"}, "is not the address of a directory"),
        ({"server_uri": ""}, "is not the address of a directory"),
        ({"bind_password": ""}, "one of them is empty"),
        ({"bind_dn": ""}, "one of them is empty"),
        ({"ca_cert": ""}, "always verified"),
        ({"ca_cert": "/etc/ssl/ca.pem"}, "always verified"),
    ],
)
def test_settings_that_would_be_unsafe_are_refused(settings: dict[str, str], message: str) -> None:
    good = {"server_uri": "ldaps://dc1 ldaps://dc2:636/", "bind_dn": "svc", "bind_password": "s3cret", "ca_cert": CA}
    under_test.check_connection_settings(**good)
    with pytest.raises(DirectoryError, match=message) as refused:
        under_test.check_connection_settings(**{**good, **settings})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            InvalidCredentialsError({"desc": "Invalid credentials", "info": "80090308: comment: data 775, v1db1"}),
            "ldaps://dc1.corp.example refuses the login of svc@corp.example: the account is locked out.",
        ),
        (InvalidCredentialsError({"desc": "Invalid credentials"}), "the name or the password is wrong"),
        (
            ServerDownError({"desc": "Can't contact LDAP server", "info": "error:0A000086: certificate verify failed"}),
            "certificate verify failed. Give the CA of the controller's certificate",
        ),
        (ServerDownError({"desc": "Can't contact LDAP server"}), "Check the address, the port"),
    ],
)
def test_a_bind_that_fails_says_why(connect: Connect, error: Exception, message: str) -> None:
    with pytest.raises(DirectoryError) as refused:
        connect({"svc@corp.example": error})
    assert message in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_stage_waits_for_the_one_before(connect: Connect) -> None:
    session, connection = connect()
    session.apply([change("c", 2), change("a1", 1), change("a2", 1)])
    assert connection.log == ["send a1", "send a2", "done a1", "done a2", "send c", "done c"]


def test_requests_are_sent_ahead_but_not_without_bound(connect: Connect) -> None:
    session, connection = connect()
    session.apply([change(str(number)) for number in range(100)])
    assert connection.most_under_way == under_test.REQUESTS_UNDER_WAY
    assert len(connection.log) == 200


def test_after_a_refusal_nothing_new_is_sent_and_the_message_is_complete(connect: Connect) -> None:
    session, connection = connect({"a": AlreadyExistsError({"desc": "Already exists", "info": "00002071: exists"})})
    with pytest.raises(DirectoryError) as failed:
        session.apply([change("a", 0), change("b", 0), change("c", 1)])
    assert connection.log == ["send a", "send b", "done a", "done b"]
    message = str(failed.value)
    assert "refuses to add account a (a): Already exists - 00002071: exists." in message
    assert "An object with that name was created there in the meantime." in message
    assert "1 of 3 changes were made; run again to make the rest." in message


def test_members_are_changed_permissively(connect: Connect) -> None:
    session, connection = connect()
    session.apply([change("g", action="modify", add_members=("CN=a",), remove_members=("CN=b",))])
    assert connection.modifications == [("MOD_DELETE", "member", [b"CN=b"]), ("MOD_ADD", "member", [b"CN=a"])]
    assert connection.controls == [(under_test.PERMISSIVE_MODIFY, True)]


def test_attributes_are_replaced_and_cleared(connect: Connect) -> None:
    session, connection = connect()
    session.apply([change("u", action="modify", values=(("company", ("acme",)), ("description", ())))])
    assert connection.modifications == [("MOD_REPLACE", "company", [b"acme"]), ("MOD_REPLACE", "description", None)]
    assert connection.controls == []


def test_independent_changes_go_on_after_a_refusal(connect: Connect) -> None:
    session, connection = connect({"a": FakeLdapError({"desc": "Constraint violation", "info": "0000052D: too short"})})
    refused = session.modify_each([change("a", action="modify"), change("b", action="modify")])
    assert refused == {"account a": "Constraint violation - 0000052D: too short"}
    assert connection.log == ["send a", "send b", "done a", "done b"]


def test_a_server_that_goes_away_ends_independent_changes(connect: Connect) -> None:
    session, _connection = connect({"a": ServerDownError({"desc": "Can't contact LDAP server"})})
    with pytest.raises(DirectoryError, match="cannot change account a"):
        session.modify_each([change("a", action="modify"), change("b", action="modify")])
