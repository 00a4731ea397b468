#!/usr/bin/python
"""Ansible module: make this host the Samba domain controller of a lab."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_domain_controller
short_description: Provision a Samba Active Directory domain controller
description:
  - Runs on the lab's directory controller, a host with Linux.
  - Provisions the domain on a host that has none yet, and restarts an interrupted provisioning. The whole directory
    is in C(/var/lib/samba); a new host that gets this folder from an old one continues with it.
  - Gives the controller an LDAPS certificate from the domain's own CA with the host's name in it, as a company's
    controllers have. (The one that Samba generates has no subject alternative name.)
  - Keeps the password of the domain's Administrator as given, and keeps it from expiring, which would break a lab
    that lives longer than the domain's maximum password age.
  - The caller must restart the service when this module reports a change.
options:
  domain:
    description: DNS domain; the Kerberos realm is the same in upper case.
    type: str
    required: true
  netbios_name:
    description: NetBIOS name of the domain.
    type: str
    required: true
  admin_password:
    description: Password of the domain's Administrator.
    type: str
    required: true
  ip4:
    description: The controller's IPv4 address.
    type: str
    required: true
  ip6:
    description: The controller's IPv6 address.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
notes:
  - Needs samba-ad-dc, samba-ad-provision, python3-samba and python3-cryptography on the host.
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Provision the domain
  ftps.exchange.lab_domain_controller:
    domain: corp.example
    netbios_name: CORP
    admin_password: "{{ lab_directory_admin_password }}"
    ip4: 10.77.10.2
    ip6: "fd77:10::2"
  notify: Restart the domain controller
"""

RETURN = r"""
ca_certificate:
  description: Certificate of the CA that signed the controller's, as PEM. Empty in check mode before the first run.
  returned: always
  type: str
changes:
  description: What was changed.
  returned: always
  type: list
  elements: str
  sample: [domain corp.example provisioned, LDAPS certificate made]
"""

import datetime
import shutil
import socket
import subprocess
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    CRYPTOGRAPHY_ERROR = None
except ImportError:
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

PRIVATE = Path("/var/lib/samba/private")
SMB_CONF = Path("/etc/samba/smb.conf")
# Written last: without it, what lies there is the rest of a provisioning that broke off
MARKER = PRIVATE / "provisioned-domain"
CERTIFICATE_DAYS = 3650
# Copies of what provisioning put into /etc, which does not outlive the container, while the directory does
SAVED = {SMB_CONF: PRIVATE / "smb.conf.provisioned", Path("/etc/krb5.conf"): PRIVATE / "krb5.conf"}
# userAccountControl: the password never expires
DONT_EXPIRE_PASSWORD = 0x10000


class ControllerError(Exception):
    """Something that the reader has to look at."""


def make_certificates(fqdn: str, domain: str, now: datetime.datetime) -> dict[str, bytes]:
    """A CA, and the controller's key and certificate, as PEM by file name. The CA's key is discarded."""
    until = now + datetime.timedelta(days=CERTIFICATE_DAYS)
    # Clocks differ
    since = now - datetime.timedelta(hours=1)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{domain} directory CA")])
    ca_identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def usage(is_ca: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not is_ca,
            key_cert_sign=is_ca,
            crl_sign=is_ca,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    authority = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(is_ca=True), critical=True)
        .add_extension(ca_identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fqdn)]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(fqdn), x509.DNSName(domain)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_identifier), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return {
        "ca.pem": authority.public_bytes(serialization.Encoding.PEM),
        "cert.pem": leaf.public_bytes(serialization.Encoding.PEM),
        "key.pem": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }


def provision_command(options: dict[str, Any], hostname: str) -> list[str]:
    """Command that makes the domain. Without a password in it: Samba then takes a random one, which is replaced."""
    command = ["samba-tool", "domain", "provision", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL"]
    command += [f"--realm={options['domain'].upper()}", f"--domain={options['netbios_name']}"]
    command += [f"--host-name={hostname}", f"--host-ip={options['ip4']}"]
    if options["ip6"]:
        command.append(f"--host-ip6={options['ip6']}")
    return command


def provision(options: dict[str, Any], hostname: str) -> None:
    """Make the domain from nothing."""
    # Daemons that served another role keep the databases open. A winbind that ever ran here also remembers that nobody
    # answers for S-1-1-0 (Everyone), and every SMB login would fail with NT_STATUS_INVALID_SID.
    for command in (
        ["systemctl", "stop", "samba-ad-dc", "smbd", "nmbd", "winbind"],
        ["net", "cache", "flush"],
    ):
        subprocess.run(command, check=False, capture_output=True)
    for folder in (PRIVATE, Path("/var/lib/samba/sysvol")):
        shutil.rmtree(folder, ignore_errors=True)
    PRIVATE.mkdir(mode=0o700, parents=True)
    for database in Path("/var/lib/samba").glob("*.tdb"):
        database.unlink()
    SMB_CONF.unlink(missing_ok=True)
    made = subprocess.run(provision_command(options, hostname), check=False, capture_output=True, text=True)
    if made.returncode != 0:
        told = " ".join(line for line in made.stderr.splitlines() if line.startswith("ERROR")) or made.stderr[-500:]
        raise ControllerError(f"samba-tool domain provision failed: {told.strip()}")
    replace_file(SAVED[SMB_CONF], without_forwarder(SMB_CONF.read_text()).encode(), 0o644)


def without_forwarder(smb_conf: str) -> str:
    """The configuration without the forwarder that provisioning found in resolv.conf.

    It is the controller itself, so each name that it does not know would cost its clients two seconds.
    """
    return "".join(line for line in smb_conf.splitlines(keepends=True) if "dns forwarder" not in line)


def administrator_changes(options: dict[str, Any], check_mode: bool) -> list[str]:
    """Password and its expiry, compared with what the directory holds."""
    import ldb  # type: ignore[import-not-found, unused-ignore] # comes with Samba
    from samba import param
    from samba.auth import system_session
    from samba.credentials import Credentials
    from samba.samdb import SamDB

    loadparm = param.LoadParm()
    loadparm.load(str(SMB_CONF))
    directory = SamDB(url=str(PRIVATE / "sam.ldb"), session_info=system_session(), lp=loadparm)
    found = directory.search(
        base=directory.domain_dn(),
        expression="(sAMAccountName=Administrator)",
        attrs=["unicodePwd", "userAccountControl"],
    )[0]
    wanted = Credentials()
    wanted.set_password(options["admin_password"])
    changes = []
    if found["unicodePwd"][0] != wanted.get_nt_hash():
        changes.append("password of Administrator set")
        if not check_mode:
            directory.setpassword("(sAMAccountName=Administrator)", options["admin_password"], False)
    control = int(str(found["userAccountControl"][0]))
    if not control & DONT_EXPIRE_PASSWORD:
        changes.append("password of Administrator set to never expire")
        if not check_mode:
            message = ldb.Message(found.dn)
            message["userAccountControl"] = ldb.MessageElement(
                str(control | DONT_EXPIRE_PASSWORD), ldb.FLAG_MOD_REPLACE, "userAccountControl"
            )
            directory.modify(message)
    return changes


def bring_to_state(options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Compare, act, and report."""
    hostname = socket.gethostname().split(".")[0]
    domain = options["domain"].lower()
    tls = PRIVATE / "tls"
    changes = []
    marker = MARKER.read_text().strip() if MARKER.exists() else ""
    if marker not in ("", domain):
        raise ControllerError(f"this host is the controller of {marker}; rebuild it to make it that of {domain}")
    if not marker:
        changes.append(f"domain {domain} provisioned")
        if check_mode:
            return {"changed": True, "changes": changes, "ca_certificate": ""}
        provision(options, hostname)
        MARKER.write_text(f"{domain}\n")
    for path, saved in SAVED.items():
        if not path.exists() or path.read_bytes() != saved.read_bytes():
            changes.append(f"{path} put in place")
            if not check_mode:
                replace_file(path, saved.read_bytes(), 0o644)
    changes += administrator_changes(options, check_mode)
    if not all((tls / name).exists() for name in ("ca.pem", "cert.pem", "key.pem")):
        changes.append("LDAPS certificate made")
        if not check_mode:
            tls.mkdir(mode=0o700, exist_ok=True)
            now = datetime.datetime.now(datetime.UTC)
            for name, content in make_certificates(f"{hostname}.{domain}", domain, now).items():
                replace_file(tls / name, content, 0o600 if name == "key.pem" else 0o644)
    authority = tls / "ca.pem"
    return {
        "changed": bool(changes),
        "changes": changes,
        "ca_certificate": authority.read_text() if authority.exists() else "",
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "domain": {"type": "str", "required": True},
            "netbios_name": {"type": "str", "required": True},
            "admin_password": {"type": "str", "required": True, "no_log": True},
            "ip4": {"type": "str", "required": True},
            "ip6": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if CRYPTOGRAPHY_ERROR:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=CRYPTOGRAPHY_ERROR)
    try:
        outcome = bring_to_state(module.params, module.check_mode)
    except ImportError as error:
        module.fail_json(
            msg=f"{error}. Remedy: apt-get install python3-samba samba-ad-provision on {socket.gethostname()}"
        )
    except ControllerError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
