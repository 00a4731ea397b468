"""An ACME CA on the internet of the scenario: Pebble, the small sibling of Let's Encrypt's own server."""

from __future__ import annotations

import json
import shutil
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exchange.lab import Host, Lab
from tests.scenario.fixtures import acme, connect, fresh, globex, lab
from tests.scenario.playbooks import Run

__all__ = ["acme", "connect", "fresh", "globex", "lab"]

FOLDER = "/run/acme-ca"
EXTERNAL_ACCOUNT = {"id": "contract-7", "key": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
PEM = "/etc/ftps-exchange/tls/server.pem"
# An operator's tasks for dns-01
HOOK = [
    {
        "name": "Change the record",
        "ansible.builtin.uri": {
            "url": "http://127.0.0.1:8055/{{ {'present': 'set', 'absent': 'clear'}[acme_certificate_dns_state] }}-txt",
            "method": "POST",
            "body_format": "json",
            "body": {
                "host": "{{ acme_certificate_dns_record }}.",
                "value": "{{ acme_certificate_dns_values | first }}",
            },
        },
    },
    {
        "name": "Keep a record",
        "ansible.builtin.shell": (
            f"echo {{{{ acme_certificate_dns_state }}}} {{{{ acme_certificate_dns_record }}}} >> {FOLDER}/hook.log"
        ),
    },
]


@dataclass
class Ca:
    """The CA, seen from the stranger's host: it runs there, and speaks ACME to that host only."""

    lab: Lab
    host: Host
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)

    def start(self, name: str, port: int, http_port: int) -> None:
        """One more instance. Where it looks for the answer over HTTP is a setting, so a wrong one finds nothing."""
        config = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{port + 1}",
            "certificate": f"{FOLDER}/web.pem",
            "privateKey": f"{FOLDER}/web.key",
            "httpPort": http_port,
            "tlsPort": 443,
            "externalAccountBindingRequired": True,
            "externalAccountMACKeys": {EXTERNAL_ACCOUNT["id"]: EXTERNAL_ACCOUNT["key"]},
        }
        self.host.write(f"{FOLDER}/{name}.json", json.dumps({"pebble": config}).encode())
        self.host.sh(
            # Each order needs a proof: by default half of them, by chance, do not
            f"systemd-run --quiet --collect --unit={name} --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_AUTHZREUSE=0"
            f" {FOLDER}/pebble -config {FOLDER}/{name}.json -dnsserver 127.0.0.1:8053"
        )

    def root(self, port: int) -> str:
        """The root of the chains that it issues; it makes one at each start."""
        until = time.monotonic() + 20
        url = f"https://localhost:{port + 1}/roots/0"
        while True:
            done = self.host.run("curl", "--silent", "--cacert", f"{FOLDER}/web.pem", url)
            if done.returncode == 0:
                return done.stdout.decode()
            assert time.monotonic() < until, done.stderr.decode()
            time.sleep(0.2)

    def renew(self, succeeds: bool = True, **options: Any) -> Run:
        """One run of the playbook."""
        file = self.folder / "options.json"
        file.write_text(json.dumps(self.options | options))
        return Run(self.lab, "playbooks/renew_certificate.yml", "--extra-vars", f"@{file}", succeeds=succeeds)

    def context(self) -> ssl.SSLContext:
        """What a customer has who trusts this CA and no other."""
        return ssl.create_default_context(cafile=self.options["certificate_ca_file"])

    def runs(self, unit: str) -> bool:
        return self.lab.edge.run("systemctl", "is-active", "--quiet", unit).returncode == 0


@pytest.fixture(scope="session")
def ca(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ca]:
    found = Ca(lab, lab.stranger, tmp_path_factory.mktemp("ca"))
    host, domain = found.host, lab.fqdn
    host.sh(f"mkdir -p {FOLDER}")
    for program in ("pebble", "pebble-challtestsrv"):
        path = shutil.which(program)
        assert path, f"{program} is missing: install the package pebble (scripts/test does)"
        host.write(f"{FOLDER}/{program}", Path(path).read_bytes(), "0755")
    host.sh(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost -keyout {FOLDER}/web.key -out {FOLDER}/web.pem 2>/dev/null;"
        # The public DNS: every name has the addresses of the service, and TXT records can be set
        f"systemd-run --quiet --collect --unit=acme-dns {FOLDER}/pebble-challtestsrv -dns01 127.0.0.1:8053"
        f" -management 127.0.0.1:8055 -http01 '' -https01 '' -tlsalpn01 ''"
        f" -defaultIPv4 {lab.public_ip} -defaultIPv6 '{lab.public_ip6 or ''}'"
    )
    found.start("acme-ca", 14000, 80)
    found.start("acme-blind", 15000, 81)
    root = found.folder / "root.pem"
    root.write_text(found.root(14000))
    hook = found.folder / "dns.yml"
    hook.write_text(yaml.safe_dump(HOOK))
    found.options = {
        "certificate_provider": "acme",
        "certificate_ca_file": str(root),
        "acme_certificate_url": "https://localhost:14000/dir",
        "acme_certificate_server_ca_file": f"{FOLDER}/web.pem",
        "acme_certificate_terms_agreed": True,
        "acme_certificate_contacts": [f"operator@{domain.partition('.')[2]}"],
        "acme_certificate_runner": host.name,
        "acme_certificate_account_key_file": f"{FOLDER}/account/key.pem",
        "acme_certificate_external_account_id": EXTERNAL_ACCOUNT["id"],
        "acme_certificate_external_account_key": EXTERNAL_ACCOUNT["key"],
        "acme_certificate_dns_tasks": str(hook),
        "acme_certificate_dns_wait_seconds": 0,
    }
    lab.server.sh(f"cp --preserve=all {PEM} {PEM}.before")
    yield found
    lab.server.sh(f"mv {PEM}.before {PEM}")
    host.sh(f"systemctl stop acme-ca acme-blind acme-dns; rm -rf {FOLDER}")
