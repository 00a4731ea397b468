#!/usr/bin/python
"""The record that a run leaves on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_record
short_description: Add the record of a run to a host's list
version_added: "0.1.0"
description:
  - Runs on a host with Linux.
  - Adds one line to a file that only root can read. If the file would be longer than O(max_bytes), the oldest lines go.
  - docs/audit.md explains the record; C(make audit) shows it.
options:
  record:
    description: The record, one line of JSON.
    type: str
    required: true
  path:
    description: The file. Its folder is created.
    type: path
    default: /var/lib/ftps-exchange-runs/runs.jsonl
  max_bytes:
    description: The most bytes that the file may have.
    type: int
    default: 1048576
attributes:
  check_mode:
    support: full
    description: Writes nothing.
  diff_mode:
    support: none
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Leave a record
  ftps.exchange.run_record:
    record: '{"version":1,"by":"anna@control1","playbook":"site.yml"}'
"""

RETURN = r"""
runs:
  description: How many records the file has now.
  type: int
  returned: success
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file


def with_record(text: str, record: str, max_bytes: int) -> str:
    """The file with one more line, without the oldest ones that no longer fit. The new one always stays."""
    lines = [line for line in text.splitlines() if line.strip()]
    lines.append(record.replace("\n", " "))
    size = sum(len(line.encode()) + 1 for line in lines)
    while len(lines) > 1 and size > max_bytes:
        size -= len(lines.pop(0).encode()) + 1
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/var/lib/ftps-exchange-runs/runs.jsonl"},
            "max_bytes": {"type": "int", "default": 1 << 20},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        after = with_record(before, module.params["record"], module.params["max_bytes"])
        if not module.check_mode:
            os.makedirs(path.parent, mode=0o700, exist_ok=True)
            replace_file(path, after, mode=0o600)
    except OSError as error:
        module.fail_json(msg=f"{path}: {error.strerror}. The run left no record here.")
    module.exit_json(changed=True, runs=after.count("\n"))


if __name__ == "__main__":
    main()
