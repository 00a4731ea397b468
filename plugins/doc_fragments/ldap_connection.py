"""The options of ``ldap_arguments()`` in module_utils/ldap/connection.py, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Takes part in a module's documentation by ``extends_documentation_fragment``."""

    DOCUMENTATION = r"""
options:
  server_uri:
    description:
      - C(ldaps://) and the name of a domain controller as in its certificate. Several, separated by blanks, are tried
        in order.
    type: str
    required: true
  bind_dn:
    description:
      - The account that changes the directory, as a distinguished name or C(name@domain). The notes say which rights it
        needs.
    type: str
    required: true
  bind_password:
    description: The password of O(bind_dn).
    type: str
    required: true
  ca_cert:
    description:
      - PEM text of the only CA certificates that may sign the controller's certificate. Verification cannot be turned
        off.
    type: str
    required: true
  managed_ou:
    description: Distinguished name of the managed OU.
    type: str
    required: true
requirements:
  - python-ldap 3.4 or newer (Debian and Ubuntu, C(python3-ldap))
"""
