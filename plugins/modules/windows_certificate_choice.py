#!/usr/bin/python
"""Choose a certificate. Documentation only: what runs is plugins/action/windows_certificate_choice.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: windows_certificate_choice
short_description: Decide which certificate a Windows host serves with
description:
  - Runs on the control node, in Ansible's own process, whatever host the task is for.
  - Reads what M(win_server_certificate) found in the stores of a host and what its
    operator brings (a PFX file, the answer of an authority, a thumbprint), and says which certificate is to be
    served, whether it is good, whether a new one is due, and what there is to install.
  - What is brought is checked as a whole first, as M(server_certificate) does it - it belongs to the key, it is made
    out for every name, its dates hold, its chain leads to O(ca). If any check fails, every reason is reported
    and nothing is installed.
  - Changes nothing. Where O(package_folder) is given, writes there what is to be installed.
extends_documentation_fragment: [ftps.exchange.server_certificate]
options:
  friendly_name:
    description: By this name in the host's store the certificates are known that were installed for these names.
    type: str
    required: true
  certificates:
    description: Certificates in the host's personal store, as M(win_server_certificate) returns them.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate: {description: The certificate, its DER in base64., type: str, required: true}
      has_private_key: {description: Whether the host holds the key for it., type: bool, required: true}
      friendly_name: {description: Its name in the store., type: str, required: true}
  intermediates:
    description: Certificates of authorities in the host's store for these, each its DER in base64.
    type: list
    elements: str
    default: []
  request:
    description: The signing request that waits on the host, in PEM.
    type: str
  request_keys:
    description: Certificates that stand for the keys of waiting requests in the host's store, each its DER in base64.
    type: list
    elements: str
    default: []
  answer:
    description: The certificate that an authority made from the request, with its chain, in PEM and in any order.
    type: str
  pfx_file:
    description: File with key, certificate and chain (PKCS 12).
    type: path
  pfx_password:
    description: Password of O(pfx_file).
    type: str
  thumbprint:
    description: Serve the certificate with this thumbprint, which somebody else keeps in the host's store.
    type: str
  package_folder:
    description:
      - Folder on the control node for C(leaf.pfx), key and certificate of O(pfx_file) under O(package_password), and
        C(chain.p7b), the certificates of authorities that the host does not have yet. Only what is to be installed is
        written, mode V(0600).
      - C(leaf.pfx) is encrypted in a way that Windows Server 2016 reads too, whatever O(pfx_file) is like.
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
  description: SHA-1 of the certificate to serve, 40 hexadecimal digits. Empty where there is none yet.
  returned: always
  type: str
  sample: A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4
install:
  description: What brings that certificate into the host's store, V(pfx), V(answer), or nothing when it is there.
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
  description: Whether there is, or will be when it is installed, a certificate that can serve clients right now.
  returned: always
  type: bool
request:
  description: The signing request that waits on the host and fits key, names and type, in PEM.
  returned: when there is one
  type: str
request_inf:
  description: What certreq makes a new key and request from.
  returned: always
  type: str
superseded:
  description: Thumbprints of certificates that were installed for these names before and are not to be served.
  returned: always
  type: list
  elements: str
certificate:
  description: The certificate to serve.
  returned: when there is one
  type: dict
"""
