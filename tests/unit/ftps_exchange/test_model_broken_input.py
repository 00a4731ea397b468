"""Any content of the inventory: a list of problems that name their files, never a traceback."""

from __future__ import annotations

import copy
import datetime
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError
from tests.unit.ftps_exchange.model_inputs import ACME, EXCHANGE, GLOBEX, TODAY, Inventory

MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**4200),
    st.floats(),
    st.text(),
    st.dates(),
    st.sampled_from(
        [
            "",
            "on",
            "0644",
            "21:22",
            "root",
            "NUL",
            "..",
            "a/b",
            "10.0.0.1/8",
            "::/0",
            "0.0.0.0/0",
            "\x00",
            "\ud800",
            "-",
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    paths = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            paths += _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            paths += _paths(item, (*path, index))
    return paths


@st.composite
def mutated(draw: st.DrawFn, base: Any) -> Any:
    """A valid input with one to three places replaced, removed, doubled or added to."""
    result: Any = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(result)))
        if not path:
            if not isinstance(result, dict) or draw(st.integers(0, 9)) == 0:
                return draw(values)
            result[draw(st.text(max_size=12))] = draw(values)
            continue
        parent: Any = result
        for part in path[:-1]:
            parent = parent[part]
        last: Any = path[-1]
        action = draw(st.sampled_from(["replace", "remove", "double", "add"]))
        if action == "remove":
            del parent[last]
        elif action == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif action == "add" and isinstance(parent, dict):
            parent[draw(st.text(max_size=12))] = draw(values)
        else:
            parent[last] = draw(values)
    return result


def outcome(exchange: Any, files: dict[str, bytes]) -> dict[str, Any] | list[Any]:
    """Return the model or the problems; anything else is a failure of the test."""
    with tempfile.TemporaryDirectory() as directory:
        customers = Path(directory) / "customers"
        customers.mkdir()
        for name, content in files.items():
            (customers / name).write_bytes(content)
        refused: ModelError | None = None
        model: dict[str, Any] = {}
        try:
            model = check_model(exchange, customers, today=TODAY)
        except ModelError as error:
            refused = error
    if refused is None:
        json.dumps(model, allow_nan=False).encode("utf-8")
        return model
    assert refused.problems
    for problem in refused.problems:
        assert problem.file.startswith(("customers/", "group_vars/all/exchange.yml"))
        assert problem.message
        assert problem.remedy
        assert len(problem.text()) < 2000
    # Both forms of the answer can be sent and shown.
    json.dumps([problem.as_dict() for problem in refused.problems]).encode("utf-8")
    str(refused).encode("utf-8")
    assert all(line.isprintable() for line in str(refused).split("\n"))
    return refused.problems


def as_yaml(value: Any) -> bytes:
    try:
        text: str = yaml.safe_dump(value, allow_unicode=True)
        return text.encode("utf-8", "surrogatepass")
    except yaml.YAMLError:  # what YAML cannot write, another reader of the same data may still meet
        return repr(value).encode("utf-8", "surrogatepass")


ACME_FILE = as_yaml(ACME)
GLOBEX_FILE = as_yaml(GLOBEX)


@MANY
@given(mutated(EXCHANGE))
def test_any_service(exchange: Any) -> None:
    outcome(exchange, {"acme.yml": ACME_FILE, "globex.yml": GLOBEX_FILE})


@MANY
@given(mutated(ACME))
def test_any_customer(customer: Any) -> None:
    outcome(EXCHANGE, {"acme.yml": as_yaml(customer), "globex.yml": GLOBEX_FILE})


@MANY
@given(values)
def test_any_document_is_refused(document: Any) -> None:
    """No document made at random is a customer: at least one problem, and it names the file."""
    if isinstance(document, dict) and document.get("state") == "absent":
        return
    problems = outcome(EXCHANGE, {"odd.yml": as_yaml(document), "globex.yml": GLOBEX_FILE})
    assert isinstance(problems, list)
    assert {problem.file for problem in problems} == {"customers/odd.yml"}


@MANY
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(content: bytes) -> None:
    problems = outcome(EXCHANGE, {"odd.yml": content})
    assert isinstance(problems, list)
    assert {problem.file for problem in problems} == {"customers/odd.yml"}


@MANY
@given(st.integers(0, len(ACME_FILE)), st.integers(0, 20), st.binary(max_size=12))
def test_any_damage_to_a_file(start: int, length: int, replacement: bytes) -> None:
    damaged = ACME_FILE[:start] + replacement + ACME_FILE[start + length :]
    outcome(EXCHANGE, {"acme.yml": damaged, "globex.yml": GLOBEX_FILE})


@MANY
@given(st.text(alphabet="ab: -[]{}&*!|>'\"#%@`\n\t,?~<=0.1\x00\u2028", max_size=60))
def test_any_punctuation(text: str) -> None:
    outcome(EXCHANGE, {"odd.yml": text.encode()})


def _every_break() -> list[tuple[str, Any]]:
    """Each field of a valid service and of a valid customer, with each of a list of values that it cannot have."""
    wrong: list[Any] = [[[]], {"x": {}}, 1.5, "\x00", "no such\nthing", datetime.date(2027, 1, 1), -1]
    breaks = []
    for where, base in (("exchange", EXCHANGE), ("acme", ACME)):
        for path in _paths(base)[1:]:
            for value in wrong:
                result = copy.deepcopy(base)
                parent: Any = result
                for part in path[:-1]:
                    parent = parent[part]
                parent[path[-1]] = value
                breaks.append((where, result))
    return breaks


def test_every_field_with_every_kind_of_wrong_value_is_refused() -> None:
    breaks = _every_break()
    assert len(breaks) > 200
    for where, broken in breaks:
        if where == "exchange":
            problems = outcome(broken, {"acme.yml": ACME_FILE, "globex.yml": GLOBEX_FILE})
            file = "group_vars/all/exchange.yml"
        else:
            problems = outcome(EXCHANGE, {"acme.yml": as_yaml(broken), "globex.yml": GLOBEX_FILE})
            file = "customers/acme.yml"
        assert isinstance(problems, list), broken
        assert file in {problem.file for problem in problems}, broken


def test_data_as_ansible_loads_it_gives_the_same(tmp_path: Path) -> None:
    """Ansible tags what it loads with subclasses of str, int, list and dict."""
    (tmp_path / "exchange.yml").write_text(yaml.safe_dump(EXCHANGE))
    tagged = DataLoader().load_from_file(str(tmp_path / "exchange.yml"))
    inventory = Inventory(tmp_path / "inventory")
    plain = inventory.check()
    inventory.exchange = tagged
    model = inventory.check()
    assert model == plain
    assert type(model["exchange"]) is dict
    assert type(model["exchange"]["name"]) is str
    tagged["passive_ports"].reverse()
    assert "is reversed, so it is empty. Write [50000, 50099]." in inventory.only_problem()


def test_the_input_is_not_changed(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path)
    inventory.check()
    assert inventory.exchange == EXCHANGE
