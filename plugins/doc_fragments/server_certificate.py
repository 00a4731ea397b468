"""The options of ``certificate_arguments()`` in module_utils/certificate.py, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Takes part in a module's documentation by ``extends_documentation_fragment``."""

    DOCUMENTATION = r"""
options:
  dns_names:
    description: Names that the certificate must contain.
    type: list
    elements: str
    required: true
  ip_addresses:
    description: Addresses that the certificate must contain.
    type: list
    elements: str
    default: []
  ca:
    description:
      - The certificates, in PEM, one of which must be the end of the chain.
      - Without it the chain must lead to one of the CAs that the operating system trusts where the module runs.
    type: str
  key_type:
    description: The required type of key. If the installed key has another type, a new certificate is due.
    type: str
    choices: [ecc_p256, ecc_p384, rsa_3072, rsa_4096]
    required: true
  renew_days:
    description:
      - A new certificate is due when fewer days than these are left for it or for a certificate of its chain.
      - A new certificate with fewer days is refused.
      - V(0) means 30 days, but at most a third of the certificate's own lifetime.
    type: int
    required: true
  renew:
    description: Treat a new certificate as due, whatever the state of the old one.
    type: bool
    default: false
"""
