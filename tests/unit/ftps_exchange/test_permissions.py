"""The table of who may do what: current, and true of every customer, not only of its stand-ins."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given

from ftps_exchange import permissions
from ftps_exchange.accesscheck import VERBS, Folder, Token, nt_permits, posix_permits
from ftps_exchange.permissions import ACCOUNTS, EXAMPLE, PLACES, Evaluation, differences, permission_matrix
from tests.unit.ftps_exchange.desired_state import Json, golden, models

PAGE = Path(__file__).parents[3] / "docs" / "permissions.md"

NOTHING: set[str] = set()
LOOK = {"enter", "list"}
READ = LOOK | {"read"}
FILL = READ | {"write", "create", "delete"}
MODIFY = FILL | {"move_folder"}


def verbs(place: str, account: str) -> set[str]:
    (row,) = (row for row in permission_matrix(EXAMPLE) if (row["place"], row["account"]) == (place, account))
    return {verb for verb in VERBS if row[verb]}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == permissions.markdown(), "run: python -m ftps_exchange.permissions > docs/permissions.md"


def test_what_the_project_promises() -> None:
    """Spelt out once by hand, against the evaluation: a change of permissions has to be meant."""
    promised = {
        ("root", "home_writer"): {"enter"},
        ("homes", "home_writer"): {"enter"},
        ("shares", "home_reader"): {"enter"},
        ("own_home", "home_writer"): FILL,
        ("own_home", "home_reader"): READ,
        ("own_home_shared", "home_writer"): LOOK,
        ("own_home_shared", "home_reader"): LOOK,
        ("made_by_colleague", "home_writer"): MODIFY,
        ("made_by_colleague", "home_reader"): READ,
        ("made_by_itself", "home_writer"): MODIFY | {"change_permissions"},
        ("other_home", "home_writer"): NOTHING,
        ("other_home_content", "home_writer"): NOTHING,
        ("share_read", "home_writer"): READ,
        ("share_write", "home_writer"): FILL,
        ("share_write", "home_reader"): READ,
        ("share_write_content", "home_writer"): MODIFY,
        ("share_none", "home_writer"): NOTHING,
        ("own_home", "other_customer"): NOTHING,
        ("own_home_shared", "other_customer"): NOTHING,
        ("share_write", "other_customer"): NOTHING,
        ("root", "other_customer"): {"enter"},
    }
    assert {case: verbs(*case) for case in promised} == promised


def test_an_outsider_may_do_nothing_anywhere() -> None:
    assert all(verbs(place, "other_domain_user") == NOTHING for place in PLACES if place != "made_by_itself")


def test_every_place_and_account_is_in_the_table() -> None:
    rows = permission_matrix(EXAMPLE)
    assert {row["place"] for row in rows} == set(PLACES)
    assert {row["account"] for row in rows} == set(ACCOUNTS)
    assert len({(row["place"], row["account"]) for row in rows}) == len(rows)


def test_the_table_of_a_real_model_is_the_table_of_the_page() -> None:
    assert permission_matrix(golden("model")) == permission_matrix(EXAMPLE)


def test_posix_differs_only_where_the_session_settles_it() -> None:
    assert differences(EXAMPLE) == [
        ("own_home_shared", "home_writer", "move_folder"),
        ("made_by_itself", "home_reader", "write"),
        ("made_by_itself", "home_reader", "create"),
        ("made_by_itself", "home_reader", "delete"),
    ]


def permitted(token: Token, folder: Folder) -> set[str]:
    return {verb for verb in VERBS if nt_permits(token, folder, verb)}


def expected(whole: Json, account: str, path: str) -> set[str]:
    """What the model says in words, with nothing of groups, masks and entries."""
    owner, access = next(
        (one, login["access"])
        for one in whole["customers"]
        for login in one.get("accounts", [])
        if login["name"] == account
    )
    by_access = {"read": READ, "write": FILL}
    match path.split("/"):
        case [""] | ["homes"] | ["shares"]:
            return {"enter"}
        case ["homes", name]:
            return by_access[access] if name == owner["name"] else NOTHING
        case ["homes", name, "shared"]:
            return LOOK if name == owner["name"] else NOTHING
        case ["shares", name]:
            granted = {grant["name"]: grant["access"] for grant in owner["shares"]}
            return by_access[min(access, granted[name])] if name in granted else NOTHING
    raise AssertionError(path)


@given(models(max_customers=4))
def test_every_account_may_do_in_every_folder_what_the_model_says(whole: Json) -> None:
    evaluation = Evaluation(whole)
    for path in evaluation.paths:
        folder = evaluation.folder(path)
        assert permitted(evaluation.outsider, folder) == NOTHING
        for one in whole["customers"]:
            for login in one.get("accounts", []):
                assert permitted(evaluation.token(login["name"]), folder) == expected(whole, login["name"], path)


@given(models(max_customers=4))
def test_isolation_does_not_lean_on_closed_parents(whole: Json) -> None:
    """Windows lets everybody bypass traverse checks, and a session's mounts begin at the home."""
    evaluation = Evaluation(whole)
    for path in evaluation.paths:
        folder = evaluation.folder(path)
        reached_directly = Folder(folder.secured, (), folder.owner_of_content)
        for one in whole["customers"]:
            for login in one.get("accounts", []):
                token = evaluation.token(login["name"])
                assert permitted(token, reached_directly) == permitted(token, folder)


@given(models(max_customers=4))
def test_posix_and_nt_agree_but_for_the_mount_point(whole: Json) -> None:
    evaluation = Evaluation(whole)
    for path in evaluation.paths:
        folder = evaluation.folder(path)
        for one in whole["customers"]:
            for login in one.get("accounts", []):
                token = evaluation.token(login["name"])
                different = {
                    verb for verb in VERBS if nt_permits(token, folder, verb) != posix_permits(token, folder, verb)
                }
                own_shared = path == f"homes/{one['name']}/shared" and login["access"] == "write"
                assert different == ({"move_folder"} if own_shared else NOTHING)
