"""The lock of an exchange: one object in its OU, which says who changes the exchange at the moment.

The object is created once, by an LDAP add, and stays. Each step after that replaces its value only if the value is
still the one that was read: the directory compares and sets in one request, so only one of two runs succeeds.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change, DirectoryError

LOCK_NAME: Final = "ftps-exchange lock"
ATTRIBUTE: Final = "description"
LONGEST: Final = 1024
"""``rangeUpper`` of Description in the schema of Active Directory."""
MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


def lock_dn(managed_ou: str) -> str:
    """Where the lock of an exchange is."""
    return f"CN={LOCK_NAME},{managed_ou}"


def is_lock(dn: str, managed_ou: str) -> bool:
    """Whether an object of the managed OU is its lock."""
    return normalise_dn(dn) == normalise_dn(lock_dn(managed_ou))


@dataclass(frozen=True)
class Holder:
    """A run: by whom, on which node, and which process there."""

    by: str
    playbook: str
    node: str
    """The boot and the process namespace that ``process`` belongs to."""
    process: str


@dataclass(frozen=True)
class Lock:
    """What the object says. ``since`` and ``until`` are moments of the controller's clock."""

    by: str
    playbook: str
    node: str
    process: str
    since: str
    until: str
    released: bool = False

    def text(self) -> str:
        text = json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=True)
        if len(text) > LONGEST:
            raise DirectoryError(f"The lock would have {len(text)} characters, at most {LONGEST} fit: {text[:200]}…")
        return text

    def described(self) -> str:
        """Who holds it, for messages."""
        return f"{self.by} runs {self.playbook} since {self.since}"

    def is_of(self, holder: Holder) -> bool:
        return (self.node, self.process) == (holder.node, holder.process)


def read_lock(text: str | None) -> Lock | None:
    """The lock in an object's value; None if there is no object yet. A value that nobody can read holds for ever."""
    if text is None:
        return None
    try:
        found = json.loads(text)
        lock = Lock(
            **{name: str(found[name]) for name in ("by", "playbook", "node", "process", "since", "until")},
            released=found["released"] is True,
        )
        _moment(lock.until)
    except (ValueError, KeyError, TypeError) as error:
        raise DirectoryError(
            f"The lock of the exchange, {ATTRIBUTE} of CN={LOCK_NAME}, is not readable ({type(error).__name__}). "
            "Somebody changed it by hand. If no run is under way, delete the object."
        ) from error
    return lock


def _moment(text: str) -> datetime:
    return datetime.strptime(text + "+0000", MOMENT + "%z")


@dataclass(frozen=True)
class Decision:
    """What a run does about the lock."""

    state: Literal["free", "mine", "expired", "dead", "held"]
    lock: Lock | None
    """Who has it, or had it."""

    @property
    def may_take(self) -> bool:
        return self.state != "held"


def decide(lock: Lock | None, holder: Holder, alive: Collection[str], now: datetime) -> Decision:
    """Whether ``holder`` may take the lock. ``alive`` are the processes of the holder's node."""
    if lock is None or lock.released:
        return Decision("free", lock)
    if lock.is_of(holder):
        return Decision("mine", lock)
    if _moment(lock.until) <= now:
        return Decision("expired", lock)
    if lock.node == holder.node and lock.process not in alive:
        return Decision("dead", lock)
    return Decision("held", lock)


def taken(holder: Holder, now: datetime, minutes: int, before: Lock | None) -> Lock:
    """The lock in the hands of a run; it keeps its first moment where it is taken again."""
    since = before.since if before and not before.released and before.is_of(holder) else now.strftime(MOMENT)
    until = (now + timedelta(minutes=minutes)).strftime(MOMENT)
    return Lock(holder.by, holder.playbook, holder.node, holder.process, since, until)


def released(lock: Lock, now: datetime) -> Lock:
    """The lock when nobody has it any more; the object keeps who had it."""
    return replace(lock, until=now.strftime(MOMENT), released=True)


def lock_change(managed_ou: str, before: str | None, lock: Lock) -> Change:
    """The request that succeeds only if the object still has the value ``before`` (None: does not exist)."""
    dn = lock_dn(managed_ou)
    if before is None:
        values = (("objectClass", ("top", "container")), (ATTRIBUTE, (lock.text(),)))
        return Change(0, "add", dn, "the lock", values=values)
    expected = ((ATTRIBUTE, (before,)),)
    return Change(0, "modify", dn, "the lock", values=((ATTRIBUTE, (lock.text(),)),), expected=expected)


def refusal(lock: Lock) -> str:
    """Why a run stops, and what to do."""
    return (
        f"Another run changes this exchange: {lock.described()}. Nothing was changed. Wait until it has ended. If it "
        f"was killed, or its control node is gone, make sure that it no longer runs, then run playbooks/unlock.yml "
        f"(make unlock). Without that, the lock ends at {lock.until}."
    )
