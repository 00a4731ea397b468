"""The changes of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import User
from ansible_collections.ftps.exchange.plugins.module_utils.directory.matching import DOMAIN_USERS
from ansible_collections.ftps.exchange.plugins.module_utils.directory.modification import Modification, dn_later, move
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import (
    ADD_USERS,
    CUT,
    DELETE,
    ENABLE,
    MARK,
    PASSWORDS,
    Plan,
    Settings,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change, Entry
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import (
    ACCOUNT_DISABLED,
    LOCKED_OUT,
    NEVER,
    NORMAL_ACCOUNT,
    PASSWORD_EXPIRED,
    PASSWORD_NEVER_EXPIRES,
    SENSITIVE_NOT_DELEGATED,
    encode_password,
    filetime_to_datetime,
)


def declared_account(
    user: User, entry: Entry | None, now: datetime, settings: Settings, plan: Plan
) -> Iterator[Change]:
    """The changes of a declared account. Warnings go into the plan."""
    password_set_at = entry.number("pwdLastSet") or 0 if entry else 0
    password = settings.passwords.get(user.name) if user.enabled and not password_set_at else None
    if user.enabled and not password_set_at and not password:
        plan.without_password.append(user)
    if entry is None:
        yield _new(user, password)
        return
    owner = entry.text("company")
    if owner and owner.casefold() != user.customer.casefold():
        plan.handed_on.append((user, owner))
    if user.enabled and password_set_at and settings.password_max_age_days:
        age = (now - filetime_to_datetime(password_set_at)).days
        if age > settings.password_max_age_days:
            plan.due_for_rotation.append((user, age))
    yield from _existing(user, entry, plan, password, let_in=user.enabled and bool(password_set_at or password))


def _texts(user: User) -> dict[str, str]:
    return {
        "sAMAccountName": user.name,
        "userPrincipalName": user.upn,
        "displayName": user.display_name,
        "company": user.customer,
        "description": MARK,
    }


def _new(user: User, password: str | None) -> Change:
    """One request for all of it: each costs the controller a transaction of its own."""
    what = f"account {user.name}"
    # Without a password an account cannot be enabled
    control = NORMAL_ACCOUNT | PASSWORD_NEVER_EXPIRES | (0 if password else ACCOUNT_DISABLED)
    state = "disabled until its password is set" if user.enabled else "disabled"
    state = "enabled, with a new password" if password else state
    return Change(
        stage=ADD_USERS,
        action="add",
        dn=user.dn,
        what=what,
        values=(
            ("objectClass", ("top", "person", "organizationalPerson", "user")),
            *((name, (text,)) for name, text in _texts(user).items()),
            ("userAccountControl", (str(control),)),
            ("accountExpires", (str(user.account_expires),)),
            *((("unicodePwd", (encode_password(password),)),) if password else ()),
        ),
        after=(f"{what} of customer {user.customer}: {state}, {_expiry(user.account_expires)}",),
    )


def _existing(user: User, entry: Entry, plan: Plan, password: str | None, *, let_in: bool) -> Iterator[Change]:
    """Its attributes, then its state, then its place. Only an account that has a password is let in."""
    what = f"account {user.name}"
    attributes = Modification(what)
    for name, text in _texts(user).items():
        attributes.replace_text(entry, name, text)
    expires = entry.number("accountExpires") or 0
    if expires != user.account_expires and not {expires, user.account_expires} <= NEVER:
        attributes.replace("accountExpires", str(user.account_expires), _expiry(expires), _expiry(user.account_expires))
    if entry.number("primaryGroupID") not in (None, DOMAIN_USERS):
        _to_domain_users(attributes, entry)

    before = control_of(entry)
    after = (
        NORMAL_ACCOUNT
        | PASSWORD_NEVER_EXPIRES
        | (before & SENSITIVE_NOT_DELEGATED)
        | (0 if let_in else ACCOUNT_DISABLED)
    )
    if before != after:
        opens = bool(before & ACCOUNT_DISABLED) and let_in
        state = Modification(what) if opens else attributes
        state.replace("userAccountControl", str(after), _control_text(before), _control_text(after))
        if opens:
            yield from state.changes(ENABLE, dn_later(entry, user.dn))
        elif not let_in and not before & ACCOUNT_DISABLED:
            plan.disabled.append(user.name)
    if password:
        yield Change(
            PASSWORDS,
            "modify",
            dn_later(entry, user.dn),
            what,
            values=(("unicodePwd", (encode_password(password),)),),
            after=(f"{what}: a new password",),
        )
    yield from attributes.changes(CUT, entry.dn)
    yield from move(entry, user.dn, what)


def undeclared_account(entry: Entry, managed_rids: set[str], settings: Settings, plan: Plan) -> Iterator[Change]:
    """Disable an undeclared account and remove its managed groups, or delete it."""
    name = entry.text("sAMAccountName")
    what = f"account {name}"
    company = entry.text("company")
    whose = f"{what} of customer {company}" if company else what
    if settings.when_absent == "delete":
        plan.deleted.append(name)
        yield Change(DELETE, "delete", entry.dn, what, before=(f"{whose} (not declared)",))
        return
    attributes = Modification(what)
    control = control_of(entry)
    if not control & ACCOUNT_DISABLED:
        plan.disabled.append(name)
        attributes.replace(
            "userAccountControl",
            str(control | ACCOUNT_DISABLED),
            "enabled (not declared)",
            "disabled (not declared)",
            whose,
        )
    if str(entry.number("primaryGroupID")) in managed_rids:
        _to_domain_users(attributes, entry, whose)
    yield from attributes.changes(CUT, entry.dn)


def _to_domain_users(attributes: Modification, entry: Entry, subject: str = "") -> None:
    attributes.replace(
        "primaryGroupID",
        str(DOMAIN_USERS),
        f"primary group = {entry.number('primaryGroupID')}",
        f"primary group = {DOMAIN_USERS} (Domain Users)",
        subject,
    )


def control_of(entry: Entry) -> int:
    """Its userAccountControl, without the bits that only report a state."""
    control: int = (entry.number("userAccountControl") or 0) & ~(LOCKED_OUT | PASSWORD_EXPIRED)
    return control


def _control_text(control: int) -> str:
    return f"{'disabled' if control & ACCOUNT_DISABLED else 'enabled'} (userAccountControl 0x{control:x})"


def _expiry(account_expires: int) -> str:
    if account_expires in NEVER:
        return "never expires"
    return f"expires {filetime_to_datetime(account_expires):%Y-%m-%d %H:%M} UTC"
