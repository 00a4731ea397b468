#!/usr/bin/python
"""Choose a certificate. Documentation only: what runs is plugins/action/windows_certificate_choice.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: windows_certificate_choice
short_description: Decide which certificate a Windows host serves
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Takes what M(ftps.exchange.win_server_certificate) found in the stores of a host and what the operator provides
    (a PFX file, a signed certificate, a thumbprint). Decides which certificate to serve, whether it is valid,
    whether a new one is due, and what to install.
  - It first checks the provided certificate completely, like M(ftps.exchange.server_certificate) - it belongs to the
    key, it is valid for every name, its dates are valid, its chain leads to O(ca). If any check fails, it reports
    every reason and nothing is installed.
  - Changes nothing on the host. If O(package_folder) is set, writes the files to install there.
extends_documentation_fragment: [ftps.exchange.server_certificate]
options:
  friendly_name:
    description: Name in the host's store of the certificates that were installed for these names.
    type: str
    required: true
  certificates:
    description: Certificates in the host's personal store, as M(ftps.exchange.win_server_certificate) returns them.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate: {description: The certificate, its DER in base64., type: str, required: true}
      has_private_key: {description: Whether the host holds the key for it., type: bool, required: true}
      friendly_name: {description: Its name in the store., type: str, required: true}
  intermediates:
    description: Certificates in the host's store for intermediate CAs, each as DER in base64.
    type: list
    elements: str
    default: []
  request:
    description: The pending signing request of the host, in PEM.
    type: str
  request_keys:
    description: Certificates that represent the keys of pending requests in the host's store, each as DER in base64.
    type: list
    elements: str
    default: []
  answer:
    description: The certificate that a CA issued for the request, with its chain, in PEM and in any order.
    type: str
  pfx_file:
    description: File with key, certificate and chain (PKCS 12).
    type: path
  pfx_password:
    description: Password of O(pfx_file).
    type: str
  thumbprint:
    description: Serve the certificate with this thumbprint, which another system maintains in the host's store.
    type: str
  package_folder:
    description:
      - Folder on the control node for C(leaf.pfx), key and certificate of O(pfx_file) under O(package_password), and
        C(chain.p7b), the CA certificates that the host does not have yet. Only files to install are written, with
        mode V(0600).
      - The encryption of C(leaf.pfx) is one that Windows Server 2016 can read, whatever the format of O(pfx_file).
    type: path
  package_password:
    description: Password for C(leaf.pfx).
    type: str
requirements:
  - cryptography 42 or newer and the program C(openssl) on the control node
attributes:
  check_mode: {support: full, description: 'It never changes anything, so it does the same.'}
  diff_mode: {support: full, description: 'Shows who issued the old and the new certificate, their names and dates.'}
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Look at the stores
  win_server_certificate:
    request_file: C:\ProgramData\ftps-exchange\server.csr
  register: store

- name: Decide which certificate to serve
  ftps.exchange.windows_certificate_choice:
    dns_names: [ftps.exchange.example]
    key_type: rsa_3072
    renew_days: 30
    friendly_name: ftps-exchange ftps.exchange.example
    certificates: "{{ store.certificates }}"
    intermediates: "{{ store.intermediates }}"
    pfx_file: certificates/ftps1.pfx
    pfx_password: "{{ vault_pfx_password }}"
"""

RETURN = r"""
thumbprint:
  description: SHA-1 of the certificate to serve, 40 hexadecimal digits. Empty if there is none yet.
  returned: always
  type: str
  sample: A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4
install:
  description: How to bring that certificate into the host's store, V(pfx) or V(answer). Empty if it is already there.
  returned: always
  type: str
install_chain:
  description: Whether the host lacks a certificate of the chain.
  returned: always
  type: bool
leaf:
  description: The certificate to install, in PEM.
  returned: when install is answer
  type: str
due:
  description: Whether a new certificate is needed.
  returned: always
  type: bool
reasons:
  description: Why a new one is due, one sentence each.
  returned: always
  type: list
  elements: str
usable:
  description: Whether there is, or will be after installation, a certificate that can serve clients right now.
  returned: always
  type: bool
request:
  description: The pending signing request of the host that matches key, names and type, in PEM.
  returned: when there is one
  type: str
request_inf:
  description: Input of certreq for a new key and request.
  returned: always
  type: str
superseded:
  description: Thumbprints of certificates that were installed earlier for these names and must not be served.
  returned: always
  type: list
  elements: str
certificate:
  description: The certificate to serve.
  returned: when there is one
  type: dict
"""
