"""The filters as Ansible sees them: found, documented, fed tagged and lazy data, failing with one clear message."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from ftps_exchange.errors import ExchangeError
from tests.unit.ftps_exchange.desired_state import GOLDEN, golden

PROJECT = Path(__file__).parents[3]
PLUGINS = PROJECT / "plugins" / "filter"

COPIED_THUMBPRINT = "a1 b2 c3 d4 e5 f6 07 18 29 3a 4b 5c 6d 7e 8f 90 a1 b2 c3 d4"
NETWORKS = ["192.0.2.7"]
PORTS = [50000, 50199]
RULES = "tcp dport 50000-50099 dnat x"
MOVING = {"dmz": ["10.20.30.1/24", "fd20:30::1/64"]}
STAYING = {"edge1": {"dmz": "10.20.30.2"}, "edge2": {"dmz": "10.20.30.3"}}
SERVERS = {
    host: {
        "edge_server": {"name": f"ftps{number}", "ip4": f"10.20.30.2{number}"},
        "server_pool": {"interface": "eth0", "ip4": f"10.20.30.1{number}"},
    }
    for number, host in enumerate("ab", 1)
}
OPTIONS = {"root": "D:\\ftps-exchange"}
RESULTS = {"edges": {"edge1": {"failed": True, "msg": "no answer"}}}

EXPRESSIONS = {
    "exchange_access": "model | ftps.exchange.exchange_access",
    "exchange_desired": "model | ftps.exchange.exchange_desired",
    "exchange_desired_folders": "model | ftps.exchange.exchange_desired_folders(sids)",
    "exchange_desired_iis": "model | ftps.exchange.exchange_desired_iis({'ftps1': options})",
    "exchange_desired_iis_problems": "model | ftps.exchange.exchange_desired_iis_problems({'ftps1': {}})",
    "exchange_diagnosis": f"model | ftps.exchange.exchange_diagnosis({RESULTS}, customer='acme')",
    "exchange_diagnosis_subject": "model | ftps.exchange.exchange_diagnosis_subject(account='acme-up')",
    "exchange_directory": "model | ftps.exchange.exchange_directory",
    "exchange_edge_pair": f"{MOVING} | ftps.exchange.exchange_edge_pair({STAYING}, host='edge1', sync_interface='dmz')",
    "exchange_edge_sets": "model | ftps.exchange.exchange_edge_sets",
    "exchange_event_flows": "model | ftps.exchange.exchange_event_flows",
    "exchange_event_receivers": "model | ftps.exchange.exchange_event_receivers",
    "exchange_firewall_addresses": "model | ftps.exchange.exchange_edge_sets"
    f" | ftps.exchange.exchange_firewall_addresses({NETWORKS})",
    "exchange_folders": "model | ftps.exchange.exchange_folders(sids, platform='posix')",
    "exchange_group_names": "model | ftps.exchange.exchange_group_names",
    "exchange_host_sets": "model | ftps.exchange.exchange_host_sets",
    "exchange_iis_application_host": "model | ftps.exchange.exchange_iis_settings(options)"
    " | ftps.exchange.exchange_iis_application_host",
    "exchange_iis_settings": "model | ftps.exchange.exchange_iis_settings(options)",
    "exchange_ports_meanwhile": f"{PORTS} | ftps.exchange.exchange_ports_meanwhile(rules='{RULES}')",
    "exchange_predicted_sids": "model | ftps.exchange.exchange_group_names | ftps.exchange.exchange_predicted_sids",
    "exchange_quotas": "model | ftps.exchange.exchange_quotas",
    "exchange_retention": "model | ftps.exchange.exchange_retention",
    "exchange_server_pool": f"{SERVERS} | ftps.exchange.exchange_server_pool(host='a')",
    "exchange_service_ports": "model | ftps.exchange.exchange_service_ports",
    "exchange_thumbprint": f"'{COPIED_THUMBPRINT}' | ftps.exchange.exchange_thumbprint",
}


def load_filters() -> dict[str, Callable[..., Any]]:
    spec = importlib.util.spec_from_file_location("exchange", PLUGINS / "exchange.py")
    assert spec is not None
    assert spec.loader is not None
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    filters: dict[str, Callable[..., Any]] = plugin.FilterModule().filters()
    return filters


def ansible(program: str, *arguments: str | Path, where: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Ansible with the project's filters, without the settings of the user."""
    (where / "ansible.cfg").touch()
    return subprocess.run(
        [sys.executable, "-m", "ansible", program, *arguments],
        cwd=where,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(where / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "collections"),
            "ANSIBLE_HOME": str(where / "home"),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def apply(name: str, filters: dict[str, Callable[..., Any]], model: Any, sids: Any) -> Any:
    match name:
        case "exchange_diagnosis":
            return filters[name](model, RESULTS, customer="acme")
        case "exchange_diagnosis_subject":
            return filters[name](model, account="acme-up")
        case "exchange_edge_pair":
            return filters[name](MOVING, STAYING, host="edge1", sync_interface="dmz")
        case "exchange_server_pool":
            return filters[name](SERVERS, host="a")
        case "exchange_firewall_addresses":
            return filters[name](apply("exchange_edge_sets", filters, model, sids), NETWORKS)
        case "exchange_ports_meanwhile":
            return filters[name](PORTS, rules=RULES)
        case "exchange_thumbprint":
            return filters[name](COPIED_THUMBPRINT)
        case "exchange_folders":
            return filters[name](model, sids, platform="posix")
        case "exchange_iis_application_host":
            return filters[name](apply("exchange_iis_settings", filters, model, sids))
        case "exchange_iis_settings":
            return filters[name](model, OPTIONS)
        case "exchange_desired_folders":
            return filters[name](model, sids)
        case "exchange_desired_iis":
            return filters[name](model, {"ftps1": OPTIONS})
        case "exchange_desired_iis_problems":
            return filters[name](model, {"ftps1": {}})
        case "exchange_predicted_sids":
            return filters[name](filters["exchange_group_names"](model))
    return filters[name](model)


def assert_plain(value: object) -> None:
    """Exactly the types that any consumer can serialise: no subclass, no tuple, no set, no dataclass."""
    assert type(value) in (dict, list, str, int, bool, type(None)), type(value)
    if isinstance(value, dict):
        for key, item in value.items():
            assert_plain(key)
            assert_plain(item)
    elif isinstance(value, list):
        for item in value:
            assert_plain(item)


def test_these_are_the_filters() -> None:
    assert sorted(load_filters()) == sorted(EXPRESSIONS)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_plain_data_in_plain_data_out(name: str) -> None:
    assert_plain(apply(name, load_filters(), golden("model"), golden("sids")))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_ansible_s_loader_tags_gives_the_same_plain_data(name: str) -> None:
    text = yaml.safe_dump(golden("model"))
    tagged, sids = DataLoader().load(text), DataLoader().load(yaml.safe_dump(golden("sids")))
    assert type(tagged["exchange"]["name"]) is not str, "Ansible no longer tags: this test has lost its point"
    result = apply(name, load_filters(), tagged, sids)
    assert_plain(result)
    assert result == apply(name, load_filters(), golden("model"), golden("sids"))


PLAY = """
- name: Every filter
  hosts: localhost
  connection: local
  gather_facts: false
  vars:
    address: 198.51.100.20
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
  tasks:
    - name: Write what the filters return
      ansible.builtin.copy:
        dest: "{{{{ playbook_dir }}}}/result.json"
        content: "{{{{ {{{results}}} | to_json }}}}"
        mode: "0644"
"""


def test_in_a_play_with_lazily_templated_values(tmp_path: Path) -> None:
    """A value that is itself an expression is only resolved when the filter looks at it."""
    text = (GOLDEN / "model.json").read_text().replace("198.51.100.20/32", "{{ address }}/32")
    others = json.dumps({"sids": golden("sids"), "options": OPTIONS})
    (tmp_path / "vars.json").write_text(f'{{"model": {text}, {others[1:]}')
    results = ", ".join(f"'{name}': {expression}" for name, expression in EXPRESSIONS.items())
    (tmp_path / "play.yml").write_text(PLAY.format(results=results))
    run = ansible("playbook", "-i", "localhost,", "-e", "@vars.json", "play.yml", where=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    filters = load_filters()
    assert json.loads((tmp_path / "result.json").read_text()) == {
        name: json.loads(json.dumps(apply(name, filters, golden("model"), golden("sids")))) for name in EXPRESSIONS
    }
    assert "WARNING" not in run.stderr
    assert "DEPRECATION" not in run.stderr


def test_a_failing_filter_says_what_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "vars.json").write_text(json.dumps({"model": golden("model"), "sids": {}}))
    (tmp_path / "play.yml").write_text(PLAY.format(results="'folders': model | ftps.exchange.exchange_folders(sids)"))
    run = ansible("playbook", "-i", "localhost,", "-e", "@vars.json", "play.yml", where=tmp_path)
    assert run.returncode != 0
    assert "group ftpsx-customers has no SID. The directory step makes the groups" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_without_the_package_every_filter_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("desired", "directory", "edge", "folders", "iis.settings", "permissions"):
        monkeypatch.setitem(sys.modules, f"ftps_exchange.{module}", None)
    filters = load_filters()
    assert sorted(filters) == sorted(EXPRESSIONS)
    for function in filters.values():
        with pytest.raises(RuntimeError, match=r"ftps_exchange cannot be imported.*Run `make venv`"):
            function({}, {}, platform="posix")


def test_errors_are_value_errors_which_ansible_shows_as_they_are() -> None:
    assert issubclass(ExchangeError, ValueError)


# -- documentation -----------------------------------------------------------------------------------------------------


def sidecar(name: str) -> dict[str, Any]:
    documentation: dict[str, Any] = yaml.safe_load((PLUGINS / f"{name}.yml").read_text())
    return documentation


def test_every_filter_has_its_documentation_and_nothing_else_has() -> None:
    assert sorted(path.stem for path in PLUGINS.glob("exchange_*.yml")) == sorted(EXPRESSIONS)


def test_ansible_doc_reads_all_of_it(tmp_path: Path) -> None:
    names = [f"ftps.exchange.{name}" for name in EXPRESSIONS]
    run = ansible("doc", "--type", "filter", "--json", *names, where=tmp_path)
    assert run.returncode == 0, run.stderr
    documented = json.loads(run.stdout)
    assert sorted(documented) == sorted(names)
    assert all(one["doc"]["short_description"] and one["examples"] and one["return"] for one in documented.values())


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_options_are_the_parameters_of_the_function(name: str) -> None:
    options = sidecar(name)["DOCUMENTATION"]["options"]
    _input, *parameters = inspect.signature(load_filters()[name]).parameters.values()
    assert sorted(options) == sorted(["_input", *(parameter.name for parameter in parameters)])
    for parameter in parameters:
        required = parameter.default is inspect.Parameter.empty
        assert options[parameter.name].get("required", False) is required
        assert options[parameter.name].get("default") == (None if required else parameter.default)


def part_of(sample: object, whole: object) -> bool:
    """Whether a documented sample is an extract of a result."""
    if isinstance(sample, dict) and isinstance(whole, dict):
        return all(key in whole and part_of(value, whole[key]) for key, value in sample.items())
    if isinstance(sample, list) and isinstance(whole, list):
        return all(any(part_of(item, candidate) for candidate in whole) for item in sample)
    if isinstance(sample, str) and isinstance(whole, str) and "\n" in sample:
        return sample in whole
    if isinstance(sample, str) and isinstance(whole, str) and sample.endswith("…"):
        return whole.startswith(sample.removesuffix("…"))
    return type(sample) is type(whole) and sample == whole


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_sample_is_what_the_lab_gives(name: str) -> None:
    result = json.loads(json.dumps(apply(name, load_filters(), golden("model"), golden("sids"))))
    sample = sidecar(name)["RETURN"]["_value"]["sample"]
    assert part_of(sample, result), f"{sample} is not part of {result}"
