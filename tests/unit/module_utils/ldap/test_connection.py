"""The connection to a directory, with a stand-in for python-ldap: order, refusals, verification."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.ldap import connection as under_test
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change, DirectoryError

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


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
        self.addresses: list[str] = []
        self.all: list[Connection] = []
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
    kinds |= {name: type(name, (FakeLdapError,), {}) for name in ("NO_SUCH_ATTRIBUTE", "TYPE_OR_VALUE_EXISTS")}
    options = ("REFERRALS", "NETWORK_TIMEOUT", "TIMEOUT", "X_TLS_REQUIRE_CERT", "X_TLS_DEMAND", "X_TLS_CACERTFILE")
    constants = {f"OPT_{name}": f"OPT_{name}" for name in (*options, "X_TLS_NEWCTX")}
    constants |= {name: name for name in ("MOD_REPLACE", "MOD_ADD", "MOD_DELETE")}

    def open_session(refuse: dict[str, Exception] | None = None, connections: int = 1) -> tuple[Any, Connection]:
        connection = Connection(refuse)
        opened: list[Connection] = [connection]

        def initialize(uri: str) -> Connection:
            """The first one, and further ones to the same address."""
            connection.addresses.append(uri)
            if len(connection.addresses) > 1:
                opened.append(Connection(refuse))
            connection.all = opened
            return opened[-1]

        fake = SimpleNamespace(
            **kinds,
            **constants,
            LDAPError=FakeLdapError,
            ALREADY_EXISTS=AlreadyExistsError,
            INVALID_CREDENTIALS=InvalidCredentialsError,
            SERVER_DOWN=ServerDownError,
            CONNECT_ERROR=type("CONNECT_ERROR", (FakeLdapError,), {}),
            TIMEOUT=type("TIMEOUT", (FakeLdapError,), {}),
            initialize=lambda uri: initialize(uri),
            controls=SimpleNamespace(RequestControl=lambda oid, critical: (oid, critical)),
        )
        monkeypatch.setattr(under_test, "ldap", fake, raising=False)
        monkeypatch.setattr(under_test, "check_alive", lambda address: None)
        login = ("ldaps://dc1.corp.example", "svc@corp.example", "s3cret")
        return under_test.LdapsSession(*login, CA, connections), connection

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
        ({"server_uri": "ldaps://dc1:port"}, "is not the address of a directory"),
        ({"server_uri": "ldaps://dc1:99999"}, "is not the address of a directory"),
        ({"server_uri": "ldaps://[fd00::1"}, "is not the address of a directory"),
        ({"server_uri": "ldaps://:636"}, "is not the address of a directory"),
        ({"server_uri": "ldaps://dc1..corp.example"}, "is not the address of a directory"),
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
    session.apply([change(str(number)) for number in range(under_test.MANY_CHANGES - 1)])
    assert connection.most_under_way == under_test.REQUESTS_UNDER_WAY
    assert len(connection.log) == 2 * (under_test.MANY_CHANGES - 1)


def test_after_a_refusal_nothing_new_is_sent_and_the_message_is_complete(connect: Connect) -> None:
    session, connection = connect({"a": AlreadyExistsError({"desc": "Already exists", "info": "00002071: exists"})})
    with pytest.raises(DirectoryError) as failed:
        session.apply([change("a", 0), change("b", 0), change("c", 1)])
    assert connection.log == ["send a", "send b", "done a", "done b"]
    message = str(failed.value)
    assert "refuses to add account a (a): Already exists - 00002071: exists." in message
    assert "An object with that name was created there in the meantime." in message
    assert "1 of 3 changes were made; run again to make the rest." in message


def test_further_refusals_of_what_was_under_way_are_counted(connect: Connect) -> None:
    taken = AlreadyExistsError({"desc": "Already exists"})
    session, connection = connect({"a": taken, "c": taken})
    with pytest.raises(DirectoryError, match=r"add account a .* 1 more .* failed too\. 1 of 4 changes were made"):
        session.apply([change("a", 0), change("b", 0), change("c", 0), change("d", 1)])
    assert connection.log[-3:] == ["done a", "done b", "done c"]


def test_what_cannot_even_be_sent_is_a_refusal(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    session, connection = connect()

    def gone(_dn: str) -> int:
        raise ServerDownError({"desc": "Can't contact LDAP server"})

    monkeypatch.setattr(connection, "delete_ext", gone)
    with pytest.raises(DirectoryError, match=r"cannot delete account b: .* 1 of 2 changes were made"):
        session.apply([change("a"), change("b", action="delete")])


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


def test_many_changes_go_over_several_connections_to_one_controller(connect: Connect) -> None:
    session, connection = connect(connections=4)
    session.apply([change(str(number)) for number in range(400)])
    assert connection.addresses == ["ldaps://dc1.corp.example"] * 4
    sent = [sum(line.startswith("send") for line in one.log) for one in connection.all]
    assert sent == [100] * 4
    assert all(one.most_under_way <= under_test.REQUESTS_UNDER_WAY + 1 for one in connection.all)


def test_a_stage_begins_when_the_one_before_is_answered_on_all_connections(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, connection = connect(connections=4)
    done: list[str] = []
    for one in connection.all:
        one.log = done
    changes = [change(f"first-{n}") for n in range(150)] + [change(f"second-{n}", stage=1) for n in range(150)]
    original = under_test.LdapsSession._send

    def send(self: Any, sent: Change, over: Any) -> int:
        over.log = done
        return original(self, sent, over)

    monkeypatch.setattr(under_test.LdapsSession, "_send", send)
    session.apply(changes)
    last = max(number for number, line in enumerate(done) if line.startswith("done first"))
    first = min(number for number, line in enumerate(done) if line.startswith("send second"))
    assert last < first


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ldaps://dc1.corp.example", ("dc1.corp.example", 636)),
        ("ldaps://dc1.corp.example:3269/", ("dc1.corp.example", 3269)),
        ("LDAPS://[fd00::1]:636", ("fd00::1", 636)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert under_test.split_address(address) == expected


def test_a_value_is_replaced_only_if_it_is_still_the_expected_one(connect: Connect) -> None:
    session, connection = connect()
    wanted = Change(
        0, "modify", "CN=x", "x", values=(("description", ("new",)),), expected=(("description", ("old",)),)
    )
    assert session.compare_and_set(wanted)
    # One request, in this order: the server refuses all of it where the old value is not there
    assert connection.modifications == [
        ("MOD_DELETE", "description", [b"old"]),
        ("MOD_ADD", "description", [b"new"]),
    ]


@pytest.mark.parametrize("kind", ["ALREADY_EXISTS", "NO_SUCH_ATTRIBUTE", "NO_SUCH_OBJECT"])
def test_whoever_is_second_hears_it_and_no_other_refusal_is_hidden(connect: Connect, kind: str) -> None:
    session, connection = connect()
    connection.refuse["CN=x"] = getattr(vars(under_test)["ldap"], kind)()
    assert not session.compare_and_set(change("CN=x"))
    connection.refuse["CN=x"] = vars(under_test)["ldap"].INSUFFICIENT_ACCESS()
    with pytest.raises(DirectoryError, match="lacks the right"):
        session.compare_and_set(change("CN=x"))
