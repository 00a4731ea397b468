"""win_folder_tree, run by the PowerShell engine over real folders and a stand-in that keeps their access lists.

The stand-in (tests/windows/stand_ins/folder_access) passes entries on as NTFS does and hands lists out as .NET does.
What is proven is the module's own work; it says nothing of NTFS.
"""

from __future__ import annotations

import json
import random
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange import sddl
from ftps_exchange.folders import exchange_predicted_sids
from tests.windows.powershell import PowerShell, by_ansible, collections_with

PROJECT = Path(__file__).resolve().parents[3]
MODULE = PROJECT / "plugins" / "modules" / "win_folder_tree.ps1"
UTIL = "ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeFolderAccess"
STAND_IN = PROJECT / "tests" / "windows" / "stand_ins" / "folder_access" / "FtpsExchangeFolderAccess.psm1"
GOLDEN = json.loads((PROJECT / "tests/unit/golden/desired_state/folders_windows.json").read_text())
SIDS = json.loads((PROJECT / "tests/unit/golden/desired_state/sids.json").read_text())
READERS = "S-1-5-21-1-2-3-1104"
OWN = "(A;OICI;0x1f01ff;;;S-1-5-18)(A;OICI;0x1f01ff;;;S-1-5-32-544)"

HABITS = ("_FAIL_AT", "_FORGET", "_DENY", "_SWAP", "_VANISH", "_STRANGER")
FUNCTIONS = """
$tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$null)
foreach ($part in $tree.EndBlock.Statements) {
    if ($part -is [Management.Automation.Language.FunctionDefinitionAst]) {
        . ([scriptblock]::Create($part.Extent.Text))
    }
}
"""

Folders = list[dict[str, str]]


@dataclass
class Tree:
    """A tree on this machine's disk, the stand-in's lists, and the module run on them."""

    powershell: PowerShell
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "data" / "exchange"

    @property
    def lists(self) -> Path:
        return self.folder / "lists"

    def run(
        self,
        folders: Any,
        *,
        root: Path | str | None = None,
        sids: object = SIDS,
        check: bool = False,
        text: str | None = None,
        **environment: str,
    ) -> dict[str, Any]:
        return self.powershell.module(
            MODULE,
            {"root": str(root or self.root), "folders": json.dumps(folders), "sids": json.dumps(sids)},
            check=check,
            environment={f"FTPS_EXCHANGE_FOLDERS{name}": "" for name in HABITS}
            | {"FTPS_EXCHANGE_FOLDERS": str(self.lists)}
            | {f"FTPS_EXCHANGE_FOLDERS_{name.upper()}": value for name, value in environment.items()},
            utils={UTIL: STAND_IN},
            text=text,
            timeout=300,
        )

    def put(self, path: str, list_: object) -> None:
        """Somebody sets the list of a folder by hand."""
        (self.root / path).mkdir(parents=True, exist_ok=True)
        with self.lists.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"path": str(self.root / path), "sddl": list_}) + "\n")

    def found(self) -> dict[str, str]:
        """The lists as they were set last, by path."""
        lines = self.lists.read_text(encoding="utf-8").splitlines() if self.lists.exists() else []
        last = {line["path"]: line["sddl"] for line in map(json.loads, lines)}
        return {path.removeprefix(str(self.root)).lstrip("/"): text for path, text in last.items()}

    def on_disk(self) -> set[str]:
        if not self.root.exists():
            return set()
        return {str(path.relative_to(self.root)) for path in [self.root, *self.root.rglob("*")]}

    def is_as(self, folders: Folders) -> bool:
        found = self.found()
        return all(
            (self.root / folder["path"]).is_dir()
            and set(sddl.parse(found[folder["path"]]).aces) == set(sddl.parse(folder["sddl"]).aces)
            and sddl.parse(found[folder["path"]]).protected
            for folder in folders
        )


@pytest.fixture
def tree(powershell: PowerShell, tmp_path: Path) -> Tree:
    return Tree(powershell, tmp_path)


@pytest.fixture
def made(tree: Tree) -> Tree:
    """A tree that is as declared."""
    assert not tree.run(GOLDEN).get("failed")
    return tree


def inside(powershell: PowerShell, script: str, **values: Any) -> list[Any]:
    """Run a script that has the module's own functions, and these values as variables."""
    text = powershell.instead.get(MODULE) or MODULE.read_text(encoding="utf-8")
    variables = ", ".join(f"${name}" for name in ("text", *values))
    return powershell.script(f"param({variables}) {FUNCTIONS}; {script}", text, *values.values())


def folder(path: str, *entries: str) -> dict[str, str]:
    return {"path": path, "sddl": f"D:PAI{OWN}{''.join(entries)}"}


def paths(folders: Folders) -> list[str]:
    return [item["path"] for item in folders]


def test_a_whole_tree_is_made_and_found_unchanged(tree: Tree) -> None:
    first = tree.run(GOLDEN)
    assert first["changed"]
    assert first["created"] == paths(GOLDEN)
    assert first["repaired"] == first["undeclared"] == []
    assert tree.is_as(GOLDEN)
    assert tree.on_disk() == {path or "." for path in paths(GOLDEN)}
    before = tree.lists.read_bytes()
    second = tree.run(GOLDEN)
    assert not second["changed"]
    assert second["created"] == second["repaired"] == []
    assert "diff" not in second
    assert tree.lists.read_bytes() == before


def test_check_mode_before_the_first_run_tells_the_same_and_does_nothing(tree: Tree) -> None:
    predicted = tree.run(GOLDEN, check=True)
    assert tree.on_disk() == set()
    assert not tree.lists.exists()
    assert not tree.root.parent.exists()
    done = tree.run(GOLDEN)
    for key in ("changed", "created", "repaired", "undeclared", "diff"):
        assert predicted[key] == done[key], key


def test_a_separator_at_the_end_of_the_root_means_nothing(made: Tree) -> None:
    result = made.run(GOLDEN, root=f"{made.root}/")
    assert (result["changed"], result["undeclared"]) == (False, [])
    made.put("homes", "D:AI")
    assert f"{made.root}/homes: takes" in made.run(GOLDEN, root=f"{made.root}/")["diff"]["before"]


def test_the_order_of_the_list_does_not_matter(made: Tree) -> None:
    shuffled = list(GOLDEN)
    random.Random(4).shuffle(shuffled)  # noqa: S311
    assert not made.run(shuffled)["changed"]


def test_the_diff_names_folder_entry_and_group(tree: Tree) -> None:
    diff = tree.run(GOLDEN, check=True)["diff"]
    assert diff["before"] == ""
    lines = diff["after"].splitlines()
    assert f"{tree.root}/homes/acme: protected from the parent's entries" in lines
    assert f"{tree.root}/homes/acme: allow 0x1301bf OICIIO ftpsx-home-acme-write" in lines
    assert f"{tree.root}/homes/acme: allow 0x1201bf this folder ftpsx-home-acme-write" in lines
    assert f"{tree.root}/homes/acme: allow 0x1f01ff OICI S-1-5-18" in lines


HOME = next(item for item in GOLDEN if item["path"] == "homes/acme")["sddl"]
MASK = re.compile(r"0x1301bf")


@pytest.mark.parametrize(
    ("what", "drift", "told"),
    [
        (
            "a stray entry",
            HOME + "(A;OICI;0x1200a9;;;S-1-5-11)",
            "allow 0x1200a9 OICI NT AUTHORITY\\Authenticated Users",
        ),
        (
            "a stray entry that is passed on once",
            HOME + "(A;OICINPIO;0x1200a9;;;S-1-5-11)",
            "allow 0x1200a9 OICINPIO NT AUTHORITY\\Authenticated Users",
        ),
        ("a stray entry that denies", HOME + "(D;;0x10000;;;S-1-1-0)", "deny 0x10000 this folder Everyone"),
        ("a stray entry of another kind", HOME + "(XA;;0x1200a9;;;S-1-1-0)", "entry of type 9 this folder 09-00-"),
        ("an entry that is missing", HOME[: HOME.rindex("(")], ""),
        ("one right more", MASK.sub("0x1701bf", HOME), "allow 0x1701bf OICIIO ftpsx-home-acme-write"),
        ("one right less", MASK.sub("0x1201bf", HOME), "allow 0x1201bf OICI"),
        ("other flags", HOME.replace("OICIIO", "CIIO"), "allow 0x1301bf CIIO ftpsx-home-acme-write"),
        ("passed on to files only", HOME.replace("OICIIO", "OIIO"), "allow 0x1301bf OIIO ftpsx-home-acme-write"),
        ("for the folder too", HOME.replace("OICIIO", "OICI"), "allow 0x1301bf OICI ftpsx-home-acme-write"),
        ("passed on once", HOME.replace("OICIIO", "OICINPIO"), "allow 0x1301bf OICINPIO ftpsx-home-acme-write"),
        ("another group", HOME.replace("-1106)", "-9999)"), "S-1-5-21-1004336348-1177238915-682003330-9999"),
        ("no protection", HOME.replace("D:PAI", "D:AI"), "takes the parent's entries"),
        ("only what the parent passes on", "D:AI", "allow 0x1f01ff OICIID S-1-5-18"),
        ("entries marked as inherited", HOME.replace("(A;OICI;0x1f01ff", "(A;OICIID;0x1f01ff"), "OICIID S-1-5-32-544"),
        ("an empty list", "D:P", "protected from the parent's entries"),
        ("no list at all", {"null": True}, "no access list at all: everybody may do everything"),
    ],
)
def test_drift_is_told_and_repaired(made: Tree, what: str, drift: object, told: str) -> None:
    made.put("homes/acme", drift)
    predicted = made.run(GOLDEN, check=True)
    assert made.found()["homes/acme"] == drift, "a check changed something"
    done = made.run(GOLDEN)
    assert predicted["diff"] == done["diff"]
    assert done["changed"]
    assert done["repaired"] == ["homes/acme"]
    assert done["created"] == []
    assert told in done["diff"]["before"]
    assert told == "" or told not in done["diff"]["after"] or not told.startswith(("allow", "deny"))
    assert made.is_as(GOLDEN)
    assert not made.run(GOLDEN)["changed"]


def test_protection_alone_is_drift(tree: Tree) -> None:
    # Where the parent passes nothing on, the entries are the same with and without it
    folders = [{"path": path, "sddl": "D:P(A;;0x1f01ff;;;S-1-5-18)"} for path in ("", "a")]
    tree.run(folders)
    tree.put("a", "D:AI(A;;0x1f01ff;;;S-1-5-18)")
    result = tree.run(folders)
    assert result["repaired"] == ["a"]
    assert f"{tree.root}/a: takes the parent's entries\n" in result["diff"]["before"]
    assert tree.is_as(folders)


def test_entries_that_mean_the_same_are_no_drift(made: Tree) -> None:
    split = folder("", "(A;OICI;0x1200a9;;;S-1-5-21-1-2-3-1)", "(A;OICI;0x2;;;S-1-5-21-1-2-3-1)")
    joined = folder("", "(A;OICI;0x1200ab;;;S-1-5-21-1-2-3-1)")
    apart = folder("", "(A;;0x1200ab;;;S-1-5-21-1-2-3-1)", "(A;OICIIO;0x1200ab;;;S-1-5-21-1-2-3-1)")
    # What is passed on once is within what is passed on
    within = folder("", "(A;OICI;0x1200ab;;;S-1-5-21-1-2-3-1)", "(A;OINPIO;0x1200ab;;;S-1-5-21-1-2-3-1)")
    for declared in (split, joined, apart, within):
        for found in (joined, apart, within):
            made.put("", found["sddl"])
            result = made.run([declared])
            assert (result.get("failed"), result["changed"]) == (None, False), (declared, found)


def test_what_nobody_declared_is_told_and_left_alone(made: Tree) -> None:
    for path in ("homes/hooli/old", "stray", "homes/acme/incoming", "homes/acme/shared/stray"):
        (made.root / path).mkdir(parents=True)
    (made.root / "shares" / "note.txt").write_text("mine")
    before = made.on_disk()
    result = made.run(GOLDEN)
    assert not result["changed"]
    # What lies in a home is its customer's; in its `shared` only shares belong
    assert sorted(result["undeclared"]) == ["homes/acme/shared/stray", "homes/hooli", "shares/note.txt", "stray"]
    assert "Undeclared content below" in result["warnings"][0]
    assert made.on_disk() == before


def test_a_name_cannot_steer_a_terminal(made: Tree) -> None:
    (made.root / "a\x9b31mb\u202ec\x1b").mkdir()
    assert made.run(GOLDEN)["undeclared"] == ["a?31mb?c?"]


def strangers(number: int) -> str:
    """A list of so many unknown SIDs, and after them one that has a name."""
    return "D:P" + "".join(f"(A;;0x1;;;S-1-4-{at})" for at in range(number)) + "(A;;0x1;;;S-1-5-32-545)"


def test_fifty_names_are_asked_for(made: Tree) -> None:
    for number, told in ((49, "BUILTIN\\Users"), (50, "S-1-5-32-545")):
        made.put("homes", strangers(number))
        assert f"{made.root}/homes: allow 0x1 this folder {told}\n" in made.run(GOLDEN, check=True)["diff"]["before"]
    # One that was asked for is known
    made.put("homes", strangers(49))
    made.put("shares", strangers(49))
    assert f"{made.root}/shares: allow 0x1 this folder BUILTIN\\Users\n" in made.run(GOLDEN)["diff"]["before"]


def test_a_name_that_cannot_be_asked_for_is_no_failure(made: Tree) -> None:
    made.put("homes", "D:P(A;;0x1;;;S-1-1-0)(A;;0x1;;;S-1-5-11)(A;;0x1;;;S-1-5-32-545)")
    result = made.run(GOLDEN, stranger="S-1-5-11")
    assert result["repaired"] == ["homes"]
    # No second try: each may take as long as the first
    lines = [line.removeprefix(f"{made.root}/homes: ") for line in result["diff"]["before"].splitlines()]
    assert lines[1:] == [f"allow 0x1 this folder {who}" for who in ("Everyone", "S-1-5-11", "S-1-5-32-545")]


@pytest.mark.parametrize("name", ["root", "folders"])
def test_an_option_without_which_nothing_can_be_done(powershell: PowerShell, tmp_path: Path, name: str) -> None:
    arguments = {"root": str(tmp_path / "root"), "folders": json.dumps(GOLDEN)}
    del arguments[name]
    result = powershell.module(MODULE, arguments, utils={UTIL: STAND_IN})
    assert result["msg"] == f"missing required arguments: {name}"


def test_a_bad_root_is_refused_before_anything_is_touched(tree: Tree, tmp_path: Path) -> None:
    message = tree.run(GOLDEN, root=f"{tmp_path}/x/../y")["msg"]
    assert message == f"root '{tmp_path}/x/../y' has an empty part, '.' or '..'"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sids", [[], "{", "gzip:AAAA", "1"])
def test_names_that_cannot_be_read_are_told_before_anything_is_touched(tree: Tree, sids: object) -> None:
    result = tree.run(GOLDEN, sids=sids)
    assert result["failed"]
    assert not result.get("crashed")
    assert not tree.root.exists()


def test_the_warning_names_ten_and_counts_the_rest(made: Tree) -> None:
    long = ["l" * 200, "m" + "n" * 200]
    for name in [*long, *(f"n{number:02}" for number in range(10))]:
        (made.root / name).mkdir()
    result = made.run(GOLDEN)
    shown = ["l" * 200, "m" + "n" * 199 + "...", *(f"n{number:02}" for number in range(10))]
    assert result["undeclared"] == shown
    told = f"Undeclared content below {made.root}, not touched: {', '.join(shown[:10])}"
    assert result["warnings"] == [f"{told} and 2 more"]
    for name, more in (("n09", " and 1 more"), ("n08", "")):
        (made.root / name).rmdir()
        assert made.run(GOLDEN)["warnings"] == [told + more]


def test_a_folder_that_is_gone_from_the_list_stays(made: Tree) -> None:
    rest = [item for item in GOLDEN if not item["path"].startswith("homes/acme")]
    before = made.found()
    result = made.run(rest)
    assert not result["changed"]
    assert result["undeclared"] == ["homes/acme"]
    assert made.found() == before


@pytest.mark.parametrize("where", ["homes/acme", "homes", "", "..", "../.."])
def test_a_link_is_never_followed(made: Tree, tmp_path: Path, where: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    target = (made.root / where).resolve()
    if where == "../..":
        # The folder above the one above root
        made.folder = tmp_path / "link"
        made.folder.symlink_to(tmp_path, target_is_directory=True)
        target = made.folder
    else:
        target.rename(elsewhere)
        target.symlink_to(elsewhere, target_is_directory=True)
    lists = (tmp_path / "lists").read_bytes()
    before = sorted(str(path) for path in elsewhere.rglob("*"))
    for check in (True, False):
        result = made.run(GOLDEN, check=check)
        assert result["failed"]
        assert not result.get("crashed")
        assert f"{target} is a junction or symbolic link and is not followed" in result["msg"]
        assert not result["changed"]
    assert (tmp_path / "lists").read_bytes() == lists
    assert sorted(str(path) for path in elsewhere.rglob("*")) == before


@pytest.mark.parametrize(("where", "at"), [("a/b", 4), ("a", 3), ("", 2), ("..", 1)])
def test_a_link_that_appears_meanwhile_is_not_followed(tree: Tree, tmp_path: Path, where: str, at: int) -> None:
    folders = [folder(path) for path in ("", "a", "a/b", "a/b/c", "a/b/d")]
    link = tree.root.parent if where == ".." else tree.root / where
    link.parent.mkdir(parents=True, exist_ok=True)
    # It comes with the change of a folder in it, which can be found there; the next folder in it could be made
    elsewhere = tmp_path / "elsewhere"
    first = (tree.root / folders[at - 1]["path"]).relative_to(link)
    (elsewhere / first).mkdir(parents=True)
    result = tree.run(folders, swap=f"{at}|{link}|{elsewhere}")
    assert result["failed"]
    assert f"{link} is a junction or symbolic link and is not followed" in result["msg"]
    assert list((elsewhere / first).iterdir()) == []


def test_a_folder_above_that_disappears_meanwhile_is_told(tree: Tree) -> None:
    result = tree.run(GOLDEN, vanish=str(tree.root / "homes"))
    assert f"{tree.root}/homes disappeared during the run" in result["msg"]
    assert not (tree.root / "homes").exists()
    assert tree.run(GOLDEN)["changed"]
    assert tree.is_as(GOLDEN)


def test_what_lies_behind_a_link_is_not_looked_at(made: Tree, tmp_path: Path) -> None:
    (made.root / "homes/acme").rename(tmp_path / "elsewhere")
    (made.root / "homes/acme").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/shared").rmdir()
    (tmp_path / "elsewhere/shared").touch()
    assert made.run(GOLDEN)["msg"] == (
        f"{made.root}/homes/acme is a junction or symbolic link and is not followed: it must be a folder of its own."
        " Move it away and run again"
    )


def test_a_link_that_leads_nowhere_is_one_too(made: Tree) -> None:
    (made.root / "homes/acme/shared").rmdir()
    (made.root / "homes/acme/shared").symlink_to("/nowhere")
    result = made.run(GOLDEN)
    assert "is a junction or symbolic link" in result["msg"]


def test_all_obstacles_are_told_at_once_and_nothing_is_changed(made: Tree) -> None:
    for path in ("homes/acme/shared", "homes/globex/shared"):
        (made.root / path).rmdir()
        (made.root / path).write_text("a file")
    made.put("shares", "D:AI")
    lists = made.lists.read_bytes()
    result = made.run(GOLDEN, deny=str(made.root / "shares/maps"))
    assert result["failed"]
    assert not result["changed"]
    assert result["created"] == result["repaired"] == result["undeclared"] == []
    for path, told in (
        ("homes/acme/shared", "is a file"),
        ("homes/globex/shared", "is a file"),
        ("shares/maps", "unauthorized operation"),
    ):
        assert re.search(rf"{made.root}/{path}\b[^;]*{told}", result["msg"]), result["msg"]
    assert made.lists.read_bytes() == lists


def test_what_cannot_be_looked_at_is_told_with_the_reason(tree: Tree) -> None:
    name = "€" * 90  # longer than a name may be here, and not there
    tree.root.mkdir(parents=True)
    message = tree.run([folder(""), folder(name)])["msg"]
    assert re.match(rf"[^;]*{tree.root}/{name}[^;]* is too long", message), message


def test_what_is_at_a_path(powershell: PowerShell, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "file-link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    names = ("folder", "file", "link", "file-link", "dangling", "missing", "file/in-it")
    script = "foreach ($path in $paths) { @(Get-PathKind -Path $path) -join ' ' }"
    assert inside(powershell, script, paths=[str(tmp_path / name) for name in names]) == [
        "folder",
        "file",
        "link",
        "link",
        "link",
        "missing",
        "missing",
    ]


def test_a_drive_that_is_not_there_is_told(powershell: PowerShell) -> None:
    # Here / is always there
    script = """
        function Assert-Folder { param($Path) $Path -notin $missing }
        $top = @{ full = '/data/exchange'; above = @('/', '/data') }
        try { (Read-Tree -Node @($top) -Root $top.full).Count } catch { "$_" }
    """
    missing = ["/data/exchange", "/data"]
    assert inside(powershell, script, missing=missing) == [0]
    told = "this host has no drive /, which /data/exchange needs"
    assert inside(powershell, script, missing=[*missing, "/"]) == [told]


@pytest.mark.parametrize("at", range(1, len(GOLDEN) + 1))
def test_a_failure_at_any_change_is_told_and_the_next_run_finishes(tree: Tree, at: int) -> None:
    failed = tree.run(GOLDEN, fail_at=str(at))
    assert failed["failed"]
    assert not failed.get("crashed")
    broken = str(tree.root / GOLDEN[at - 1]["path"]).rstrip("/")
    assert failed["msg"].startswith(f"{broken}: Attempted to perform an unauthorized operation.")
    assert (
        f"Before that, {at - 1} folders were created and 0 repaired; {len(GOLDEN) - at + 1} are not as declared"
        in failed["msg"]
    )
    assert failed["created"] == paths(GOLDEN[: at - 1])
    assert tree.is_as(GOLDEN[: at - 1])
    rest = tree.run(GOLDEN)
    assert rest["created"] == paths(GOLDEN[at - 1 :])
    assert tree.is_as(GOLDEN)
    assert not tree.run(GOLDEN)["changed"]


def test_a_failure_above_the_root_is_told_and_the_next_run_finishes(tree: Tree, tmp_path: Path) -> None:
    # Longer than a name may be here, and not there
    failed = tree.run(GOLDEN, root=tmp_path / "made" / ("€" * 90) / "root")
    assert failed["failed"]
    assert (tmp_path / "made").is_dir()
    assert failed["changed"], "a folder was made"
    assert "Before that, 0 folders were created and 0 repaired" in failed["msg"]
    assert failed["msg"].startswith(f"{tmp_path}/made/")
    assert tree.run(GOLDEN, root=tmp_path / "made" / "root")["created"] == paths(GOLDEN)


def test_a_failure_between_repairs(made: Tree) -> None:
    for path in ("homes", "homes/globex", "shares"):
        made.put(path, "D:AI")
    failed = made.run(GOLDEN, fail_at="2")
    assert failed["repaired"] == ["homes"]
    assert f"{made.root}/homes/globex: " in failed["msg"]
    assert "0 folders were created and 1 repaired; 2 are not" in failed["msg"]
    assert made.run(GOLDEN)["repaired"] == ["homes/globex", "shares"]


def test_a_volume_that_keeps_no_lists_is_told(tree: Tree) -> None:
    result = tree.run(GOLDEN, forget="1")
    assert result["failed"]
    assert result["msg"].startswith(
        f"{tree.root}: Windows did not store what was requested ({GOLDEN[0]['sddl']}). Found:"
        " takes the parent's entries; allow 0x1200a9 OICIID S-1-5-32-545. Before that, 0 folders were created"
    )


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ([], "the top folder itself (path '') is not declared"),
        ([folder("a")], "folder 'a' is declared, but its parent '' is not|the top folder itself"),
        ([folder(""), folder("a/b")], "folder 'a/b' is declared, but its parent 'a' is not"),
        ([folder(""), folder("a"), folder("A")], "is declared twice"),
        ([folder(""), folder("../x")], "has an empty part, '.' or '..'"),
        ([folder(""), folder("a"), folder("a//b")], "has an empty part, '.' or '..'"),
        ([folder(""), folder("/a")], "has an empty part, '.' or '..'"),
        ([folder(""), folder("a\\b")], "has a character that Windows does not allow in a name"),
        ([folder(""), folder("a:stream")], "has a character that Windows does not allow in a name"),
        ([folder(""), folder("a\nb")], "has a character that Windows does not allow in a name"),
        ([folder(""), folder("a.")], "ends with a dot or a space"),
        ([folder(""), folder("a ")], "ends with a dot or a space"),
        ([folder(""), folder("nul")], "is the name of a device"),
        ([folder(""), folder("com1.txt")], "is the name of a device"),
        ([folder(""), folder("nul .txt")], "is the name of a device"),
        ([folder(""), folder("lpt\xb2")], "is the name of a device"),
        ([folder(""), folder("x" * 300)], "Windows allows 247"),
        ([{"path": "", "sddl": f"D:{OWN}"}], "is not just a protected access list"),
        ([{"path": "", "sddl": "D:P"}], "is not just a protected access list"),
        ([{"path": "", "sddl": f"O:BAD:P{OWN}"}], "is not just a protected access list"),
        ([{"path": "", "sddl": f"D:P{OWN}S:(AU;;0x1;;;S-1-1-0)"}], "is not just a protected access list"),
        ([{"path": "", "sddl": "D:P(A;OICI;FA;;;S-1-5-18)"}], "is not an entry (A;flags;0xmask;;;SID)"),
        ([{"path": "", "sddl": "D:P(D;OICI;0x1;;;S-1-5-18)"}], "is not an entry (A;flags;0xmask;;;SID)"),
        ([{"path": "", "sddl": "D:P(A;OICIID;0x1;;;S-1-5-18)"}], "is not an entry (A;flags;0xmask;;;SID)"),
        ([{"path": "", "sddl": "D:P(A;oici;0x1;;;S-1-5-18)"}], "is not an entry (A;flags;0xmask;;;SID)"),
        ([{"path": "", "sddl": "D:P(A;IO;0x1;;;S-1-5-18)"}], "limits how it is inherited"),
        ([{"path": "", "sddl": "D:P(A;NP;0x1;;;S-1-5-18)"}], "limits how it is inherited"),
        ([{"path": "", "sddl": "D:P(A;;0x0;;;S-1-5-18)"}], "grants no right"),
        ([{"path": "", "sddl": "D:P(A;;0x10000000;;;S-1-5-18)"}], "grants no right, or one that folders do not have"),
        ([{"path": "", "sddl": "D:P(A;;0x1;;;BA)"}], "'BA' is not a full SID"),
        ([{"path": "", "sddl": "D:P(A;;0x1;;;S-1-5-4294967296)"}], "is not a full SID"),
        ([{"path": "", "sddl": f"D:P(A;;0x1;;;S-1-5{'-7' * 16})"}], "is not a full SID"),
        ([{"path": "", "sddl": "D:P(A;;0x1;;;S-1-5)"}], "is not a full SID"),
        ([{"path": "", "sddl": "D:P(A;;0x1;;;S-1-281474976710656-1)"}], "is not a full SID"),
        ([{"path": "", "sddl": "D:P(A;;0x1;;;s-1-5-18)(A;;0x1;;;S-1-5-18)"}], "is not a full SID"),
        ([{"path": ""}], "a dictionary with the strings path and sddl"),
        (["x"], "a dictionary with the strings path and sddl"),
        ({"a": 1}, "folders is not a list"),
    ],
)
def test_a_bad_list_is_refused_before_anything_is_touched(tree: Tree, folders: Any, told: str) -> None:
    result = tree.run(folders)
    assert result["failed"]
    assert not result.get("crashed"), result
    assert any(part in result["msg"] for part in told.split("|")), result["msg"]
    assert not tree.root.exists()


def test_every_problem_of_a_list_is_told_once(tree: Tree) -> None:
    bad = "(A;;0x0;;;S-1-5-18)"
    folders: list[Any] = [
        folder(""),
        folder("a?"),
        folder("good"),
        folder("b/c"),
        {"path": "d", "sddl": f"D:AI{OWN}"},
        folder("d/e"),
        {"path": "f", "sddl": f"D:P{OWN}{bad}(A;;0x1;;;BA){OWN}"},
        "x",
        folder("good"),
    ]
    message = tree.run(folders)["msg"]
    assert message.split("; ") == [
        "folder 'a?': has a character that Windows does not allow in a name ('a?')",
        f"folder 'd': 'D:AI{OWN}' is not just a protected access list 'D:P(…)' with at least one entry",
        f"folder 'f': '{bad}' grants no right, or one that folders do not have (beyond 0x1f01ff)",
        "each folder must be a dictionary with the strings path and sddl",
        "folder 'good': is declared twice (Windows ignores case)",
        "folder 'b/c' is declared, but its parent 'b' is not",
    ]
    # A missing top folder is reported once, not for every folder in it
    assert tree.run([folder("a"), folder("b"), folder("c/d")])["msg"].split("; ") == [
        "the top folder itself (path '') is not declared",
        "folder 'c/d' is declared, but its parent 'c' is not",
    ]


def test_a_path_is_as_long_as_windows_takes(tree: Tree) -> None:
    left = 247 - len(f"{tree.root}/a/")
    assert "failed" not in tree.run([folder(""), folder("a"), folder("a/" + left * "x")], check=True)
    assert tree.run([folder(""), folder("a"), folder("a/" + (left + 1) * "x")], check=True)["msg"] == (
        f"folder 'a/{(left + 1) * 'x'}': is 248 characters long including root; Windows allows 247"
    )


@pytest.mark.parametrize(
    ("root", "told"),
    [
        ("D:\\FTPS-Exchange", None),
        ("d:\\Data\\FTPS", None),
        ("D:\\Nuls\\com\\com10\\a nul", None),
        ("D:\\", "must be a folder below a drive"),
        ("D:", "must be a folder below a drive"),
        ("FTPS", "must be a folder below a drive"),
        ("D:FTPS", "must be a folder below a drive"),
        ("\\FTPS", "must be a folder below a drive"),
        ("\\\\server\\share\\FTPS", "must be a folder below a drive"),
        ("\\\\?\\D:\\FTPS", "must be a folder below a drive"),
        ("D:/FTPS", "must be a folder below a drive"),
        ("D:\\a\\..\\b", "has an empty part, '.' or '..'"),
        ("D:\\a\\\\b", "has an empty part, '.' or '..'"),
        ("D:\\a/b", "has a character that Windows does not allow in a name"),
        ("D:\\con\\b", "is the name of a device"),
        ("/data/exchange", None),
        ("data/exchange", "must be an absolute path below /"),
        ("", "must be an absolute path below /"),
        ("//data", "must be an absolute path below /"),
        ("/../data", "has an empty part, '.' or '..'"),
        ("/nul", "is the name of a device"),
    ],
)
def test_a_root(powershell: PowerShell, root: str, told: str | None) -> None:
    # The part of the module that this machine's own paths never reach
    separator = "/" if "below /" in (told or "") or root[:1] == "/" else "\\"
    script = '"$(Get-RootProblem -Root $root -Separator $separator)"'
    (problem,) = inside(powershell, script, root=root, separator=separator)
    assert problem == "" if told is None else told in problem


def test_every_folder_knows_those_above_it(powershell: PowerShell) -> None:
    script = """
        $script:LongestPath, $script:OwnSids = 247, @()
        $list = foreach ($path in 'a/b', '', 'a', 'c', 'a/b/d') { @{ path = $path; sddl = 'D:P(A;;0x1;;;S-1-5-18)' } }
        $nodes = Get-DeclaredTree -Folder $list -Root $root -Separator $separator
        foreach ($node in $nodes) { , @($node.full, $node.above) }
    """
    assert inside(powershell, script, root="/x", separator="/") == [
        ["/x", ["/"]],
        ["/x/a", ["/", "/x"]],
        ["/x/a/b", ["/", "/x", "/x/a"]],
        ["/x/a/b/d", ["/", "/x", "/x/a", "/x/a/b"]],
        ["/x/c", ["/", "/x"]],
    ]
    # What is above the root itself only Windows can tell
    windows = inside(powershell, script, root="D:\\F", separator="\\")
    assert [node[0] for node in windows] == ["D:\\F", "D:\\F\\a", "D:\\F\\a\\b", "D:\\F\\a\\b\\d", "D:\\F\\c"]
    assert windows[3][1] == ["D:\\F", "D:\\F\\a", "D:\\F\\a\\b"]


def binary(flags: str, mask: int, sid: str) -> bytes:
    """An entry that allows, as MS-DTYP 2.4.4.2 lays it out."""
    bits = sum({"OI": 1, "CI": 2, "NP": 4, "IO": 8}[flag] for flag in re.findall("..", flags))
    authority, *parts = (int(part) for part in sid.split("-")[2:])
    body = struct.pack(f"<BB6s{len(parts)}I", 1, len(parts), authority.to_bytes(6, "big"), *parts)
    return struct.pack("<BBHI", 0, bits, 8 + len(body), mask) + body


def test_an_entry_is_the_bytes_that_windows_keeps(powershell: PowerShell) -> None:
    # What is stored literally is found out by these bytes; else one that says the same would do
    sids = ("S-1-0-0", "S-1-5-18", READERS, "S-1-281474976710655-4294967295", "S-1-258" + "-7" * 15)
    flags = ("", "OI", "CI", "OICI", "OINP", "CINP", "OICINP", "OIIO", "CIIO", "OICIIO", "OINPIO", "CINPIO", "OICINPIO")
    entries = [(flag, mask, sid) for sid in sids for flag in flags for mask in (0x1, 0x1200A9, 0x1F01FF)]
    script = """
        foreach ($one in $sddl) {
            $entry = ConvertFrom-SddlEntry -Text $one
            $again = ConvertFrom-EntryHex -Hex $entry.hex
            $entry.hex
            foreach ($part in 'type', 'flags', 'mask', 'sid') { "$($entry[$part])"; "$($again[$part])" }
        }
    """
    texts = [f"(A;{flag};0x{mask:x};;;{sid})" for flag, mask, sid in entries]
    told = iter(inside(powershell, script, sddl=texts))
    for flag, mask, sid in entries:
        expected = binary(flag, mask, sid)
        assert next(told) == expected.hex("-").upper()
        for part in (0, expected[1], mask, sid):
            assert (next(told), next(told)) == (str(part), str(part))


def descriptor(control: int, entries: list[bytes], start: int = 20) -> list[int]:
    """A descriptor (MS-DTYP 2.4.6) with its list at ``start``, or the offset 0 and a list that is not meant."""
    acl = struct.pack("<BBHHH", 2, 0, 8 + sum(map(len, entries)), len(entries), 0) + b"".join(entries)
    head = struct.pack("<BBHIIII", 1, 0, control, 0, 0, 0, start)
    return [*head, *([0xFF] * (start - 20)), *acl]


def test_a_descriptor_is_read_as_windows_lays_it_out(powershell: PowerShell) -> None:
    first, second = binary("OICI", 0x1F01FF, "S-1-5-18"), binary("", 0x1200A9, READERS)
    texts = [entry.hex("-").upper() for entry in (second, first)]
    cases: list[tuple[list[int], list[Any]]] = [
        (descriptor(0x9004, [first, second]), [True, *texts]),
        (descriptor(0x9004, [second, first], start=48), [True, *texts]),
        (descriptor(0x8005, [first]), [False, texts[1]]),  # 1: the owner is by default
        (descriptor(0xEFFF, [first]), [False, texts[1]]),
        (descriptor(0x1004, []), [True]),
        (descriptor(0x9004, [first], start=0), [True, "none"]),  # present, and null
        (descriptor(0x8000, [first]), [False, "none"]),  # not present, whatever the offset is
        (descriptor(0x8001, [first]), [False, "none"]),
    ]
    script = """
        foreach ($one in $all) {
            $found = ConvertFrom-Descriptor -Bytes ([byte[]] $one)
            , @(@($found.protected) + @($found.hexes))
        }
    """
    assert inside(powershell, script, all=[case[0] for case in cases]) == [case[1] for case in cases]


def test_of_an_entry_of_another_kind_only_the_flags_are_read(powershell: PowerShell) -> None:
    # Behind the mask of an entry for an object there are flags and GUIDs, and no SID
    for kind in (2, 5):
        entry = f"{kind:02}-02-2C-00-FF-01-1F-00-01-00-00-00" + "-AA" * 32
        told = inside(powershell, "ConvertFrom-EntryHex -Hex $hex", hex=entry)
        assert told == [{"type": kind, "flags": 2, "hex": entry}]
        script = "Get-DescriptorLine -Protected $true -Entry @(ConvertFrom-EntryHex -Hex $hex) -Name @{}"
        assert inside(powershell, script, hex=entry)[1] == f"entry of type {kind} CI {entry}"


def test_a_list_that_is_kept_literally_costs_no_look_at_its_entries(powershell: PowerShell) -> None:
    entries = [("OICI", 0x1F01FF, "S-1-5-18"), ("", 0x1200A9, READERS), ("OICIIO", 0x1301BF, READERS)]
    declared = "D:P" + "".join(f"(A;{flags};0x{mask:x};;;{sid})" for flags, mask, sid in entries)
    script = """
        $script:LongestPath, $script:OwnSids = 247, @()
        function Get-Meaning { throw 'looked' }
        $nodes = Get-DeclaredTree -Folder @(@{ path = ''; sddl = $sddl }) -Root '/x' -Separator '/'
        Test-FolderAsDeclared -Node $nodes[0] -Found (ConvertFrom-Descriptor -Bytes ([byte[]] $bytes))
    """
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        kept = descriptor(0x9004, [binary(*entries[at]) for at in order])
        assert inside(powershell, script, sddl=declared, bytes=kept) == [True]


def generated(seed: int) -> Folders:
    """A tree of any shape."""
    chance = random.Random(seed)  # noqa: S311
    entries = [
        f"(A;{flags};0x{mask:x};;;S-1-5-21-7-8-9-{rid})"
        for flags in ("", "OICI", "OICIIO", "CI", "OINPIO")
        for mask in (0x1200A0, 0x1200A9, 0x1301BF)
        for rid in (1000, 1001, 1002)
    ]
    found = [folder("", *chance.sample(entries, 3))]
    for number in range(chance.randrange(25)):
        above = chance.choice(found)["path"]
        found.append(folder(f"{above}/f{number}".lstrip("/"), *chance.sample(entries, chance.randrange(5))))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_generated_trees(tree: Tree, seed: int) -> None:
    chance = random.Random(-seed)  # noqa: S311
    first, second = generated(seed), generated(seed + 1000)
    assert tree.run(first)["created"] == [item["path"] for item in tree_order(first)]
    assert tree.is_as(first)
    # Everything else is drift: other lists on the same places, lists set by hand, folders removed
    for item in chance.sample(first, len(first) // 2):
        tree.put(item["path"], f"D:AI(A;OICI;0x1200a9;;;S-1-5-21-7-8-9-{chance.randrange(1000, 1004)})")
    predicted = tree.run(second, check=True)
    before = tree.on_disk()
    done = tree.run(second)
    assert {key: predicted.get(key) for key in ("changed", "created", "repaired", "diff", "undeclared")} == {
        key: done.get(key) for key in ("changed", "created", "repaired", "diff", "undeclared")
    }
    assert tree.is_as(second)
    assert before <= tree.on_disk(), "something was removed"
    assert not tree.run(second)["changed"]


def tree_order(folders: Folders) -> Folders:
    """Parents first, in the order of the list."""
    inside: dict[str, Folders] = {}
    for item in folders:
        if item["path"]:
            inside.setdefault(item["path"].rpartition("/")[0], []).append(item)

    def below(item: dict[str, str]) -> Folders:
        return [item, *(deep for inner in inside.get(item["path"], []) for deep in below(inner))]

    return below(folders[0])


def many(number: int) -> Folders:
    top = [item for item in GOLDEN if item["path"] in ("", "homes", "shares")]
    home, shared = (
        next(item for item in GOLDEN if item["path"] == path) for path in ("homes/acme", "homes/acme/shared")
    )
    for at in range(number):
        for item in (home, shared):
            text = item["sddl"].replace("-1106)", f"-{2000 + 2 * at})").replace("-1105)", f"-{2001 + 2 * at})")
            top.append({"path": item["path"].replace("acme", f"c{at:05d}"), "sddl": text})
    return top


def test_work_grows_with_the_list_and_no_faster(tree: Tree) -> None:
    # In check mode before the first run the stand-in is never asked, so this is the module's own work
    tree.run(many(250), check=True)  # The first call also pays for the compilation of what it runs
    seconds = []
    for number in (250, 2000):
        before = tree.powershell.processor_seconds()
        assert len(tree.run(many(number), check=True)["created"]) == 3 + 2 * number
        seconds.append(tree.powershell.processor_seconds() - before)
    assert seconds[1] < 8 * seconds[0] * 2.5


def test_ansible_runs_it(pwsh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(collections_with(STAND_IN, tmp_path / "collections")))
    environment = {"FTPS_EXCHANGE_FOLDERS": str(tmp_path / "lists")}
    arguments = {"root": str(tmp_path / "exchange"), "folders": json.dumps(GOLDEN), "sids": SIDS}

    def run(*, check: bool = False) -> dict[str, Any]:
        return by_ansible(pwsh, "win_folder_tree", arguments, check=check, environment=environment)

    check = run(check=True)
    assert check["changed"], check
    assert not (tmp_path / "exchange").exists()
    first = run()
    assert first["created"] == check["created"] == paths(GOLDEN)
    assert first["diff"] == check["diff"]
    (tmp_path / "exchange/homes/hooli").mkdir()
    second = run()
    assert not second["changed"]
    assert second["warnings"] == [f"Undeclared content below {tmp_path}/exchange, not touched: homes/hooli"]


def test_made_up_sids_are_taken_in_a_preview(tree: Tree) -> None:
    sids = exchange_predicted_sids(SIDS)
    texts = json.dumps(GOLDEN)
    for name, sid in SIDS.items():
        texts = texts.replace(f"{sid})", f"{sids[name]})")
    assert tree.run(json.loads(texts), check=True)["created"] == paths(GOLDEN)
