"""Model and status -> notices: the only place that decides what somebody should know.

A notice holds until its reason is gone. Whether it has been sent already is another question (``memory``).
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from ftps_exchange.model.view import Customer, Model
from ftps_exchange.status.rows import AccountRow, CustomerRow, Status

type Kind = Literal["certificate", "account", "password", "quota", "idle", "pack", "knocking"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind.__value__)
FOR_CUSTOMERS: Final[tuple[Kind, ...]] = ("account", "password", "quota", "idle")
"""What concerns customers too. The others are the operators' own work."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something is a notice. Lists are stages: each is sent once."""

    certificate_days: Sequence[int] = (30, 14, 7, 1)
    account_days: Sequence[int] = (30, 7, 1)
    password_days: Sequence[int] = (30, 7)
    quota_percent: Sequence[int] = (80, 95)
    idle_days: int = 30
    """Days without a transfer; 0: never a notice."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that somebody should know.

    ``variant`` chooses the text of the kind, ``values`` fill it. ``stage`` is the part of the identity that changes
    when it should be sent again.
    """

    kind: Kind
    variant: str
    about: str
    """The account, server, folder or customer."""
    customer: str | None = None
    stage: str = ""
    repeats: bool = False
    """Whether it is sent again after a while, because no later stage follows."""
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same notice in every run."""
        return " ".join((self.kind, self.variant, self.customer or "-", self.about, self.stage)).rstrip()


def notices(
    model: Model,
    status: Status,
    thresholds: Thresholds,
    *,
    outdated_packs: Collection[str] = (),
) -> list[Notice]:
    """Everything that holds now: first of the servers, then by customer."""
    now = datetime.datetime.fromisoformat(status["made"])
    homes = {_folder(quota): quota for quota in status["quotas"] if quota["kind"] == "home"}
    return [
        *_certificates(status, thresholds, now),
        *_shares(status, thresholds),
        *(
            notice
            for customer, row in zip(model.customers, status["customers"], strict=True)
            for notice in _of_customer(
                model,
                status,
                customer,
                row,
                thresholds,
                now,
                home=homes.get(customer.name),
                pack_outdated=customer.name in outdated_packs,
            )
        ),
    ]


def stage_of(left: int, days: Sequence[int]) -> int | None:
    """The smallest threshold that is reached: 30, then 7, then 1. None while there is more time."""
    return min((day for day in days if left <= day), default=None)


def _certificates(status: Status, thresholds: Thresholds, now: datetime.datetime) -> Iterator[Notice]:
    for server in status["servers"]:
        if not server["certificate_ends"]:
            continue
        ends = datetime.datetime.fromisoformat(str(server["certificate_ends"]))
        left = (ends - now).days
        stage = stage_of(left, thresholds.certificate_days)
        values = {"server": server["name"], "date": ends.date().isoformat(), "days": left}
        if ends <= now:
            yield Notice("certificate", "ended", server["name"], repeats=True, values=values)
        elif stage is not None:
            yield Notice("certificate", "ends", server["name"], stage=f"{values['date']} {stage}", values=values)


def _shares(status: Status, thresholds: Thresholds) -> Iterator[Notice]:
    for quota in status["quotas"]:
        if quota["kind"] == "share":
            yield from _quota(quota, None, thresholds)


def _of_customer(
    model: Model,
    status: Status,
    customer: Customer,
    row: CustomerRow,
    thresholds: Thresholds,
    now: datetime.datetime,
    *,
    home: Mapping[str, Any] | None,
    pack_outdated: bool,
) -> Iterator[Notice]:
    name = customer.name
    if row["knocks"] and customer.state == "suspended":
        yield Notice("knocking", "suspended", name, name, repeats=True, values={"packets": row["knocks"]})
    if customer.state != "present":
        return
    for account in row["accounts"]:
        yield from _account(name, account, thresholds)
        yield from _password(name, account, thresholds, model.exchange.directory.password_max_age_days, now.date())
    if home is not None:
        yield from _quota(home, name, thresholds)
    if not customer.admitted:
        return
    yield from _idle(status, row, thresholds, now)
    if pack_outdated and row["pack_date"]:
        yield Notice("pack", "outdated", name, name, repeats=True, values={"date": row["pack_date"]})
    elif pack_outdated:
        yield Notice("pack", "missing", name, name, repeats=True)


def _account(customer: str, account: AccountRow, thresholds: Thresholds) -> Iterator[Notice]:
    left, expires = account["days_left"], account["expires"]
    if left is None or expires is None:
        return
    values: dict[str, str | int] = {"account": account["name"], "date": expires, "days": left}
    if left < 0:
        # What ended long ago is no news
        if -left <= max(thresholds.account_days, default=0):
            yield Notice("account", "ended", account["name"], customer, expires, values=values)
        return
    stage = stage_of(left, thresholds.account_days)
    if stage is not None:
        yield Notice("account", "ends", account["name"], customer, f"{expires} {stage}", values=values)


def _password(
    customer: str, account: AccountRow, thresholds: Thresholds, longest: int, today: datetime.date
) -> Iterator[Notice]:
    age = account["password_age_days"]
    if age is None or not account["enabled"]:
        return
    left = longest - age
    date = (today + datetime.timedelta(days=left)).isoformat()
    values: dict[str, str | int] = {"account": account["name"], "date": date, "days": left}
    stage = stage_of(left, thresholds.password_days)
    if left < 0:
        yield Notice("password", "overdue", account["name"], customer, repeats=True, values=values)
    elif stage is not None:
        # The age is in whole days, so the date may differ by one between two runs
        yield Notice("password", "due", account["name"], customer, str(stage), values=values)


def _folder(quota: Mapping[str, Any]) -> str:
    return str(quota["folder"]).rstrip("/").rpartition("/")[2]


def _quota(quota: Mapping[str, Any], customer: str | None, thresholds: Thresholds) -> Iterator[Notice]:
    for unit in ("bytes", "files"):
        used, limit = quota.get(f"{unit}_used"), quota.get(f"{unit}_limit")
        if not limit or used is None:
            continue
        percent = int(used) * 100 // int(limit)
        stage = max((one for one in thresholds.quota_percent if percent >= one), default=None)
        if stage is not None:
            yield Notice(
                "quota",
                unit,
                f"{quota['kind']} {_folder(quota)}",
                customer,
                str(stage),
                repeats=True,
                values={"folder": _folder(quota), "percent": percent, "used": int(used), "limit": int(limit)},
            )


def _idle(status: Status, row: CustomerRow, thresholds: Thresholds, now: datetime.datetime) -> Iterator[Notice]:
    # A server that did not answer may have the transfers
    if not thresholds.idle_days or status["missing"]:
        return
    since = now - datetime.timedelta(days=thresholds.idle_days)
    last = row["last_transfer"]
    values: dict[str, str | int] = {"days": thresholds.idle_days}
    if last is not None:
        moment = datetime.datetime.fromisoformat(last)
        if moment < since:
            date = moment.date().isoformat()
            yield Notice("idle", "since", row["name"], row["name"], date, values={**values, "date": date})
    elif status["log_reached"] is not None and datetime.datetime.fromisoformat(status["log_reached"]) <= since:
        yield Notice("idle", "nothing", row["name"], row["name"], values=values)
