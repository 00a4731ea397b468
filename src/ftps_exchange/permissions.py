"""Who may do what, where: worked out from the access control lists themselves, never written down by hand.

The places and accounts are stand-ins that go the whole way: a model, its groups, its folders, the lists that new files
inherit. ``python -m ftps_exchange.permissions`` prints docs/permissions.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from itertools import groupby
from typing import Final, Literal, TypedDict, cast

from .accesscheck import VERBS, Folder, Secured, Token, Verb, nt_permits, posix_permits
from .directory import exchange_directory, exchange_group_names
from .folders import PREDICTED_DOMAIN_SID, exchange_folders, exchange_predicted_sids
from .model.names import SHARED
from .model.view import Access, Account, Customer, Directory, Exchange, Grant, Model, Share, read_model
from .sddl import ADMINISTRATORS_SID, FILL, FULL, MODIFY, READ, TRAVERSE, Right, parse

type AccountKind = Literal["home_writer", "home_reader", "other_customer", "other_domain_user"]

EVERYBODY: Final = ("S-1-1-0", "S-1-5-11", "S-1-5-32-545", f"{PREDICTED_DOMAIN_SID}-513")
"""Everyone, Authenticated Users, Users, Domain Users: every account of the domain has them."""

ACCOUNTS: Final[Mapping[AccountKind, str]] = {
    "home_writer": "an account of the customer with access: write",
    "home_reader": "an account of the customer with access: read",
    "other_customer": "an account of another customer",
    "other_domain_user": "any other account of the domain",
}
"""Kinds of account. The other customer has nothing in common with the customer: no share, and neither of the homes."""

PLACES: Final[Mapping[str, str]] = {
    "root": "root of the exchange",
    "homes": "`homes`, above all homes",
    "own_home": "the customer's home, seen as `/`",
    "own_home_shared": f"`/{SHARED}` in it",
    "made_by_colleague": "a folder in the home that a colleague made",
    "made_by_itself": "a folder in the home that the account made, while it could",
    "other_home": "some other customer's home",
    "other_home_content": "a folder in some other customer's home",
    "shares": "`shares`, above all shares",
    "share_read": "a share that the customer was granted for reading",
    "share_write": "a share that the customer was granted for writing",
    "share_write_content": "a folder in it that some other customer made",
    "share_none": "a share that the customer was not granted",
}
"""Kinds of place, all from the point of view of the same customer."""

HEADINGS: Final[Mapping[Verb, str]] = {
    "enter": "enter",
    "list": "list",
    "read": "read files",
    "write": "change files",
    "create": "create",
    "delete": "delete in it",
    "move_folder": "delete or rename the folder itself",
    "change_permissions": "change permissions",
}


class PermissionRow(TypedDict):
    """What one kind of account may do in one kind of place."""

    place: str
    account: str
    enter: bool
    list: bool
    read: bool
    write: bool
    create: bool
    delete: bool
    move_folder: bool
    change_permissions: bool


def permission_matrix(model: object) -> list[PermissionRow]:
    """Checked model -> what each kind of account may do in each kind of place, as Windows would answer.

    The exchange of the model is taken, and stand-ins for its customers: all customers of one kind get the same entries,
    so a table of thousands would say no more.
    """
    evaluation = Evaluation(_stand_in_model(read_model(model).exchange))
    return [
        cast(
            "PermissionRow",
            {"place": place, "account": account, **{verb: nt_permits(token, folder, verb) for verb in VERBS}},
        )
        for place, account, token, folder in _cases(evaluation)
    ]


def differences(model: object) -> list[tuple[str, AccountKind, Verb]]:
    """Where POSIX permits what NT does not, or the reverse: (place, kind of account, verb)."""
    return [
        (place, account, verb)
        for place, account, token, folder in _cases(Evaluation(model))
        for verb in VERBS
        if nt_permits(token, folder, verb) != posix_permits(token, folder, verb)
    ]


class Evaluation:
    """The accounts and folders of a model, ready to be asked who may do what."""

    def __init__(self, model: object) -> None:
        directory = exchange_directory(model)
        sids = exchange_predicted_sids(exchange_group_names(model))
        user_sids = {
            user["name"]: f"{PREDICTED_DOMAIN_SID}-{number}" for number, user in enumerate(directory["users"], 1000)
        }
        groups_of: dict[str, set[str]] = {name: set() for name in user_sids}
        for group in directory["groups"]:
            for member in group["members"]:
                groups_of[member].add(sids[group["name"]])
        self._tokens = {
            name: Token(sid, frozenset({sid, *EVERYBODY, *groups_of[name]})) for name, sid in user_sids.items()
        }
        self._folders = {
            folder["path"]: Secured(ADMINISTRATORS_SID, parse(folder["sddl"]))
            for folder in exchange_folders(model, sids)
        }

    @property
    def paths(self) -> list[str]:
        """All folders, parents first."""
        return list(self._folders)

    @property
    def outsider(self) -> Token:
        """An account of the domain that the exchange knows nothing of."""
        sid = f"{PREDICTED_DOMAIN_SID}-999"
        return Token(sid, frozenset({sid, *EVERYBODY}))

    def token(self, account: str) -> Token:
        """An account with everything it is a member of."""
        return self._tokens[account]

    def folder(self, path: str, made_by: str = ADMINISTRATORS_SID) -> Folder:
        """A folder of the model, with content that the owner of a SID made."""
        parts = path.split("/") if path else []
        parents = tuple(self._folders["/".join(parts[:depth])] for depth in range(len(parts)))
        return Folder(self._folders[path], parents, made_by)


# -- stand-ins for every kind of account and place ---------------------------------------------------------------------


def _stand_in_model(exchange: Exchange) -> Model:
    def customer(name: str, accounts: dict[str, Access], shares: dict[str, Access]) -> Customer:
        return Customer(
            name,
            accounts=tuple(Account(account, access, None, True) for account, access in sorted(accounts.items())),
            shares=tuple(Grant(share, access) for share, access in sorted(shares.items())),
        )

    return Model(
        dataclasses.replace(exchange, shares=(Share("of-others"), Share("to-read"), Share("to-write"))),
        (
            customer(
                "first",
                {"first-writer": "write", "first-colleague": "write", "first-reader": "read"},
                {"to-read": "read", "to-write": "write"},
            ),
            customer(
                "second", {"second-writer": "write"}, {"to-read": "write", "to-write": "write", "of-others": "write"}
            ),
            customer("third", {"third-writer": "write"}, {}),
        ),
    )


EXAMPLE: Final = _stand_in_model(
    Exchange(
        name="example",
        fqdn="ftps.example",
        public_ip4=IPv4Address("198.51.100.10"),
        public_ip6=None,
        public_address_use="shared",
        explicit_port=21,
        implicit_port=None,
        passive_ports=(50000, 50099),
        max_sessions=50,
        max_sessions_per_account=8,
        tls_minimum_version="1.2",
        tls_maximum_version="1.2",
        tls_session_tickets=False,
        directory=Directory("corp.example", "CORP", "OU=FTPS Exchange,DC=corp,DC=example", "ftpsx-", "disable", 365),
        root="/srv/ftps-exchange",
        shares=(),
        removal_limit_percent=50,
    )
)


def _cases(evaluation: Evaluation) -> Iterator[tuple[str, AccountKind, Token, Folder]]:
    """Every kind of place with every kind of account that it makes sense for."""
    tokens: dict[AccountKind, Token] = {
        "home_writer": evaluation.token("first-writer"),
        "home_reader": evaluation.token("first-reader"),
        "other_customer": evaluation.token("third-writer"),
        "other_domain_user": evaluation.outsider,
    }
    colleague = evaluation.token("first-colleague").user
    second = evaluation.token("second-writer").user
    home = evaluation.folder("homes/first", made_by=colleague)
    other_home = evaluation.folder("homes/second", made_by=second)
    share_write = evaluation.folder("shares/to-write", made_by=second)
    folders = {
        "root": evaluation.folder(""),
        "homes": evaluation.folder("homes"),
        "own_home": home,
        "own_home_shared": evaluation.folder(f"homes/first/{SHARED}"),
        "made_by_colleague": home.subfolder,
        "other_home": other_home,
        "other_home_content": other_home.subfolder,
        "shares": evaluation.folder("shares"),
        "share_read": evaluation.folder("shares/to-read", made_by=second),
        "share_write": share_write,
        "share_write_content": share_write.subfolder,
        "share_none": evaluation.folder("shares/of-others", made_by=second),
    }
    for place in PLACES:
        for account, token in tokens.items():
            if place != "made_by_itself":
                yield place, account, token, folders[place]
            elif account in ("home_writer", "home_reader"):
                yield place, account, token, evaluation.folder("homes/first", made_by=token.user).subfolder


# -- the page ----------------------------------------------------------------------------------------------------------

_PAGE: Final = """\
<!-- Written by `python -m ftps_exchange.permissions`. Permissions are changed in src/ftps_exchange/folders.py. -->

# Who may do what, where

Permissions stand in one place, the access control list of each folder (`src/ftps_exchange/folders.py`); the FTPS server
grants nothing of its own. These tables are the answers of the access check (MS-DTYP 2.5.3.2) to those lists and to what
new files inherit from them. A test fails when they no longer match.

"Change files" is about files that are there already, whoever uploaded them. An account with `access: read` reads in
shares too, regardless of its customer's rights. A suspended customer keeps its permissions, but its accounts cannot log
in.

{tables}
## On top of that, the FTPS server

- shows an account its customer's home as `/`, and in `/shared` the shares that it was granted: the other places of
  these tables have no name in a session at all;
- refuses `SITE CHMOD` and every other way to change permissions, to the owner of a file too, whom both platforms would
  let do it;
- logs in nobody who is in none of the exchange's groups.

## The same on Linux

There the kernel enforces the POSIX access entries that Samba derives from the same lists. They give the same answers
but for these, which the FTPS server's session settles:

{differences}

## The entries

{masks}
"""

_SETTLED: Final[Mapping[tuple[str, AccountKind], str]] = {
    ("own_home_shared", "home_writer"): (
        "whoever may write in the home may remove or rename what is in it, so `/shared` too. In a session it is a "
        "mount point, which the kernel refuses to remove or rename."
    ),
    ("made_by_itself", "home_reader"): (
        "the owner of a file is judged by the owner's entry, not by the group's. The session of an account that reads "
        "has the home mounted read-only."
    ),
}
"""Every difference needs its reason: one without it fails the making of the page."""

_MASKS: Final[Mapping[Right, str]] = {
    TRAVERSE: "all customers, on the root, `homes` and `shares`",
    READ: "readers of a home or share, on all of it; both groups of a home, on its `shared`",
    FILL: "writers, on the home or share itself",
    MODIFY: "writers, on everything in it",
    FULL: "SYSTEM and Administrators on Windows, everywhere",
}


def markdown() -> str:
    """docs/permissions.md."""
    rows = permission_matrix(EXAMPLE)
    return _PAGE.format(
        tables="\n".join(_table(account, rows) for account in ACCOUNTS),
        differences="\n".join(_differences()),
        masks="\n".join(_masks()),
    )


def _table(account: AccountKind, rows: Iterable[PermissionRow]) -> str:
    lines = [
        f"## {ACCOUNTS[account][0].upper()}{ACCOUNTS[account][1:]}",
        "",
        f"| where | {' | '.join(HEADINGS.values())} |",
        f"|---|{':-:|' * len(HEADINGS)}",
    ]
    for row in rows:
        if row["account"] == account:
            lines.append(f"| {PLACES[row['place']]} | {' | '.join('yes' if row[verb] else '-' for verb in HEADINGS)} |")
    return "\n".join([*lines, ""])


def _differences() -> Iterator[str]:
    for (place, account), found in groupby(differences(EXAMPLE), key=lambda difference: difference[:2]):
        verbs = ", ".join(HEADINGS[verb] for _place, _account, verb in found)
        yield f"- {PLACES[place]}, {ACCOUNTS[account]}, *{verbs}*: {_SETTLED[place, account]}"


def _masks() -> Iterator[str]:
    yield from ("| mask | given to |", "|---|---|")
    for mask, given_to in _MASKS.items():
        yield f"| `0x{mask:x}` | {given_to} |"
    yield from ("", f"| right | {' | '.join(f'`0x{mask:x}`' for mask in _MASKS)} |", f"|---|{':-:|' * len(_MASKS)}")
    names: dict[Right, list[str]] = {}
    for name, right in Right.__members__.items():
        names.setdefault(right, []).append(name)
    for right, synonyms in sorted(names.items()):
        given = " | ".join("yes" if right in mask else "-" for mask in _MASKS)
        yield f"| `0x{right:06x}` {' = '.join(synonyms)} | {given} |"


if __name__ == "__main__":
    print(markdown(), end="")
