"""The packs of an inventory, all in one go: the checked model in, folders and a summary out."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import FAMILIES, Contact, Customer, Model, read_model

from .build import Choice, build_pack, digest, program
from .changes import newest_with_a_day
from .formats import GONE, REGISTRY
from .service import PackService, families, pack_service
from .store import (
    OtherPackError,
    Result,
    folders,
    inspect,
    read_marker,
    read_texts,
    remove_pack,
    remove_unfinished,
    write_pack,
)
from .subject import Authorities, Offer, Subject, offer_of, read_authorities
from .updates import wants_update
from .workers import outcomes

RULE_FORMATS: Final[tuple[str, ...]] = tuple(REGISTRY)
_WORTH_A_PROCESS: Final = 100
"""Fewer packs than this are made sooner by one process."""
MOST_DIFFS: Final = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run, besides the model."""

    directory: str
    customer: str | None = None
    """Only this one."""
    formats: tuple[str, ...] = ()
    provider_formats: tuple[str, ...] = ()
    ca_file: str | None = None
    servers: tuple[str, ...] = ()
    contact: Contact = dataclasses.field(default_factory=Contact)
    deadline: str | None = None
    when_removed: Literal["remove", "archive"] = "remove"
    removal_confirmed: bool = False
    today: datetime.date | None = None
    processes: int = 0
    """0: as many as there are processors."""
    check_mode: bool = False
    want_diff: bool = False


@dataclasses.dataclass
class Summary:
    """What a run did, or would do."""

    results: list[Result]
    kept: list[str]
    """Packs of customers who may not log in at present: left as they are."""
    unreadable: list[str] = dataclasses.field(default_factory=list)
    """Folders of customers who are gone, whose ``pack.json`` cannot be read: left as they are."""

    def names(self, action: str) -> list[str]:
        """The customers with whose packs this was done."""
        return [result.customer for result in self.results if result.action == action]

    @property
    def changed(self) -> bool:
        """Whether anything on disk did change."""
        return any(result.action != "unchanged" for result in self.results)


class PacksError(Exception):
    """Every pack that could not be made, each with its reason."""

    def __init__(self, problems: Sequence[str], summary: Summary) -> None:
        self.problems = list(problems)
        self.summary = summary
        super().__init__("\n".join(self.problems))


def make_packs(model: object, settings: Settings) -> Summary:
    """Make, change and remove packs until the folder says what the model says.

    Who is suspended, absent or expired gets no rules, so no pack.
    """
    model = read_model(model)
    service, admitted = pack_service(model.exchange, settings.servers), list(model.admitted)
    for customer in admitted:
        families(service, customer)
    states = {customer.name: customer.state for customer in model.customers}
    if settings.customer is not None:
        _check_known(settings.customer, states, settings.directory)
    _check_deadline(settings.deadline)
    choice = Choice(_formats("formats", settings.formats), _formats("provider_formats", settings.provider_formats))
    _check_translation(service, choice)
    offer = offer_of(model.exchange, _authorities(settings.ca_file), settings.contact)
    wanted = [one for one in admitted if settings.customer in (None, one.name)]
    present = {name for name, state in states.items() if state != "absent"}
    on_disk = folders(settings.directory)
    leaving = [name for name in on_disk if name not in present and settings.customer in (None, name)]
    markers, unreadable = _markers_of_leaving(settings.directory, service.name, leaving)
    if settings.customer is None:
        _check_removal(model, len(markers), len(on_disk), settings)
    if not settings.check_mode:
        os.makedirs(settings.directory, exist_ok=True)
        if settings.customer is None:
            remove_unfinished(settings.directory)

    job = _Job(service, offer, choice, settings)
    problems, results = [], []
    for outcome in _outcomes(job, wanted):
        if isinstance(outcome, str):
            problems.append(outcome)
        else:
            results.append(outcome)
    with_pack = {one.name for one in admitted}
    kept = [name for name in on_disk if name in present - with_pack and settings.customer in (None, name)]
    for name, marker in markers.items():
        try:
            results.append(
                remove_pack(
                    settings.directory,
                    name,
                    marker,
                    archive=settings.when_removed == "archive",
                    check_mode=settings.check_mode,
                    want_diff=settings.want_diff,
                )
            )
        except OSError as error:
            problems.append(f"customer {name}: pack: {error}. Look at the folder {settings.directory}.")
    _limit_diffs(results)
    summary = Summary(sorted(results, key=lambda result: result.customer), kept, unreadable)
    if problems:
        raise PacksError(problems, summary)
    return summary


def _check_known(name: str, states: Mapping[str, str], directory: str) -> None:
    if name not in states and name not in folders(directory):
        close = difflib.get_close_matches(name, states, 1)
        raise ExchangeError(
            "is not a customer of this inventory",
            field="customer",
            value=name,
            remedy=f"Give the name of a customer file without .yml{f': {close[0]}?' if close else ''}",
        )


def _check_deadline(deadline: str | None) -> None:
    if deadline is None:
        return
    try:
        if datetime.date.fromisoformat(deadline).isoformat() != deadline:
            raise ValueError
    except ValueError:
        raise ExchangeError(
            "is not a day", field="change_deadline", value=deadline, remedy="Write it as YYYY-MM-DD, in quotes"
        ) from None


def _check_translation(service: PackService, choice: Choice) -> None:
    """Foreign firewalls translate one address to one other, and never a port."""
    for family in FAMILIES:
        if choice.provider and service.inside(family) and len(service.publics(family)) > 1:
            raise ExchangeError(
                f"cannot be made while there is an also_public_ip{family}: the two addresses need two translations",
                field="provider_formats",
                value=", ".join(choice.provider),
                remedy="Leave them out until also_public_ip4 and also_public_ip6 are gone, and let the firewall team "
                "translate the former address as docs/changing-addresses.md says",
            )


def _formats(field: str, given: Iterable[str]) -> tuple[str, ...]:
    names = tuple(given)
    if "all" in names:
        return RULE_FORMATS
    for name in names:
        if name not in RULE_FORMATS:
            raise ExchangeError(
                "is not a format of rules",
                field=field,
                value=name,
                remedy=GONE.get(name) or f"Use all, or of {', '.join(RULE_FORMATS)}",
            )
    return tuple(sorted(set(names)))


def _authorities(ca_file: str | None) -> Authorities:
    if not ca_file:
        return Authorities()
    try:
        with open(ca_file, "rb") as file:
            pem = file.read()
    except OSError as error:
        raise ExchangeError(
            f"cannot be read ({error.strerror})",
            field="ca_file",
            value=ca_file,
            remedy="Give the certificate of the CA that customers trust (in the lab, make lab makes it), or "
            "leave it empty for a CA that every operating system trusts",
        ) from None
    return read_authorities(pem, ca_file)


def _markers_of_leaving(
    directory: str, exchange: str, names: Iterable[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Packs of this exchange whose customer is gone, and folders whose ``pack.json`` cannot be read.

    Other folders are none of our business.
    """
    found, unreadable = {}, []
    for name in names:
        try:
            marker = read_marker(os.path.join(directory, name), exchange, name)
        except OtherPackError:
            continue
        except ExchangeError:
            unreadable.append(name)
            continue
        if marker is not None:
            found[name] = marker
    return found, unreadable


def _check_removal(model: Model, leaving: int, there: int, settings: Settings) -> None:
    limit = model.exchange.removal_limit_percent
    if leaving * 100 > limit * there and not settings.removal_confirmed:
        raise ExchangeError(
            f"{leaving} of {there} packs would be taken away at once, more than {limit} %",
            field="removal_limit_percent",
            value=limit,
            remedy="Look whether the customer files are where they should be; if it is meant, confirm it "
            "(customer_packs_removal_confirmed=true)",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    """What is the same for all packs of a run."""

    service: PackService
    offer: Offer
    choice: Choice
    settings: Settings

    def one(self, customer: Customer, common: bytes) -> Result | str:
        """Bring one pack to what it should be; a text if that cannot be done."""
        return self._tried(self._make, customer, common)

    def current(self, customer: Customer, common: bytes) -> Result | str | None:
        """The pack as it is, if it was made from the same and nobody edited it; nothing is printed for that."""
        return self._tried(self._current, customer, common)

    def _tried[T](self, do: Callable[[Customer, bytes], T], customer: Customer, common: bytes) -> T | str:
        try:
            return do(customer, common)
        except ExchangeError as error:
            return str(error)
        except OSError as error:
            return f"customer {customer.name}: pack: {error}. Look at the folder {self.settings.directory}."

    def _current(self, customer: Customer, common: bytes) -> Result | None:
        folder = os.path.join(self.settings.directory, customer.name)
        marker = read_marker(folder, self.service.name, customer.name)
        if marker is None or marker["inputs"] != _inputs(customer, common) or self._other_day(marker):
            return None
        edited, foreign = inspect(folder, marker)
        return None if edited else Result(customer.name, "unchanged", marker["version"], foreign=foreign)

    def _make(self, customer: Customer, common: bytes) -> Result:
        settings = self.settings
        folder = os.path.join(settings.directory, customer.name)
        marker = read_marker(folder, self.service.name, customer.name)
        inputs = _inputs(customer, common)
        subject = Subject(self.service.met_by(customer), customer, self.offer)
        rules_before = {} if marker is None else read_texts(folder, marker, wants_update)
        today = settings.today or datetime.datetime.now(datetime.UTC).date()
        pack = build_pack(subject, self.choice, inputs, marker, settings.deadline, rules_before, today)
        day = settings.deadline
        if pack.new_change and day is not None and datetime.date.fromisoformat(day) < today:
            raise ExchangeError(
                "is past, and there is a new change to announce",
                customer=customer.name,
                field="change_deadline",
                value=day,
                remedy="Give the day by which customers must have done it (customer_packs_change_deadline)",
            )
        return write_pack(
            settings.directory,
            customer.name,
            pack,
            marker,
            check_mode=settings.check_mode,
            want_diff=settings.want_diff,
        )

    def _other_day(self, marker: Mapping[str, Any]) -> bool:
        changes, deadline = marker["changes"], self.settings.deadline
        newest = newest_with_a_day(changes)
        return newest is not None and deadline is not None and changes[newest]["deadline"] != deadline

    def common(self) -> bytes:
        """What all packs are made from, besides the customer: by this a pack is known as current."""
        return digest((program(), repr((self.service, self.offer, self.choice)).encode())).encode()


def _inputs(customer: Customer, common: bytes) -> str:
    """A hash of what a pack is made from: of its customer, all but what only the check of the model looks at."""
    return digest((common, repr(dataclasses.replace(customer, file="", shared_exit=False)).encode()))


def _outcomes(job: _Job, customers: Sequence[Customer]) -> Iterator[Result | str]:
    """What became of each pack. Those that are current are known here; many others are made by several processes."""
    common = job.common()
    others = []
    for customer in customers:
        outcome = job.current(customer, common)
        if outcome is None:
            others.append(customer)
        else:
            yield outcome
    processes = min(job.settings.processes or len(os.sched_getaffinity(0)), len(others))
    if len(others) < _WORTH_A_PROCESS or processes < 2:
        yield from (job.one(customer, common) for customer in others)
    else:
        yield from outcomes(job, others, common, processes)


def _limit_diffs(results: Iterable[Result]) -> None:
    """A diff that nobody can read helps nobody, and Ansible would hold all of it in memory."""
    left = MOST_DIFFS
    for result in results:
        result.diffs = result.diffs[: max(left, 0)]
        left -= len(result.diffs)
