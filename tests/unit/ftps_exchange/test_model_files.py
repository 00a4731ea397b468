"""The directory of customer files: every file is read, refused or ignored, and reported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError
from ftps_exchange.model.yaml_reader import MAXIMUM_BYTES, read_yaml
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory

CUSTOMER = "sources: [192.0.2.1]\naccounts:\n  - {name: a1, access: read}\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # What is not a document of keys and values.
        (b"", "is empty. Describe the customer, or write 'state: absent' to offboard it."),
        (b"# only a comment\n", "is empty."),
        (b"---\n...\n", "is empty."),
        (b"null\n", "is empty."),
        (b"just text\n", "is not a mapping of keys to values ('just text')."),
        (b"- a\n- b\n", "is not a mapping of keys to values (['a', 'b'])."),
        (b"42\n", "is not a mapping of keys to values (42)."),
        # What does not parse: with the line.
        (b"state: present\nsources: [192.0.2.1\naccounts: x\n", "is not valid YAML: while parsing a flow sequence"),
        (b"state: present\n\tsources: x\n", "is not valid YAML"),
        (b'state: "present\n', "is not valid YAML: while scanning a quoted scalar"),
        (b"state: a: b\n", "is not valid YAML: mapping values are not allowed in this context."),
        (b"%YAML 9.9\n---\nstate: absent\n", "is not valid YAML: found incompatible YAML document."),
        (b"state: absent\n---\nstate: absent\n", "starts a second YAML document. A file must contain one document."),
        # What is not text.
        (b"\x7fELF\x02\x01\x01\x00", "contains a character that YAML does not allow"),
        (b"state: pre\x00sent\n", "contains a character that YAML does not allow"),
        (b"\x00" * 100, "contains a character that YAML does not allow"),
        (b"\xff\xfes\x00t\x00a\x00", "is not UTF-8 text (byte 1). Save the file as UTF-8."),
        (b"state: absent\ncontact: {name: J\xf6rg}\n", "is not UTF-8 text (byte 32)."),
        (b"x" * (MAXIMUM_BYTES + 1), "is larger than 256 KiB."),
        # What could grow, loop or run.
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "refers to another place of the file (a YAML alias)."),
        (b"a: &a [*a]\n", "refers to another place of the file (a YAML alias)."),
        (b"? &a [*a]\n: 1\n", "has a list or a mapping as a key."),
        (
            b"state: !!python/object/apply:os.system [id]\n",
            "has a tag (tag:yaml.org,2002:python/object/apply:os.system).",
        ),
        (b"state: !vault |\n  $ANSIBLE_VAULT\n", "has a tag (!vault). Remove it; tags are not used here."),
        (b"state: !!str absent\n", "has a tag"),
        (b"!!map {state: absent}\n", "has a tag"),
        (b"a: " + b"[" * 5000, "is nested more than 16 levels deep."),
        (b"- " * 5000, "is nested more than 16 levels deep."),
        # Keys.
        (b"state: absent\nstate: present\n", "state = None: is a duplicate. Keep one of them."),
        (b'state: absent\n"state": absent\n', "state = None: is a duplicate."),
        (b"{state: absent, contact: {name: a, name: b}}\n", "contact.name = None: is a duplicate."),
        (b"? [a, b]\n: 1\n", "has a list or a mapping as a key."),
        (b"? {a: b}\n: 1\n", "has a list or a mapping as a key."),
        (b"state: absent\n1: x\n", "1 = 'x': is not a known key."),
        (b"state: absent\non: x\n", "on = 'x': is not a known key."),
        (b"state: absent\n<<: {a: b}\n", "['<<'] = {'a': 'b'}: is not a known key."),
        (b"state: absent\n'': b\n", "[''] = 'b': is not a known key."),
        # Values that YAML 1.1 reads as something else than they look like.
        (b"state: on\n", "state = on: is read as true by YAML 1.1. Write true if that is meant."),
        (b"state: No\n", "state = No: is read as false by YAML 1.1."),
        (b"state: 0644\n", "state = 0644: is a number that YAML readers take differently"),
        (b"state: 21:22\n", "state = 21:22: is a number that YAML readers take differently"),
        (b"state: 0x1f\n", 'Put it in quotes if the text is meant: "0x1f".'),
        (b"state: 1_000\n", "is a number that YAML readers take differently"),
        (b"state: +5\n", "is a number that YAML readers take differently"),
        (b"state: " + b"9" * 5000, "is a number that YAML readers take differently"),
        (b"state: .inf\n", "state = .inf: is a number in a form that is not used here."),
        (b"state: .nan\n", "state = .nan: is a number in a form"),
        (b"state: 2027-01-01\n", "state = 2027-01-01: is not one of the choices."),
        (b"state: 2027-02-30\n", "state = 2027-02-30: is not a calendar date"),
        (b"state: 2027-1-1\n", "state = '2027-1-1': is not one of the choices."),
        (b"state: 2027-01-01 10:00:00\n", "is a date in another form, or has a time."),
        (
            b"state: absent\ncontact: {name: 2027-01-01}\n",
            "contact.name = 2027-01-01: is a date, not text. Put it in quotes.",
        ),
        (b"state: absent\ncontact: {phone: 1.5}\n", "a number with a fraction, not text."),
        (
            b"state: absent\nsources: [2001:10:20:30:40:50:51:52]\n",
            "sources[0] = 2001:10:20:30:40:50:51:52: is a number",
        ),
    ],
)
def test_odd_content_is_one_clear_problem(inventory: Inventory, content: bytes, expected: str) -> None:
    inventory.acme = inventory.globex = None  # type: ignore[assignment]
    inventory.write("odd.yml", content)
    inventory.write("fine.yml", "state: absent\n")
    problem = inventory.only_problem()
    assert problem.startswith("customers/odd.yml: ")
    assert expected in problem


def test_yaml_that_does_not_parse_names_file_and_line(inventory: Inventory) -> None:
    inventory.write("odd.yml", "state: present\nsources: [192.0.2.1]\naccounts: }\n")
    with pytest.raises(ModelError) as raised:
        inventory.check()
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == ("customers/odd.yml", 3)
    assert "\ncustomers/odd.yml\n  - line 3: is not valid YAML: " in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: b\nc: \x07\n", 2), ("a: [b,\n\n\nc\nd: }", 5), ("a: b\nstate: *x\n", 2)],
)
def test_lines_of_what_cannot_be_read(text: str, line: int) -> None:
    (flaw,) = read_yaml(text.encode()).flaws
    assert flaw.line == line


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(inventory: Inventory) -> None:
    inventory.write("a.yml", b"\xef\xbb\xbf" + CUSTOMER.replace("\n", "\r\n").encode())
    assert inventory.problems() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b.yaml", "customers/b.yaml: = None: is not a .yml file, so it would be overlooked. Rename it to b.yml."),
        ("b.YML", "Rename it to b.yml."),
        ("b.json", "Rename it to b.yml."),
        ("b", "is not a .yml file, so it would be overlooked. Name customer files <name>.yml; move others elsewhere."),
        ("b.txt", "is not a .yml file"),
        ("b.yml.j2", "is not a .yml file"),
    ],
)
def test_files_that_would_be_overlooked_are_refused(inventory: Inventory, name: str, expected: str) -> None:
    inventory.write(name, CUSTOMER)
    assert expected in inventory.only_problem()


@pytest.mark.parametrize("name", ["b.yml~", "b.yml.bak", "b.yml.orig", "#b.yml#", ".b.yml.swp", ".b.yml", "b.yml.old"])
def test_what_editors_leave_is_ignored_and_told(inventory: Inventory, name: str) -> None:
    inventory.write(name, CUSTOMER)
    model = inventory.check()
    assert len(model["customers"]) == 2
    assert model["notes"] == [f"customers/{name}: ignored, since its name is that of a backup or of a hidden file."]


@pytest.mark.parametrize(("name", "customer"), [("readme-partners.yml", "readme-partners"), ("readme.yml", "readme")])
def test_a_customer_whose_name_begins_like_a_readme_is_not_overlooked(
    inventory: Inventory, name: str, customer: str
) -> None:
    inventory.write(name, CUSTOMER)
    assert customer in {entry["name"] for entry in inventory.check()["customers"]}


@pytest.mark.parametrize("hidden", ["\r", "\x85", "\u2028", "\u2029", "\u202e", "\u2066"])
def test_a_comment_cannot_end_unseen(inventory: Inventory, hidden: str) -> None:
    inventory.write("b.yml", f"# harmless{hidden}state: absent\n{CUSTOMER}".encode())
    inventory.write("c.yml", f"{CUSTOMER.replace('a1', 'a2')}\n#{hidden}".encode())
    (first, second) = inventory.problems()
    assert first.startswith("customers/b.yml: ")
    assert "contains the hidden character \\" in first
    assert second.startswith("customers/c.yml: ")


@pytest.mark.parametrize("key", ["password", "Passwort", "api_token", "secret", "private_key", "initialPwd"])
def test_a_secret_in_a_customer_file_is_refused_and_not_repeated(inventory: Inventory, key: str) -> None:
    inventory.globex["accounts"][0][key] = "hunter2-hunter2"
    problem = inventory.only_problem()
    assert f"accounts[0].{key} = None: is not a known key." in problem
    assert "these files must not contain secrets" in problem
    assert "hunter2" not in problem


def test_a_secret_that_yaml_misreads_is_not_repeated_either(inventory: Inventory) -> None:
    inventory.write("b.yml", f"password: 0o17\n{CUSTOMER}pwd: 0644\n")
    problems = "\n".join(inventory.problems())
    assert "pwd = None: is a number that YAML readers take differently" in problems
    assert "0o17" not in problems
    assert "0644" not in problems


@pytest.mark.parametrize("name", [".gitkeep", ".gitignore", "README.md", "README", "Readme.rst"])
def test_what_belongs_to_a_repository_is_ignored(inventory: Inventory, name: str) -> None:
    inventory.write(name, "text")
    assert inventory.check()["notes"] == []


def test_directories_links_and_devices(inventory: Inventory) -> None:
    (inventory.customers / "dir.yml").mkdir()
    (inventory.customers / "old").mkdir()
    (inventory.customers / "dangling.yml").symlink_to("nowhere")
    (inventory.customers / "loop.yml").symlink_to("loop.yml")
    os.mkfifo(inventory.customers / "fifo.yml")  # opening it would wait for ever
    (inventory.customers / "device.yml").symlink_to("/dev/null")
    problems = dict(line.split(": ", 1) for line in inventory.problems())
    assert "is a directory." in problems["customers/dir.yml"]
    assert "is a directory." in problems["customers/old"]
    assert "is a symbolic link to nothing." in problems["customers/dangling.yml"]
    assert "is a symbolic link to nothing." in problems["customers/loop.yml"]
    assert "is not a regular file." in problems["customers/fifo.yml"]
    assert "is not a regular file." in problems["customers/device.yml"]
    assert len(problems) == 6


def test_a_link_to_a_file_is_a_file(inventory: Inventory, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(CUSTOMER)
    (inventory.customers / "b.yml").symlink_to(tmp_path / "elsewhere")
    assert inventory.problems() == []


def test_unreadable_files_and_directories(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, who can read everything.
    def refuse(self: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    inventory.check()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(ModelError, match="cannot be read: Permission denied") as raised:
            check_model(EXCHANGE, inventory.customers)
    assert [p.file for p in raised.value.problems] == ["customers/acme.yml", "customers/globex.yml"]


def test_file_names_that_are_no_text(inventory: Inventory) -> None:
    for name in (b"caf\xe9.yml", b"a\nb.yml", b"\x1b[2J.yml"):
        Path(os.fsdecode(os.fsencode(inventory.customers) + b"/" + name)).write_text(CUSTOMER)
    problems = "\n".join(inventory.problems())
    assert "customers/caf\\udce9.yml" in problems
    assert "customers/a\\nb.yml" in problems
    assert "customers/\\x1b[2J.yml" in problems
    problems.encode()


@pytest.mark.parametrize("directory", ["missing", "file", "a\x00b", "x" * 5000])
def test_a_directory_that_is_none(tmp_path: Path, directory: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="is not a readable directory of customer files") as raised:
        check_model(EXCHANGE, tmp_path / directory)
    assert "exchange_model_customers_dir" in str(raised.value)


def test_no_customers_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "customers").mkdir()
    model = check_model(EXCHANGE, tmp_path / "customers")
    assert model["customers"] == []
    assert model["notes"] == ["customers: no customer has a file; every customer known so far counts as absent."]


def test_a_long_list_of_problems_is_cut_for_people_and_complete_for_programs(inventory: Inventory) -> None:
    for number in range(150):
        inventory.write(f"c{number:03}.yml", "")
    with pytest.raises(ModelError) as raised:
        inventory.check()
    assert len(raised.value.problems) == 150
    assert str(raised.value).endswith("... and 50 more: repair these first, then run the check again.")
    assert str(raised.value).startswith("The model has 150 problems in 150 files; no host has been touched.")
