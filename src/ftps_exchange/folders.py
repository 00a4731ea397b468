"""Checked model -> every folder with its whole access control list, parents first.

======================  ======================================================================================
``""``, ``homes``,      every customer walks through and sees nothing
``shares``
``homes/<c>``           its writers fill it (and modify what is in it) but can neither delete nor rename it; its
                        readers read
``homes/<c>/shared``    its readers and writers look into it; nobody but the administration puts anything there:
                        this is where the shares appear
``shares/<s>``          like a home, for the share's own groups
======================  ======================================================================================

Each list is protected: nothing comes down from above, so a folder's permissions can be read off its own line. Suspended
customers keep their folders. Folders of absent customers are not listed: they are reported and stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypedDict, get_args

from .directory import customers_group, home_group, share_group
from .errors import ExchangeError
from .model.names import SHARED
from .model.view import Access, Model, read_model
from .sddl import ADMINISTRATORS_SID, FILL, FULL, MODIFY, READ, SYSTEM_SID, TRAVERSE, Ace, Dacl, allow, is_sid

type Platform = Literal["posix", "windows"]

INHERIT: Final = "OICI"
"""For this folder and everything below it."""

BELOW: Final = "OICIIO"
"""For everything below this folder, and not for the folder."""

PREDICTED_DOMAIN_SID: Final = "S-1-5-21-1111111111-2222222222-3333333333"
"""The domain of SIDs that nobody issued. It is easy on the eye in a diff, and no real domain is likely to have it."""

_PREDICTED_RIDS: Final = range(1_000_000_000, 2_000_000_000)


class Folder(TypedDict):
    """A folder: its path below the exchange's root (``""`` is that root), its list as SDDL, and what it is for."""

    path: str
    sddl: str
    purpose: str


def exchange_folders(model: object, sids: object, platform: str = "posix") -> list[Folder]:
    """Checked model and the groups' SIDs -> the folders, parents first.

    ``windows`` begins every list with full control for SYSTEM and Administrators. ``posix`` has no such entries: root
    needs none, and each would become an access entry for an id that may mean something else on the next node.
    """
    checked = read_model(model)
    if platform not in get_args(Platform.__value__):
        raise ExchangeError("is not a platform", field="platform", value=platform, remedy="Write posix or windows")
    groups = _Groups(checked, sids)
    own: tuple[Ace, ...] = ()
    if platform == "windows":
        own = (allow(SYSTEM_SID, FULL, INHERIT), allow(ADMINISTRATORS_SID, FULL, INHERIT))
    return [
        {"path": path, "sddl": Dacl((*own, *aces)).sddl, "purpose": purpose}
        for path, aces, purpose in _folders(checked, groups)
    ]


def exchange_predicted_sids(group_names: object) -> dict[str, str]:
    """Group names -> made-up, well-formed SIDs, for check mode and previews before the directory step made the groups.

    A name's SID does not depend on the other names (but for a clash of hashes, which moves one of the two), so a
    preview shows the same text tomorrow.
    """
    if isinstance(group_names, str) or not isinstance(group_names, Iterable):
        raise ExchangeError(
            "is not a list of group names",
            field="groups",
            value=group_names,
            remedy="Write exchange_model | exchange_group_names | exchange_predicted_sids",
        )
    sids: dict[str, str] = {}
    taken: set[int] = set()
    for name in sorted({str(name) for name in group_names}):
        rid = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % len(_PREDICTED_RIDS)
        while rid in taken:
            rid = (rid + 1) % len(_PREDICTED_RIDS)
        taken.add(rid)
        sids[name] = f"{PREDICTED_DOMAIN_SID}-{_PREDICTED_RIDS[rid]}"
    return sids


class _Groups:
    """The SIDs of the exchange's groups, asked for by what the group is for."""

    def __init__(self, model: Model, sids: object) -> None:
        if not isinstance(sids, Mapping):
            raise ExchangeError(
                "is not a dictionary of group name to SID", field="sids", value=sids, remedy=_WHERE_SIDS_COME_FROM
            )
        self._model = model
        self._sids = sids

    def customers(self) -> str:
        return self._sid(customers_group(self._model))

    def home(self, customer: str, access: Access) -> str:
        return self._sid(home_group(self._model, customer, access), customer)

    def share(self, share: str, access: Access) -> str:
        return self._sid(share_group(self._model, share, access))

    def _sid(self, group: str, customer: str | None = None) -> str:
        if group not in self._sids:
            raise ExchangeError(
                f"group {group} has no SID", customer=customer, field="sids", remedy=_WHERE_SIDS_COME_FROM
            )
        sid = self._sids[group]
        if not isinstance(sid, str) or not is_sid(sid):
            raise ExchangeError(
                f"is not a SID of group {group}",
                customer=customer,
                field=f"sids.{group}",
                value=sid,
                remedy=_WHERE_SIDS_COME_FROM,
            )
        return str(sid)


_WHERE_SIDS_COME_FROM: Final = (
    "The directory step makes the groups and returns their SIDs: run playbooks/directory.yml first (site.yml does); "
    "for a preview pass exchange_model | exchange_group_names | exchange_predicted_sids"
)


def _folders(model: Model, groups: _Groups) -> Iterator[tuple[str, tuple[Ace, ...], str]]:
    walk_through = (allow(groups.customers(), TRAVERSE),)
    yield "", walk_through, "root of the exchange"
    yield "homes", walk_through, "the customers' homes"
    for customer in model.kept:
        readers, writers = groups.home(customer.name, "read"), groups.home(customer.name, "write")
        yield f"homes/{customer.name}", _filled_by(writers, readers), f"home of {customer.name}"
        yield (
            f"homes/{customer.name}/{SHARED}",
            (allow(writers, READ), allow(readers, READ)),
            f"where {customer.name} finds its shares",
        )
    yield "shares", walk_through, "the shares"
    for share in model.exchange.shares:
        yield (
            f"shares/{share.name}",
            _filled_by(groups.share(share.name, "write"), groups.share(share.name, "read")),
            f"share {share.name}",
        )


def _filled_by(writers: str, readers: str) -> tuple[Ace, ...]:
    """A folder that its writers fill but cannot take away: their right to delete begins below it."""
    return (allow(writers, FILL), allow(writers, MODIFY, BELOW), allow(readers, READ, INHERIT))
