"""What differs between servers with Windows, as playbooks/vars/windows.yml finds it in the inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.windows.powershell import PROJECT

INVENTORY = """
all:
  children:
    ftps_servers:
      children:
        iis_servers:
          hosts:
            ftps1:
              iis_options: {address: 192.0.2.1}
            ftps2:
              iis_root: E:\\data
            ftps3:
            ftps4: {}
"""
PLAY = f"""
- hosts: ftps_servers:!ftps4
  gather_facts: false
  vars_files: [{PROJECT}/playbooks/vars/exchange.yml, {PROJECT}/playbooks/vars/windows.yml]
  vars:
    exchange_model_settings: {{root: 'D:\\ftps-exchange'}}
  tasks:
    - ansible.builtin.copy:
        dest: "{{{{ playbook_dir }}}}/options.json"
        content: "{{{{ __iis_options | to_json }}}}"
        mode: "0644"
      delegate_to: localhost
      run_once: true
"""


def test_each_server_of_the_play_has_its_options_and_its_root(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "play.yml").write_text(PLAY)
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", tmp_path / "hosts.yml", tmp_path / "play.yml"],
        cwd=PROJECT,
        env={**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "options.json").read_text()) == {
        "ftps1": {"address": "192.0.2.1", "root": "D:\\ftps-exchange"},
        "ftps2": {"root": "E:\\data"},
        "ftps3": {"root": "D:\\ftps-exchange"},
    }
