"""The options of ``ldap_arguments()`` in module_utils/ldap/connection.py, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Takes part in a module's documentation by ``extends_documentation_fragment``."""

    DOCUMENTATION = r"""
options:
  server_uri:
    description:
      - C(ldaps://) and the name of a domain controller as its certificate has it. Several, separated by blanks, are
        tried in order.
    type: str
    required: true
  bind_dn:
    description: Who changes the directory, as a distinguished name or C(name@domain). The notes say with which rights.
    type: str
    required: true
  bind_password:
    description: The password of O(bind_dn).
    type: str
    required: true
  ca_cert:
    description:
      - PEM text of the CA certificates that the controller's certificate is verified against, alone. There is no way
        to go without.
    type: str
    required: true
  managed_ou:
    description: Distinguished name of the OU that is owned.
    type: str
    required: true
requirements:
  - python-ldap 3.4 or newer (Debian and Ubuntu, C(python3-ldap))
"""
