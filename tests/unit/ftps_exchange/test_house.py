"""How the package is built: one view of the model, one name for the folder of the shares."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftps_exchange.model.names import SHARED

PROJECT = Path(__file__).resolve().parents[3]
PACKAGE = PROJECT / "src" / "ftps_exchange"
PLUGINS = PROJECT / "plugins"
MODEL = PACKAGE / "model"

OF_THE_MODEL_ALONE = frozenset(
    {"sources4", "sources6", "inside_networks", "shared_exit", "implicit_tls", "disabled_because"}
    | {"netbios_name", "managed_ou", "group_prefix", "when_absent", "removal_limit_percent"}
    | {"max_sessions", "max_sessions_per_account"}
)
"""Keys of the checked model that are no key of anything else that is read here."""

VIEWS = {"model": "Model", "exchange": "Exchange", "customer": "Customer", "account": "Account"}


def sources() -> list[Path]:
    """Every Python file that works with the checked model, but for those that check and read it."""
    files = [path for path in PACKAGE.rglob("*.py") if MODEL not in path.parents]
    return sorted([*files, *(PLUGINS / "action").glob("*.py"), *(PLUGINS / "filter").glob("*.py")])


def raw_reads(tree: ast.AST) -> Iterator[str]:
    """Where a key of the model is looked up in a dictionary, and where a part of the model is taken as one."""
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0] if node.args else None
        if isinstance(key, ast.Constant) and key.value in OF_THE_MODEL_ALONE:
            yield f"line {key.lineno}: reads the key {key.value}"
        if isinstance(node, ast.arg) and node.arg in VIEWS and node.annotation is not None:
            annotation = ast.unparse(node.annotation)
            if re.search(r"\b(Mapping|dict|Any|Json)\b", annotation):
                yield f"line {node.lineno}: takes {node.arg} as {annotation} instead of {VIEWS[node.arg]}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_only_the_view_reads_the_checked_model(path: Path) -> None:
    assert list(raw_reads(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(model: Mapping[str, Any]) -> None: ...",
        "limit = int(model['exchange']['removal_limit_percent'])",
        "networks = customer.get('sources4') or []",
    ],
)
def test_a_second_reader_would_be_found(text: str) -> None:
    assert list(raw_reads(ast.parse(text)))


def without_docstrings(tree: ast.Module) -> Iterator[str]:
    """The texts of a module that are more than a comment."""
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in comments:
            yield node.value


def test_the_folder_of_the_shares_is_named_in_one_place() -> None:
    """Prose may say /shared; what becomes a path may not. (``shared`` by itself is a use of the public address too.)"""
    path_of_it = re.compile(rf"(?:[\w}}\]]|^)[/\\]{SHARED}(?:[/\\]|$)|^{SHARED}[/\\]")
    found = [
        f"{path.relative_to(PROJECT)}: {text!r}"
        for path in [*PACKAGE.rglob("*.py"), *PLUGINS.rglob("*.py")]
        for text in without_docstrings(ast.parse(path.read_text("utf-8")))
        if path_of_it.search(text)
    ]
    assert found == []
    texts = (path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert sum(len(re.findall(rf'^\w+: Final = "{SHARED}"$', text, re.MULTILINE)) for text in texts) == 1


def test_a_server_calls_the_folder_of_the_shares_the_same() -> None:
    """What runs at each login imports nothing of the project."""
    files = PROJECT / "roles" / "ftps_server" / "files"
    assert f'SHARED = "{SHARED}"' in (files / "ftps-exchange-session").read_text("utf-8")
    assert f'parts[0] == "{SHARED}"' in (files / "ftps-exchange-transfer-log").read_text("utf-8")


def test_filters_need_no_pydantic() -> None:
    """Each task that uses a filter would import it again: a seventh of a second."""
    program = (
        "import sys, ftps_exchange.wire, ftps_exchange.desired, ftps_exchange.preflight, ftps_exchange.windows, "
        "ftps_exchange.iis.render; sys.exit('pydantic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, check=False)
    assert run.returncode == 0
