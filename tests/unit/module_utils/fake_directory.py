"""An Active Directory in memory, as strict as the tests need it: pages, ranges, links that follow a move, refusals."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn, parent_dn, split_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import (
    Change,
    DirectoryError,
    NoSuchObjectError,
)

DOMAIN = "DC=corp,DC=example"
NOW = "20261123161252.0Z"
DOMAIN_SID = (21, 1004336348, 1177238915, 682003330)
USER = ("top", "person", "organizationalPerson", "user")


def packed_sid(*parts: int) -> bytes:
    return struct.pack("<BB", 1, len(parts)) + (5).to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


@dataclass
class Thing:
    """An object. Members are links, so they are kept by identity."""

    dn: str
    attributes: dict[str, list[bytes]]
    members: list[Thing] = field(default_factory=list)

    def text(self, name: str) -> str:
        values = self.attributes.get(name.lower(), [])
        return values[0].decode() if values else ""

    def is_a(self, object_class: str) -> bool:
        return object_class.encode() in self.attributes.get("objectclass", [])

    @property
    def rid(self) -> int:
        return int(struct.unpack("<I", self.attributes["objectsid"][0][-4:])[0])


class FakeDirectory:
    """Answers as Microsoft's server does: at most ``page`` entries and ``values`` values at once."""

    def __init__(self, page: int = 1000, values: int = 1500) -> None:
        self.page = page
        self.values = values
        self.things: dict[str, Thing] = {}
        self.requests: list[tuple[str, str, tuple[str, ...]]] = []
        self.applied: list[Change] = []
        self.refuse: dict[str, str] = {}
        self._rids = itertools.count(1104)
        self._put(DOMAIN, {"objectClass": ("domain",)}, packed_sid(*DOMAIN_SID))
        self._put(f"OU=Exchange,{DOMAIN}", {"objectClass": ("organizationalUnit",)})

    # What a test does by hand

    def add(self, dn: str, members: Sequence[str] = (), **attributes: str | Sequence[str]) -> Thing:
        listed = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in attributes.items()}
        self._add(dn, {**listed, **({"member": tuple(members)} if members else {})})
        return self.at(dn)

    def at(self, dn: str) -> Thing:
        return self.things[normalise_dn(dn)]

    def named(self, name: str) -> Thing:
        return next(
            thing for thing in self.things.values() if thing.text("sAMAccountName").casefold() == name.casefold()
        )

    def set(self, name: str, **attributes: str | int) -> None:
        for attribute, value in attributes.items():
            self.named(name).attributes[attribute.lower()] = [str(value).encode()]

    def member_names(self, group: str) -> list[str]:
        return sorted(member.text("sAMAccountName") for member in self.named(group).members)

    def move(self, name: str, dn: str) -> None:
        thing = self.named(name)
        del self.things[normalise_dn(thing.dn)]
        thing.dn = dn
        self.things[normalise_dn(dn)] = thing

    # What the code under test does

    def search_page(
        self, base: str, scope: str, text: str, attributes: Sequence[str], cookie: bytes
    ) -> tuple[list[tuple[str, dict[str, list[bytes]]]], bytes]:
        self.requests.append((base, scope, tuple(attributes)))
        if base == "":
            return [("", {"defaultNamingContext": [DOMAIN.encode()], "currentTime": [NOW.encode()]})], b""
        key = normalise_dn(base)
        if key not in self.things:
            raise NoSuchObjectError(f"{base} does not exist.")
        found = [
            thing
            for other, thing in self.things.items()
            if (other == key or (scope == "subtree" and other.endswith("," + key))) and matches(thing, text)
        ]
        start = int(cookie or b"0")
        following = start + self.page
        entries = [(thing.dn, self._answer(thing, attributes)) for thing in found[start:following]]
        return entries, str(following).encode() if following < len(found) else b""

    def apply(self, changes: Sequence[Change]) -> None:
        for change in sorted(changes, key=lambda change: change.stage):
            self._apply(change)

    def modify_each(self, changes: Sequence[Change]) -> dict[str, str]:
        refused = {}
        for change in changes:
            try:
                self._apply(change)
            except DirectoryError as error:
                refused[change.what] = str(error)
        return refused

    def compare_and_set(self, change: Change) -> bool:
        thing = self.things.get(normalise_dn(change.dn))
        if (thing is None) != (change.action == "add"):
            return False
        for name, listed in change.expected:
            if thing is None or thing.attributes.get(name.lower()) != [str(value).encode() for value in listed]:
                return False
        self._apply(change)
        return True

    def _apply(self, change: Change) -> None:
        if change.what in self.refuse:
            raise DirectoryError(self.refuse[change.what])
        self.applied.append(change)
        values = {name: tuple(listed) for name, listed in change.values}
        if change.action == "add":
            self._add(change.dn, values)
        elif change.action == "delete":
            thing = self.things.pop(normalise_dn(change.dn))
            for other in self.things.values():
                other.members = [member for member in other.members if member is not thing]
        elif change.action == "move":
            dn = ",".join(change.to)
            if normalise_dn(dn) in self.things or normalise_dn(parent_dn(dn)) not in self.things:
                raise DirectoryError(f"cannot move to {dn}")
            self.move(self.at(change.dn).text("sAMAccountName"), dn)
        else:
            self._modify(self.at(change.dn), values, change)

    def _add(self, dn: str, values: Mapping[str, tuple[Any, ...]]) -> None:
        if normalise_dn(dn) in self.things:
            raise DirectoryError(f"{dn} exists")
        if normalise_dn(parent_dn(dn)) not in self.things:
            raise DirectoryError(f"{parent_dn(dn)} does not exist")
        names = {thing.text("sAMAccountName").casefold() for thing in self.things.values()}
        if (values.get("sAMAccountName") or ("",))[0].casefold() in names - {""}:
            raise DirectoryError(f"the name of {dn} is taken")
        members = values.get("member", ())
        plain = {name: listed for name, listed in values.items() if name not in ("member", "unicodePwd")}
        if "unicodePwd" in values:
            plain["password"] = (values["unicodePwd"][0].decode("utf-16-le").strip('"').encode(),)
            plain["pwdLastSet"] = ("134399239756155936",)
        thing = self._put(dn, plain)
        thing.members = [self.at(member) for member in members]
        if thing.is_a("user"):
            for name, value in (("pwdLastSet", "0"), ("primaryGroupID", "513"), ("accountExpires", "0")):
                thing.attributes.setdefault(name.lower(), [value.encode()])
            self._check_account(thing)

    def _put(self, dn: str, values: Mapping[str, tuple[Any, ...]], sid: bytes | None = None) -> Thing:
        attributes = {
            name.lower(): [value if isinstance(value, bytes) else value.encode() for value in listed]
            for name, listed in values.items()
        }
        if "samaccountname" in attributes or sid:
            attributes["objectsid"] = [sid or packed_sid(*DOMAIN_SID, next(self._rids))]
        thing = Thing(dn, attributes)
        self.things[normalise_dn(dn)] = thing
        return thing

    def _modify(self, thing: Thing, values: Mapping[str, tuple[Any, ...]], change: Change) -> None:
        kind = thing.text("groupType")
        for name, listed in values.items():
            if name == "primaryGroupID":
                self._change_primary_group(thing, int(listed[0]))
            elif name == "groupType" and (kind, listed[0]) == ("-2147483644", "-2147483646"):
                raise DirectoryError("a domain local group cannot become a global one")
            elif name == "unicodePwd":
                thing.attributes["password"] = [listed[0].decode("utf-16-le").strip('"').encode()]
                thing.attributes["pwdlastset"] = [b"134399239756155936"]
            else:
                thing.attributes[name.lower()] = [
                    value if isinstance(value, bytes) else value.encode() for value in listed
                ]
        gone = [self.things.get(normalise_dn(dn)) for dn in change.remove_members]
        thing.members = [member for member in thing.members if member not in gone]
        for dn in change.add_members:
            member = self.at(dn)
            if int(member.text("primaryGroupID") or 0) == thing.rid:
                raise DirectoryError(f"{dn} is a member already, by its primary group")
            if member not in thing.members:
                thing.members.append(member)
        if thing.is_a("user"):
            self._check_account(thing)

    def _change_primary_group(self, thing: Thing, rid: int) -> None:
        for other in self.things.values():
            if other.is_a("group") and other.rid == int(thing.text("primaryGroupID")):
                other.members.append(thing)
            elif other.is_a("group") and other.rid == rid:
                assert thing in other.members
                other.members.remove(thing)
        thing.attributes["primarygroupid"] = [str(rid).encode()]

    def make_primary(self, account: str, group: str) -> None:
        if int(self.named(account).text("primaryGroupID")) == self.named(group).rid:
            return
        if self.named(account) not in self.named(group).members:
            self.named(group).members.append(self.named(account))
        self._change_primary_group(self.named(account), self.named(group).rid)

    def _check_account(self, thing: Thing) -> None:
        control = int(thing.text("userAccountControl"))
        if not control & 2 and not control & 0x20 and thing.text("pwdLastSet") == "0" and not thing.is_a("computer"):
            raise DirectoryError(f"{thing.dn} cannot be enabled without a password")

    def _answer(self, thing: Thing, attributes: Sequence[str]) -> dict[str, list[bytes]]:
        answer: dict[str, list[bytes]] = {}
        for wanted in attributes:
            name, _semicolon, option = wanted.partition(";")
            values = thing.attributes.get(name.lower(), [])
            if name.lower() == "member":
                values = [member.dn.encode() for member in thing.members]
            first = int(option.removeprefix("range=").partition("-")[0]) if option else 0
            if not values:
                continue
            if option or len(values) > self.values:
                last = first + self.values - 1
                end = "*" if last >= len(values) - 1 else str(last)
                answer[name] = []
                answer[f"{name};range={first}-{end}"] = values[first : last + 1]
            else:
                answer[name] = list(values)
        return answer


def matches(thing: Thing, text: str) -> bool:
    terms = re.findall(r"\((\w+)=([^()]*)\)", text)
    assert terms, text
    return any(matches_term(thing, name, value) for name, value in terms)


def matches_term(thing: Thing, name: str, value: str) -> bool:
    plain = re.sub(r"\\([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), value).casefold()
    values = [other.decode("utf-8", "replace").casefold() for other in thing.attributes.get(name.lower(), [])]
    return bool(values) if value == "*" else plain in values


def user_dn(name: str) -> str:
    return f"CN={name},OU=Accounts,OU=FTPS,OU=Exchange,{DOMAIN}"


def group_dn(name: str) -> str:
    return f"CN={name},OU=Groups,OU=FTPS,OU=Exchange,{DOMAIN}"


MANAGED_OU = f"OU=FTPS,OU=Exchange,{DOMAIN}"
CONNECTION = {
    "server_uri": "ldaps://dc1.corp.example",
    "bind_dn": "svc@corp.example",
    "bind_password": "bind-s3cret",
    "ca_cert": "-----BEGIN CERTIFICATE-----",
    "managed_ou": MANAGED_OU,
}
"""The arguments that all modules of the directory have."""


def declaration(accounts: Mapping[str, str], groups: Mapping[str, Sequence[str]], **options: Any) -> dict[str, Any]:
    """The directory as the filter exchange_directory gives it. ``accounts``: name -> customer."""
    disabled = options.get("disabled", ())
    return {
        "ous": [
            {"dn": MANAGED_OU, "name": split_dn(MANAGED_OU)[0][3:]},
            {"dn": f"OU=Accounts,{MANAGED_OU}", "name": "Accounts"},
            {"dn": f"OU=Groups,{MANAGED_OU}", "name": "Groups"},
        ],
        "groups": [
            {"name": name, "dn": group_dn(name), "description": f"About {name}", "members": list(members)}
            for name, members in groups.items()
        ],
        "users": [
            {
                "name": name,
                "dn": user_dn(name),
                "customer": customer,
                "display_name": f"{name} ({customer})",
                "upn": f"{name}@corp.example",
                "enabled": name not in disabled,
                "account_expires": options.get("expires", {}).get(name, 0),
            }
            for name, customer in accounts.items()
        ],
        "known_customers": sorted({*accounts.values(), *options.get("also_known", ())}),
    }
