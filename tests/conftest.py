"""What every test of the project can rely on.

How a test imports what it tests (the top of the repository is on the path, see pyproject.toml):

    from ftps_exchange import model          # the package in src/
    from filter_plugins import exchange      # a filter plugin
    from library import ldap_directory       # a module
    from module_utils import sddl            # code that modules share
    from scripts import role_docs            # a script

A module itself writes ``from ansible.module_utils.sddl import …``, because that is where Ansible puts this project's
``module_utils/`` when it runs the module. The line below gives tests the same view.
"""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
import pytest

PROJECT = Path(__file__).resolve().parent.parent

ansible.module_utils.__path__.append(str(PROJECT / "module_utils"))


@pytest.fixture(scope="session")
def project() -> Path:
    """The top of the repository."""
    return PROJECT
