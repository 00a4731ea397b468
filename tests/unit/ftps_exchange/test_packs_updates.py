"""Update files: loaded on a device that has the rules of the pack before, they leave those of this one.

What a device makes of the lines is played by the small models below: a console of Cisco, the set commands of Junos and
PAN-OS, and the tables of FortiOS.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import Any, Final

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Customer
from ftps_exchange.packs import PackService, render_rules
from ftps_exchange.packs import updates as module
from ftps_exchange.packs.check import check_update
from ftps_exchange.packs.formats import REGISTRY
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED, cases

UPDATED: Final = [each.name for each in REGISTRY.values() if each.update]
SHARED: Final = ("nat (", "object ", "ip nat ", "set security nat ")

type State = dict[Any, Any]


def updates(before: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    return module.updates(ACME, before, now)


def console(state: State, text: str, comment: str) -> Iterator[None]:
    """Cisco: a line adds, ``no`` and the line removes; one below another belongs to it. A yield for each step."""
    top = ""
    for line in text.split("\n"):
        if not line.strip() or line.startswith((comment, "  ")) or line.strip() == "exit":
            continue
        if line.startswith(" "):
            assert top in state, f"{line!r} below nothing"
            inner = line.strip()
            if inner.startswith("no "):
                state[top].discard(inner[3:])
            else:
                state[top].add(inner)
        elif line.startswith("no "):
            state.pop(line[3:], None)
        else:
            top = line
            state.setdefault(top, set())
        yield


def set_commands(state: State, text: str, comment: str) -> Iterator[None]:
    """Junos and PAN-OS: ``set`` joins a list or replaces a value, ``delete`` takes away all below it."""
    for line in text.split("\n"):
        if line.startswith("set "):
            words = line.split()[1:]
            listed = {"address-set", "application-set", "address-group", "destination-port"} & set(words)
            own = next((n for n, word in enumerate(words) if word.startswith("FTPS-")), len(words) - 2)
            key = " ".join(words if listed else words[: own + 1] if words[0] == "rulebase" else words[:-1])
            state[key] = line
        elif line.startswith("delete "):
            part = line.removeprefix("delete ")
            # A value goes whatever it is now: what is said behind its name is not compared
            setting = part.rpartition(" ")[0]
            for key in [
                key for key, value in state.items() if key == setting or f"{value} ".startswith(f"set {part} ")
            ]:
                del state[key]
        yield


def tables(state: State, text: str, comment: str) -> Iterator[None]:
    """FortiOS: an entry is what was set last; a policy has a number, and no second may have its name."""
    for section, body in re.findall(r"^config (firewall [a-z0-9 -]+)\n(.*?)^end$", text, re.MULTILINE | re.DOTALL):
        name = re.search(r"edit (.*)", body)
        numbered = re.search(r"set (?:name|orig-addr6?) (.*)", body)
        if name is None:
            state.pop((section, body.split("delete ")[1].strip()), None)
        else:
            key = section, numbered[1] if name[1] == "0" and numbered else name[1]
            assert name[1] != "0" or key not in state, f"{key} is taken"
            state[key] = body
        yield


DEVICES: Final[dict[str, Callable[[State, str, str], Iterator[None]]]] = {
    "cisco_asa": console,
    "cisco_ios": console,
    "juniper_srx": set_commands,
    "palo_alto": set_commands,
    "fortigate": tables,
}


def loaded(name: str, *texts: str, state: State | None = None) -> State:
    """What a device has after these texts."""
    result: State = {} if state is None else state
    for text in texts:
        if name == "fortigate":
            by_hand(result, text)
        for _ in DEVICES[name](result, text, REGISTRY[name].comment):
            pass
    return result


def by_hand(state: State, text: str) -> None:
    """What an update of FortiOS asks the administrator to delete: a policy has a number that only the device knows."""
    for section, name in re.findall(
        r"^# (?:Delete|First delete the one that is there): (.*), (\".*\")$", text, re.MULTILINE
    ):
        assert section in ("firewall policy", "firewall central-snat-map")
        state.pop((section, name), None)


def own(state: State) -> State:
    """Without translations, which all customers share, and lists that nothing is in any more."""
    return {
        key: value
        for key, value in state.items()
        if not str(value if isinstance(value, str) else key).startswith(SHARED) and "vip" not in str(key)
    }


CHANGES: Final[list[tuple[dict[str, Any], dict[str, Any]]]] = [
    ({}, {"sources4": ("203.0.113.20/32", "203.0.113.99/32")}),
    ({}, {"sources4": ("203.0.113.77/32",), "inside4": ("10.99.0.0/16",)}),
    ({}, {"sources6": ()}),
    ({}, {"sources4": (), "inside4": ()}),
    ({}, {"inside6": ("fd77:20::/64",)}),
    ({}, {"inside4": ()}),
    ({"implicit_port": None}, {}),
    ({"explicit_port": 2121}, {}),
    ({"passive": (50000, 50049)}, {}),
    ({"public4": "198.51.100.77", "public6": "2001:db8:100::77"}, {}),
    ({"inside4": "10.77.10.12"}, {}),
    ({"inside6": "fd00:77::11"}, {}),
    ({"inside4": None}, {}),
]


def pairs() -> list[tuple[tuple[PackService, Customer], tuple[PackService, Customer]]]:
    """Before and after: each change alone, and random customers that become another's networks."""
    one = (HAND_CHECKED, ACME)
    changed = [
        (dataclasses.replace(HAND_CHECKED, **service), dataclasses.replace(ACME, **customer))
        for service, customer in CHANGES
    ]
    found = [(one, after) for after in changed] + [(after, one) for after in changed]
    some = [case for case in cases(80) if case[0].public4 and case[0].public6 and case[1].sources4][:30]
    for (service, customer), (_, other) in itertools.pairwise(some):
        found.append(((service, customer), (service, dataclasses.replace(other, name=customer.name))))
    return found


@pytest.mark.parametrize("name", UPDATED)
def test_an_update_leaves_what_the_new_file_says(name: str) -> None:
    made = 0
    for before, after in pairs():
        old, new = render_rules(name, *before), render_rules(name, *after)
        for path, text in updates(old, new).items():
            file = path.replace("-update.txt", ".txt")
            state = loaded(name, text, state=loaded(name, old[file]))
            assert own(state) == own(loaded(name, new[file])), (file, before, after)
            # Again, and after the whole file: the same
            made += 1
    assert made > 80


@pytest.mark.parametrize("name", UPDATED)
def test_whoever_skipped_packs_loads_the_whole_file_and_the_end_of_the_update(name: str) -> None:
    # A policy of FortiOS that is there keeps what it names, as its file says: no change of it here
    return_of = [0, 1, 2, 3, 8] if name == "fortigate" else range(len(CHANGES))
    for first, second in itertools.permutations(return_of, 2):
        stages = [
            (HAND_CHECKED, ACME),
            *(
                (dataclasses.replace(HAND_CHECKED, **service), dataclasses.replace(ACME, **customer))
                for service, customer in (CHANGES[first], CHANGES[second])
            ),
        ]
        files = [render_rules(name, *stage) for stage in stages]
        between = updates(files[0], files[1])
        last = updates({**files[1], **between}, files[2])
        for path, text in last.items():
            file = path.replace("-update.txt", ".txt")
            if file not in files[0]:
                continue
            whole = files[2][file]
            _, _, gone = text.partition(f"{REGISTRY[name].comment} Gone:\n")
            if name == "fortigate":
                whole = re.sub(r"config firewall (policy|central-snat-map)\n.*?\nend\n", "", whole, flags=re.DOTALL)
            state = loaded(name, whole, gone, state=loaded(name, files[0][file]))
            assert own(state) == own(loaded(name, files[2][file])), (file, first, second)


def test_an_access_list_of_an_asa_is_never_empty_meanwhile() -> None:
    """With its last line its access-group would go too: everything passes, or nothing."""
    for before, after in pairs():
        old, new = render_rules("cisco_asa", *before), render_rules("cisco_asa", *after)
        for path, text in updates(old, new).items():
            state = loaded("cisco_asa", old[path.replace("-update.txt", ".txt")])
            for _ in console(state, text, "!"):
                assert any(line.startswith("access-list ") for line in state)


@pytest.mark.parametrize("name", UPDATED)
def test_only_what_has_a_name_of_ours_is_removed(name: str) -> None:
    for before, after in pairs():
        for text in updates(render_rules(name, *before), render_rules(name, *after)).values():
            _, _, gone = text.partition(f"{REGISTRY[name].comment} Gone:\n")
            for line in gone.split("\n"):
                if line.startswith(("no ", "delete ", "    delete ")):
                    assert "FTPS-" in line


def test_translations_that_other_customers_may_need_stay_and_are_named() -> None:
    after = dataclasses.replace(HAND_CHECKED, passive=(50000, 50049), implicit_port=None)
    for name in ("cisco_asa", "cisco_ios", "juniper_srx", "fortigate"):
        made = updates(render_rules(name, HAND_CHECKED, ACME), render_rules(name, after, ACME))
        (text,) = (text for path, text in made.items() if path in (f"{name}-provider-update.txt",))
        head, _, gone = text.partition(f"{REGISTRY[name].comment} Gone:\n")
        assert "Also gone, but all customers share it" in head
        assert "990" in head.partition("Also gone")[2]
        assert not re.search(
            r"^(no nat|no object|no ip nat|delete security nat|config firewall vip)", gone, re.MULTILINE
        )


@pytest.mark.parametrize("name", UPDATED)
def test_where_no_rule_changes_the_update_stays_as_it_is(name: str) -> None:
    files = render_rules(name, HAND_CHECKED, ACME)
    assert updates(files, files) == {}
    other = dataclasses.replace(ACME, contact=dataclasses.replace(ACME.contact, name="Somebody Else"))
    again = render_rules(name, HAND_CHECKED, other)
    assert again != files
    assert updates(files, again) == {}
    before = render_rules(
        name, HAND_CHECKED, dataclasses.replace(ACME, sources4=(IPv4Network("203.0.113.99/32"),), inside4=())
    )
    earlier = updates(before, files)
    assert len(earlier) >= 2
    assert updates({**files, **earlier}, again) == earlier


def test_rules_of_a_pack_that_were_written_in_another_way_make_no_update() -> None:
    files = render_rules("cisco_asa", HAND_CHECKED, ACME)
    before = {path: f"{text}object-group network FTPS-lab\n" for path, text in files.items()}
    assert updates(before, files) == {}


def test_formats_that_are_replaced_as_a_whole_have_none() -> None:
    for name in set(REGISTRY) - set(UPDATED):
        other = dataclasses.replace(HAND_CHECKED, explicit_port=2121)
        assert updates(render_rules(name, HAND_CHECKED, ACME), render_rules(name, other, ACME)) == {}


@pytest.mark.parametrize("name", UPDATED)
def test_an_update_that_says_anything_else_is_refused(name: str) -> None:
    after = render_rules(
        name, HAND_CHECKED, dataclasses.replace(ACME, sources4=(IPv4Network("203.0.113.99/32"),), inside4=())
    )
    made = updates(render_rules(name, HAND_CHECKED, ACME), after)
    for path, text in made.items():
        rules = after[path.replace("-update.txt", ".txt")]
        check_update(name, ACME, rules, text)
        for line in (
            "access-list FTPS-lab-OUT extended permit ip any any",
            "set security policies default-policy permit-all",
            " permit ip any any",
            "no access-list OTHER extended deny ip any any",
            "delete security policies",
            'set srcaddr "all"',
            "clear configure all",
        ):
            with pytest.raises(ExchangeError, match="neither a line of the rules nor a removal"):
                check_update(name, ACME, rules, f"{text}{line}\n")


def test_an_update_begins_a_move_and_another_ends_it() -> None:
    """The first only adds, apart from objects that get the new value; the second removes the former value."""
    before = dataclasses.replace(HAND_CHECKED, inside4=None)
    moving = dataclasses.replace(before, public4="198.51.100.11", also_public4="198.51.100.10")
    files = {
        service: {
            f"rules/{file}": text
            for name in REGISTRY
            for file, text in render_rules(name, service, ACME).items()
            if "-provider" not in file
        }
        for service in (before, moving, dataclasses.replace(moving, also_public4=None))
    }
    old, both, new = files.values()
    begins = module.updates(ACME, old, both)
    ends = module.updates(ACME, both | begins, new)
    assert begins.keys() == ends.keys()
    for path, text in begins.items():
        assert "198.51.100.11" in text, path
        assert "198.51.100.10" in ends[path] or "4-ALSO" in ends[path], path
