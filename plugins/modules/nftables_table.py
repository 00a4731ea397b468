#!/usr/bin/python
"""Own one nftables table: rules as text, the members of its named sets as data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_table
short_description: Own one nftables table, its rules and the elements of its named sets
description:
  - Runs on a host with Linux.
  - Brings one table of the running kernel, and the file that loads it at boot, to the declared state. Everything in
    the table is owned, so an undeclared rule, set or element is removed; other tables are not touched.
  - The module compares the active table with the declaration after a kernel has parsed it. For that it loads the
    declaration into a temporary network namespace. It keeps no state between runs, so it finds and repairs a table
    that was changed or deleted by hand.
  - If only elements differ, one transaction deletes and adds just those, and all others keep their counters. If more
    than 100 elements of a set are removed, it fills the set again with the counters read just before.
  - If rules differ, one transaction replaces the chains and keeps the sets. There is no moment without rules.
  - An element whose comment changed is replaced in the same transaction and keeps its counter.
  - A change of the rules may lock you out. With O(rollback_seconds) the module first starts a transient
    systemd timer that restores the last confirmed table, unless a second call with O(state=confirmed) proves in time
    that the host is still reachable. Elements never need a confirmation.
  - The customers of a table are the names in its elements' comments, separated by commas.
options:
  family:
    description: Address family of the table.
    type: str
    choices: [inet, ip, ip6]
    default: inet
  name:
    description: Name of the table.
    type: str
    required: true
  definition:
    description:
      - The content of the table as for C(nft -f). Sets named in O(sets) are declared here without elements.
      - Interfaces must be matched by name (C(iifname)); C(iif) needs an index, which only the host itself knows.
      - Required with O(state=loaded).
    type: str
  sets:
    description:
      - The elements of named sets of addresses, by name of the set, each a list of dictionaries. C(element) is an
        address, a network in CIDR notation, or a range C(first-last); C(comment) says whose it is, in at most 128
        bytes, the limit of nft.
      - A name may also be that of a map from addresses to marks. Each of its elements has a C(value), the mark as a
        number.
      - Sets that are declared in O(definition) but not named here keep the elements from the definition.
      - A dictionary, or its JSON text, which for thousands of elements is much faster.
    type: json
    default: "{}"
  path:
    description: The file that loads the table at boot, readable by root only.
    type: path
    required: true
  rollback_seconds:
    description:
      - Seconds that a change of the rules stays without O(state=confirmed). V(0) confirms at once.
    type: int
    default: 0
  state:
    description:
      - V(loaded) brings the table to the declared state.
      - V(confirmed) keeps the rules that the call with that O(confirmation) has loaded, and writes O(path).
    type: str
    choices: [loaded, confirmed]
    default: loaded
  confirmation:
    description: The RV(confirmation) that the first call returned. Required with O(state=confirmed).
    type: str
extends_documentation_fragment: [ftps.exchange.removal]
requirements:
  - nft 1.0.6 or later
  - CAP_NET_ADMIN and CAP_SYS_ADMIN (the latter for the temporary network namespace)
  - systemd, where O(rollback_seconds) is not V(0)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Load the table, to be confirmed within a minute
  ftps.exchange.nftables_table:
    name: ftps_exchange_edge
    definition: "{{ lookup('ansible.builtin.template', 'edge.nft.j2') }}"
    sets:
      customers4:
        - {element: 198.51.100.20, comment: acme}
      customers6: []
    path: /etc/nftables.d/ftps-exchange-edge.nft
    rollback_seconds: 60
  register: table

- name: Keep it
  ftps.exchange.nftables_table:
    name: ftps_exchange_edge
    path: /etc/nftables.d/ftps-exchange-edge.nft
    state: confirmed
    confirmation: "{{ table.confirmation }}"
  when: table.confirmation is truthy
"""

RETURN = r"""
rules_changed:
  description: Whether anything but elements of O(sets) differed.
  type: bool
  returned: O(state=loaded)
elements:
  description: How many elements were added, removed, and given another comment.
  type: dict
  returned: O(state=loaded)
  sample: {added: 1, removed: 0, updated: 0}
customers:
  description: The elements that were added and removed, by the customers in their comments. Only the first 1,000
    customers.
  type: dict
  returned: O(state=loaded)
  sample: {acme: ["customers4: added 192.0.2.0/24"]}
confirmation:
  description: The value to pass with O(state=confirmed). Empty if nothing waits for a confirmation.
  type: str
  returned: O(state=loaded)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.declared import check_sets, declared_elements
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.diff import diff_of, make_diff
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.kernel import Nft
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.owners import owners, owners_of
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import SetChange, make_plan, transaction
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.rollback import Rollback
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import TableError
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.text import boot_file, replacing
from ansible_collections.ftps.exchange.plugins.module_utils.removal import REMOVAL_SPEC, read_removal, refusal

CUSTOMERS_REPORTED = 1000


def confirm(rollback: Rollback, path: Path, token: str, check_mode: bool) -> dict[str, Any]:
    """Keep the rules that wait for a confirmation."""
    if not check_mode:
        replace_file(path, rollback.confirm(token))
    return {"changed": True}


def changed_customers(sets: Mapping[str, SetChange]) -> dict[str, list[str]]:
    """What came and went for each customer in an element's comment."""
    found: dict[str, list[str]] = {}
    for name, change in sets.items():
        for done, elements in (("added", change.added), ("removed", change.removed)):
            for element in elements.values():
                for owner in owners_of(element):
                    if owner in found or len(found) < CUSTOMERS_REPORTED:
                        found.setdefault(owner, []).append(f"{name}: {done} {element.text}")
    return found


def load(nft: Nft, rollback: Rollback, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Make the table as declared. A change of rules starts the rollback timer."""
    definition, path = params["definition"], Path(params["path"])
    seconds = int(params["rollback_seconds"])
    declared = declared_elements(params["sets"])
    desired = nft.parsed(definition)
    check_sets(desired, declared)
    live = nft.live()
    there = owners(live.elements.get(name, {}) for name in declared) if live else set()
    removal = read_removal(params.get("removal"))
    if reason := refusal(there, owners(declared.values()), removal, f"customers in {nft.title}"):
        raise TableError(reason)
    plan = make_plan(live, desired, declared)
    wanted_file = boot_file(nft.family, nft.name, definition, declared)
    current_file = path.read_text() if path.is_file() else None
    pending = rollback.pending()
    # Confirm the change of an interrupted run too.
    needs_confirmation = plan.rules_changed or plan.table_missing or bool(pending)

    diff = make_diff(nft.title, live, desired, plan)
    if not plan.changed and current_file != wanted_file:
        diff.append(diff_of(str(path), current_file or "", wanted_file))
    result: dict[str, Any] = {
        "customers": changed_customers(plan.sets),
        "changed": plan.changed or bool(pending) or current_file != wanted_file,
        "rules_changed": plan.rules_changed or plan.table_missing,
        "elements": {kind: plan.count(kind) for kind in ("added", "removed", "updated")},
        "confirmation": "",
        "diff": diff,
    }
    text = transaction(nft.family, nft.name, definition, plan)
    if plan.changed:
        nft.check(text)
    if check_mode:
        return result
    if not result["changed"]:
        rollback.disarm_all()  # what is left of a change that was taken back
        return result

    if needs_confirmation and seconds:
        previous = replacing(nft.family, nft.name, nft.dump() if live is not None else "")
        nft.check(previous)
        result["confirmation"] = rollback.arm(previous, wanted_file, seconds)
    if plan.changed:
        nft.load(text)
        if make_plan(nft.live(), desired, declared).changed:
            raise TableError(
                f"{nft.title} still differs after the change. Another program changes it at the same time, or it has "
                f"what cannot be changed in place: 'nft delete table {nft.family} {nft.name}', then run again"
            )
    if not result["confirmation"]:
        rollback.disarm_all()
        replace_file(path, wanted_file)
    return result


def predict_without_nft(params: Mapping[str, Any]) -> dict[str, Any]:
    """Check mode before the package is there: all of it will be new."""
    declared = declared_elements(params["sets"])
    text = boot_file(params["family"], params["name"], params["definition"], declared)
    title = f"table {params['family']} {params['name']}"
    return {
        "changed": True,
        "rules_changed": True,
        "elements": {"added": sum(map(len, declared.values())), "removed": 0, "updated": 0},
        "confirmation": "",
        "diff": [diff_of(title, "", text)],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "family": {"type": "str", "choices": ["inet", "ip", "ip6"], "default": "inet"},
            "name": {"type": "str", "required": True},
            "definition": {"type": "str"},
            "sets": {"type": "json", "default": "{}"},
            "path": {"type": "path", "required": True},
            "rollback_seconds": {"type": "int", "default": 0},
            "state": {"type": "str", "choices": ["loaded", "confirmed"], "default": "loaded"},
            "confirmation": {"type": "str"},
            "removal": REMOVAL_SPEC,
        },
        required_if=[("state", "loaded", ["definition"]), ("state", "confirmed", ["confirmation"])],
        supports_check_mode=True,
    )
    run = runner(module)

    params = {**module.params, "sets": from_json(module, "sets", dict)}
    nft = Nft(run, params["family"], params["name"])
    rollback = Rollback(run, params["family"], params["name"])
    try:
        if module.get_bin_path("nft", opt_dirs=["/usr/sbin", "/sbin"]) is None:
            if not module.check_mode:
                raise TableError("nft is not installed: install the package nftables")
            result = predict_without_nft(params)
        elif params["state"] == "confirmed":
            result = confirm(rollback, Path(params["path"]), params["confirmation"], module.check_mode)
        else:
            result = load(nft, rollback, params, module.check_mode)
    except (TableError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
