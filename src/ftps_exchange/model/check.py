"""Checks the model as a whole and returns it as plain JSON types.

Three kinds of rules: of one field (pydantic, in exchange.py and customer.py), between the fields of one file, and
between files. Later rules skip only broken fields, so one run reports everything.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ftps_exchange.model import customer as customer_rules
from ftps_exchange.model import exchange as exchange_rules
from ftps_exchange.model.customer import Account, Customer
from ftps_exchange.model.exchange import Exchange
from ftps_exchange.model.load import CustomerFile, lines_of, load_customers, suggestion
from ftps_exchange.model.names import check_name
from ftps_exchange.model.networks import Claim, Network, collapse, overlaps, private_meaning
from ftps_exchange.model.problems import (
    FieldPath,
    ModelError,
    Problem,
    RefusedError,
    field_name,
    printable,
    shorten,
)
from ftps_exchange.model.receivers import unknown_names
from ftps_exchange.model.view import plain, read_model
from ftps_exchange.model.wording import problems_of
from ftps_exchange.model.yaml_reader import DUPLICATE

_lines_of = lru_cache(maxsize=8)(lines_of)


def check_model(
    exchange: object,
    customers_dir: str | Path,
    *,
    exchange_file: str | Path | None = None,
    today: datetime.date | None = None,
) -> dict[str, Any]:
    """Return the checked model: ``{"exchange": {...}, "customers": [...], "notes": [...]}``.

    ``exchange_file`` is where ``exchange`` was written, for messages. ``today`` decides which accounts have expired
    (UTC, now by default). Raises ModelError with every problem there is.
    """
    check = _Check(exchange, Path(customers_dir), Path(exchange_file) if exchange_file else None)
    return check.run(today or datetime.datetime.now(datetime.UTC).date())


class _Check:
    def __init__(self, exchange: object, customers_dir: Path, exchange_file: Path | None) -> None:
        _lines_of.cache_clear()
        self.exchange = plain(exchange)
        self.settings: dict[str, Any] = self.exchange if isinstance(self.exchange, dict) else {}
        self.exchange_file = exchange_file
        self.exchange_label = _label(exchange_file, customers_dir)
        self.service: list[Problem] = []
        self.loaded = load_customers(customers_dir)
        self.problems = self.loaded.problems
        self.notes: list[str] = self.loaded.notes

    def run(self, today: datetime.date) -> dict[str, Any]:
        exchange = self._check_exchange()
        customers = [(file, self._check_customer(file)) for file in self.loaded.customers]
        self._check_names()
        self._check_shares()
        self._check_receivers()
        self._check_implicit_tls()
        self._check_addresses()
        if exchange is None or self.service or self.problems:
            # The service first, since its problems often explain those of its customers.
            raise ModelError(self.service + sorted(self.problems, key=lambda p: (p.file, p.line or 0)))
        self.notes += exchange_rules.notes(exchange)
        result = [
            self._customer(file, customer, today)
            for file, customer in sorted(customers, key=lambda pair: pair[0].name)
            if customer is not None
        ]
        checked = {"exchange": exchange_rules.dumped(exchange, today), "customers": result, "notes": self.notes}
        self.notes += (f"exchange: {text}" for text in read_model({**checked, "customers": []}).exchange.ended_changes)
        return checked

    # -- the service ---------------------------------------------------------------------------------------------

    def _check_exchange(self) -> Exchange | None:
        refused = self._exchange_source_flaws()
        model = None
        try:
            model = Exchange.model_validate(self.exchange)
        except ValidationError as error:
            self.service += problems_of(
                error,
                Exchange,
                file=self.exchange_label,
                prefix=("exchange",),
                line_of=self._exchange_line,
                skip=refused,
            )
        if isinstance(self.exchange, dict):
            for path, value, message, remedy in exchange_rules.rules_between_keys(self.exchange):
                self._refuse_service(("exchange", *path), value, message, remedy)
        self.service.sort(key=lambda problem: problem.line or 0)
        return model

    def _refuse_service(self, path: FieldPath, value: object, message: str, remedy: str) -> None:
        self.service.append(_problem(self.exchange_label, path, value, message, remedy, self._exchange_line(path)))

    def _exchange_source_flaws(self) -> list[FieldPath]:
        """Report what Ansible's parser hides: duplicate keys, or 21:22 read as 1282.

        Ignore what only Ansible can read (vaulted values, aliases).
        """
        if self.exchange_file is None:
            return []
        flaws = [flaw for flaw in _lines_of(self.exchange_file).flaws if flaw.path[:1] == ("exchange",)]
        told = []
        for flaw in flaws:
            if flaw.value is None and flaw.message != DUPLICATE:
                continue
            told.append(flaw.path)
            self.service.append(
                Problem(
                    self.exchange_label,
                    field_name(flaw.path),
                    None if flaw.value is None else printable(flaw.value),
                    flaw.message,
                    flaw.remedy,
                    flaw.line,
                )
            )
        return told

    def _exchange_line(self, path: FieldPath) -> int | None:
        return _lines_of(self.exchange_file).line_of(path) if self.exchange_file else None

    # -- one customer --------------------------------------------------------------------------------------------

    def _check_customer(self, file: CustomerFile) -> Customer | None:
        model = None
        try:
            model = Customer.model_validate(file.content)
        except ValidationError as error:
            self.problems += problems_of(
                error,
                Customer,
                file=file.label,
                line_of=lambda path: _lines_of(file.path).line_of(path),
                skip=file.refused,
            )
        for path, value, message, remedy in customer_rules.rules_between_keys(file.content, file.name):
            self._refuse(file, path, value, message, remedy)
        return model

    def _refuse(self, file: CustomerFile, path: FieldPath, value: object, message: str, remedy: str) -> None:
        line = _lines_of(file.path).line_of(path)
        self.problems.append(_problem(file.label, path, value, message, remedy, line))

    # -- between files -------------------------------------------------------------------------------------------

    def _check_names(self) -> None:
        """Names are unique without regard to case; those of absent customers stay taken.

        A disabled account keeps its SID and its files. Declaring the name again would hand over both.
        """
        customers: dict[str, str] = {}
        for name, label in self.loaded.names:
            self._check_file_name(name, label)
            first = customers.setdefault(name.casefold(), label)
            if first != label:
                self.problems.append(
                    Problem(
                        label,
                        "",
                        None,
                        f"is the same customer as {first}: upper and lower case do not differ on Windows.",
                        "Keep one of the two files.",
                    )
                )
        prefix, netbios = exchange_rules.group_prefix(self.settings), exchange_rules.netbios_name(self.settings)
        accounts: dict[str, tuple[CustomerFile, int]] = {}
        for file in self.loaded.customers:
            for index, account in exchange_rules.entry_names(file.content, "accounts"):
                path, folded = ("accounts", index, "name"), account.casefold()
                first_file, first_index = accounts.setdefault(folded, (file, index))
                if (first_file, first_index) != (file, index):
                    self._refuse(
                        file,
                        path,
                        account,
                        f"is the name of accounts[{first_index}] in {first_file.label} too"
                        " (upper and lower case do not differ in Active Directory).",
                        "Give every login a unique name among all customers, including absent ones.",
                    )
                owner = customers.get(folded)
                if owner is not None and owner != file.label:
                    self._refuse(
                        file,
                        path,
                        account,
                        f"is the name of another customer ({owner}).",
                        "Choose another: logs and people would confuse the two.",
                    )
                if folded.startswith(prefix):
                    self._refuse(
                        file,
                        path,
                        account,
                        f"begins with '{prefix}' like the groups of the service (directory.group_prefix).",
                        "Choose another prefix: users and groups share one name space in Active Directory.",
                    )
                if folded == netbios:
                    self._refuse(
                        file,
                        path,
                        account,
                        "is the NetBIOS name of the domain (directory.netbios_name).",
                        "Choose another: a server would confuse the login with the domain.",
                    )

    def _check_file_name(self, name: str, label: str) -> None:
        try:
            check_name("customer", name)
        except RefusedError as refused:
            self.problems.append(
                Problem(label, "(file name)", shorten(name), refused.message, f"Rename the file. {refused.remedy}")
            )

    def _check_shares(self) -> None:
        settings = self.settings
        if not isinstance(settings.get("shares", []), list) or settings is not self.exchange:
            return
        known = [name for _, name in exchange_rules.entry_names(settings, "shares")]
        known_set = set(known)
        for file in self.loaded.customers:
            for index, share in exchange_rules.entry_names(file.content, "shares"):
                if share not in known_set:
                    listed = ", ".join(map(printable, known[:10])) or "none"
                    self._refuse(
                        file,
                        ("shares", index, "name"),
                        share,
                        "is not a share of the service.",
                        f"Declare it in exchange.shares, or correct it; known: {listed}.{suggestion(share, known)}",
                    )

    def _check_receivers(self) -> None:
        customers = {file.name for file in self.loaded.customers}
        accounts = {
            name for file in self.loaded.customers for _, name in exchange_rules.entry_names(file.content, "accounts")
        }
        for path, value, message, remedy in unknown_names(self.settings, customers, accounts):
            self._refuse_service(("exchange", *path), value, message, remedy)

    def _check_implicit_tls(self) -> None:
        if self.settings.get("implicit_port") is not None:
            return
        for file in self.loaded.customers:
            if file.content.get("implicit_tls") is True:
                self._refuse(
                    file,
                    ("implicit_tls",),
                    True,
                    "requires implicit TLS, which the service does not offer.",
                    "Remove it, or set exchange.implicit_port (usually 990).",
                )

    def _check_addresses(self) -> None:
        public = exchange_rules.public_addresses(self.settings)
        # A broken address still shows the intended family: no second message about its customers.
        families = {version for version in (4, 6) if self.settings.get(f"public_ip{version}") is not None}
        files = {file.label: file for file in self.loaded.customers}
        claims = []
        for file in self.loaded.customers:
            if file.content.get("state") == "absent":
                continue
            sources = list(customer_rules.source_networks(file.content))
            seen = set()
            for index, network in sources:
                for address in public:
                    if address.version == network.version and address in network:
                        self._refuse(
                            file,
                            ("sources", index),
                            str(network),
                            f"contains the service's own public address {address}.",
                            "Write the networks of the customer only.",
                        )
                if network not in seen:
                    seen.add(network)
                    claims.append(Claim(network, file.label, index, file.content.get("shared_exit") is True))
            theirs = {network.version for _, network in sources}
            # A broken source might be of the other family.
            if families and theirs and not theirs & families and len(sources) == len(file.content["sources"]):
                self._refuse(
                    file,
                    ("sources",),
                    file.content.get("sources"),
                    f"has only IPv{min(theirs)}, but the service has only IPv{min(families)}.",
                    f"Ask for the customer's IPv{min(families)} addresses, or give exchange.public_ip{min(theirs)}.",
                )
        for claim, other in overlaps(claims):
            file, other_file = files[claim.file], files[other.file]
            self._refuse(
                file,
                ("sources", claim.index),
                str(claim.network),
                f"overlaps {other.network} of {other_file.label} (sources[{other.index}]).",
                "Correct one of them; if both customers really leave through the same address, "
                "write shared_exit: true in both files.",
            )

    # -- what comes out ------------------------------------------------------------------------------------------

    def _customer(self, file: CustomerFile, customer: Customer, today: datetime.date) -> dict[str, Any]:
        four, six = collapse(customer.sources)
        accounts = [_account(account, customer.state, today) for account in customer.accounts]
        if customer.state != "absent":
            self._note(file.name, accounts, (*four, *six))
        return {
            "name": file.name,
            "file": file.label,
            "state": customer.state,
            "contact": None if customer.contact is None else customer.contact.model_dump(mode="json"),
            "sources4": [str(network) for network in four],
            "sources6": [str(network) for network in six],
            "inside_networks": customer.inside_networks,
            "shared_exit": customer.shared_exit,
            "implicit_tls": customer.implicit_tls,
            "firewall": customer.firewall,
            "language": customer.language,
            "keep_days": customer.keep_days,
            "quota": None if customer.quota is None else customer.quota.model_dump(mode="json"),
            "accounts": accounts,
            "shares": [{"name": share.name, "access": share.access} for share in customer.shares],
        }

    def _note(self, name: str, accounts: list[dict[str, Any]], sources: Sequence[Network]) -> None:
        expired = [account for account in accounts if account["disabled_because"] == "expired"]
        for account in expired:
            self.notes.append(
                f"customer {name}: account {account['name']} expired after {account['expires']} and is disabled."
            )
        if expired and len(expired) == len(accounts):
            self.notes.append(f"customer {name}: all accounts have expired; set state: suspended or absent if meant.")
        for version in (4, 6):
            unused = [str(source) for source in sources if source.version == version]
            if unused and self.exchange.get(f"public_ip{version}") is None:
                self.notes.append(
                    f"customer {name}: IPv{version} sources have no effect, since the service has no IPv{version}: "
                    f"{', '.join(unused[:3])}{', ...' if len(unused) > 3 else ''}."
                )
        for source in sources:
            meaning = private_meaning(source)
            if meaning:
                self.notes.append(
                    f"customer {name}: source {source} is {meaning}: right only if the customer comes over a VPN or "
                    "a private line; such addresses never arrive over the Internet."
                )


def _problem(file: str, path: FieldPath, value: object, message: str, remedy: str, line: int | None) -> Problem:
    return Problem(file, field_name(path), None if value is None else shorten(value), message, remedy, line)


def _account(account: Account, state: str, today: datetime.date) -> dict[str, Any]:
    """Return the account with its login state; the customer's state wins over the account's."""
    because = None
    if state != "present":
        because = state
    elif account.expires is not None and account.expires < today:
        because = "expired"
    return {
        "name": account.name,
        "access": account.access,
        "expires": account.expires.isoformat() if account.expires else None,
        "enabled": because is None,
        "disabled_because": because,
    }


def _label(exchange_file: Path | None, customers_dir: Path) -> str:
    """Return the path of the service's file, relative to the inventory."""
    if exchange_file is None:
        return "group_vars/all/exchange.yml"
    try:
        return printable(str(exchange_file.resolve().relative_to(customers_dir.resolve().parent)))
    except (ValueError, OSError, RuntimeError):
        return printable(str(exchange_file))
