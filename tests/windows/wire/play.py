"""The whole Windows play, and a host of the tests that answers it."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ftps_exchange.wire import PACKED
from tests.windows.iis import SCHEMA

from .authority import Authority
from .calls import Call, Received
from .deployment import Deployment, Run
from .endpoint import Answer
from .far_ends import Engine, Result, Script, Scripted

BASE = SCHEMA.with_name("base.config")
STAND_INS = Path(__file__).parents[1] / "stand_ins"
OURS = "ansible_collections.ftps.exchange.plugins.module_utils"
UTILS = {
    f"{OURS}.FtpsExchangeFolderAccess.psm1": STAND_INS / "folder_access" / "FtpsExchangeFolderAccess.psm1",
    f"{OURS}.FtpsExchangeCertificateStore.psm1": STAND_INS / "certificate_store" / "FtpsExchangeCertificateStore.psm1",
}

# What playbooks/directory.yml leaves behind: that play speaks LDAPS from the control node, and to no Windows host
_DIRECTORY = """
- name: The directory of the test
  hosts: "{{ groups['iis_servers'] + groups['iis_file_servers'] | default([]) }}"
  gather_facts: false
  tasks:
    - name: Make up the SIDs
      tags: [directory, windows_folder_tree]
      ansible.builtin.set_fact:
        directory_sids: "{{ exchange_model | exchange_group_names | exchange_predicted_sids }}"
"""


def run_play(deployment: Deployment, *options: str) -> Run:
    """Run the plays of the project in the order of site.yml."""
    playbooks = deployment.project / "playbooks"
    path = deployment.directory / "windows.yml"
    path.write_text(
        f"- import_playbook: {playbooks / 'model.yml'}\n{_DIRECTORY}\n"
        f"- import_playbook: {playbooks / 'iis_servers.yml'}\n"
    )
    return deployment.playbook(path, *options)


class WindowsHost(Engine):
    """Runs the modules for IIS and for folders on the stand-ins; everything else is scripted.

    Scripted besides the modules of others: ``win_ftps_probe``, which is ours, since nobody serves FTPS here. It answers
    what the stand-in of IIS is configured to serve. (It is run for itself in tests/unit/windows.)
    """

    def __init__(
        self, program: Path, directory: Path, system_root: Path, scripts: Mapping[str, Script] | None = None
    ) -> None:
        self.config = directory / "applicationHost.config"
        self.folders = directory / "folders.jsonl"
        self.stores = directory / "stores.json"
        super().__init__(
            program,
            directory,
            environment={
                "SystemRoot": str(system_root),
                "ProgramData": str(directory / "ProgramData"),
                "FTPS_EXCHANGE_IIS_CONFIG": str(self.config),
                "FTPS_EXCHANGE_IIS_SCHEMA": str(SCHEMA),
                "FTPS_EXCHANGE_FOLDERS": str(self.folders),
                "FTPS_EXCHANGE_CERTIFICATES": str(self.stores),
            },
            scripts={
                **SCRIPTS,
                "win_ftps_probe": self.probe,
                "win_powershell": self.powershell,
                "win_certificate_store": self.certificate_store,
                **(scripts or {}),
            },
            utils=UTILS,
        )
        self.config.write_bytes(BASE.read_bytes())
        self.drives.mkdir()
        self.broken_ports: set[int] = set()
        self.pending = directory / "ProgramData" / "ftps-exchange" / "restart-of-ftpsvc"
        self.restarts = 0
        """How often the FTP service was restarted to read what it reads only when it starts."""
        self.ends_after: int | None = None
        """After so many calls of modules nothing is answered any more; the last one is done, and its answer lost."""
        self._asked = 0

    @property
    def configuration(self) -> ElementTree.Element:
        """What the stand-in of IIS has stored."""
        return ElementTree.fromstring(self.config.read_bytes())  # noqa: S314 (our own file)

    @property
    def homes(self) -> set[str]:
        """The paths of all virtual directories of all FTP sites."""
        sites = self.configuration.iterfind("system.applicationHost/sites/site")
        return {
            str(directory.get("path"))
            for site in sites
            if site.find("ftpServer") is not None
            for directory in site.iterfind("application/virtualDirectory")
        }

    @property
    def locations(self) -> set[str]:
        """The paths of all locations."""
        return {str(location.get("path")) for location in self.configuration.iterfind("location")}

    @property
    def certificates(self) -> set[str]:
        """The thumbprints in the stand-in's personal store."""
        return {thumbprint(one["certificate"]) for one in self._store()["My"]}

    def module(self, call: Call) -> Answer:
        self._asked += 1
        if self.ends_after is not None and self._asked > self.ends_after:
            return GONE
        answer = super().module(call)
        return GONE if self._asked == self.ends_after else answer

    def other(self, received: Received) -> Answer:
        is_gone = self.ends_after is not None and self._asked >= self.ends_after
        return GONE if is_gone else super().other(received)

    def again(self, ends_after: int | None = None) -> None:
        """It answers again: everything, or so many calls."""
        self.ends_after, self._asked = ends_after, 0

    def snapshot(self) -> Callable[[], None]:
        """How to make it what it is now once more."""
        files = {path: path.read_bytes() for path in (self.config, self.folders, self.stores) if path.exists()}
        done, restarts = set(self._done), self.restarts
        assert not self.pending.exists()

        def restore() -> None:
            for path, content in files.items():
                path.write_bytes(content)
            self.pending.unlink(missing_ok=True)
            self._done, self.restarts = set(done), restarts

        return restore

    def powershell(self, call: Call) -> Result:
        """Scripted: of the scripts of the roles the one that restarts the service is known."""
        if "restart-of-ftpsvc" not in json.dumps(dict(call.arguments)):
            return script(call)
        due = self.pending.exists() or call.check_mode
        if not call.check_mode:
            self.pending.unlink(missing_ok=True)
            self.restarts += due
        return script(call) | {"changed": due}

    def _store(self) -> Any:
        return json.loads(self.stores.read_bytes()) if self.stores.exists() else {"My": []}

    def certificate_store(self, call: Call) -> Result:
        """Scripted: what is removed is gone from the stand-in."""
        store, unwanted = self._store(), call.arguments["thumbprint"]
        kept = [one for one in store["My"] if thumbprint(one["certificate"]) != unwanted]
        changed = len(kept) < len(store["My"])
        if not call.check_mode:
            self.stores.write_text(json.dumps({**store, "My": kept}))
        return {"changed": changed, "thumbprints": [unwanted] if changed else []}

    def probe(self, call: Call) -> Result:
        """Which certificate each port would serve."""
        served = {}
        for site in self.configuration.iterfind("system.applicationHost/sites/site"):
            ssl = site.find("ftpServer/security/ssl")
            for binding in site.iterfind("bindings/binding[@protocol='ftp']"):
                port = int(str(binding.get("bindingInformation")).split(":")[-2])
                served[port] = "" if ssl is None or port in self.broken_ports else str(ssl.get("serverCertHash"))
        ports = [int(one["port"]) for one in call.arguments["ports"]]
        wrong = [port for port in ports if served.get(port) != call.arguments["thumbprint"]]
        result: Result = {"changed": False, "problems": [f"port {port}" for port in wrong]}
        if wrong and not call.check_mode:
            result |= {"failed": True, "msg": f"not served: {wrong}"}
        return result


GONE = Answer(stderr=b"The connection was lost.", exit_code=1)


# What modules of others answer besides whether something changed


def facts(call: Call) -> Result:
    """A member of the example's domain, Windows Server 2022."""
    found = {
        "windows_domain_member": True,
        "windows_domain": "ad.example.com",
        "distribution": "Microsoft Windows Server 2022 Standard",
        "distribution_version": "10.0.20348.0",
    }
    return {"changed": False, "ansible_facts": found}


def service(call: Call) -> Result:
    """The service is there."""
    return {"changed": False, "exists": True, "services": [{"name": call.arguments["name"]}]}


def feature(call: Call) -> Result:
    """No restart is needed."""
    return {"reboot_required": False, "feature_result": []}


def script(call: Call) -> Result:
    """The script is not run."""
    return {"result": {}, "output": [], "error": [], "warning": [], "host_out": "", "host_err": ""}


def folder(call: Call) -> Result:
    """A folder for what is carried over."""
    return {"changed": True, "state": "directory", "path": r"C:\Windows\Temp\ansible.certificate"}


def copy(call: Call) -> Result:
    """Nothing of what is to be copied is there yet, as in a folder that was made a moment ago."""
    if call.arguments.get("_copy_mode") == "query":
        return {"changed": True, **{kind: call.arguments[kind] for kind in ("files", "directories", "symlinks")}}
    return {"changed": True}


SCRIPTS: Mapping[str, Script] = {
    "win_copy": copy,
    "win_tempfile": folder,
    "setup": facts,
    "win_service_info": service,
    "win_feature": feature,
    "win_powershell": script,
}


# A host all of whose answers are scripted, with a certificate that somebody else put into its store


def certificate_in_store(authority: Authority) -> dict[str, Any]:
    """What the inventory says of it."""
    return {
        "windows_certificate_provider": "store",
        "windows_certificate_key_type": "ecc_p256",
        "windows_certificate_ca_file": str(authority.certificate),
        "windows_certificate_renew_days": 1,
        "windows_certificate_thumbprint_in_store": thumbprint(service_certificate(authority)),
    }


def scripted(authority: Authority) -> Scripted:
    """The host."""
    stored = {
        "certificate": service_certificate(authority),
        "has_private_key": True,
        "friendly_name": "of somebody else",
    }
    look = {"changed": False, "certificates": [stored], "intermediates": [], "request": "", "request_keys": []}
    ours: Mapping[str, Script] = {
        "win_iis_settings": lambda _call: {"restart_required": False, "sites_added": []},
        "win_ftps_probe": lambda _call: {"changed": False, "problems": []},
        "win_server_certificate": lambda _call: look,
    }
    return Scripted({**SCRIPTS, **ours})


@functools.cache
def service_certificate(authority: Authority) -> str:
    """Its DER in base64."""
    pair = authority.host("ftps.example.com")
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def thumbprint(certificate: str) -> str:
    """How Windows names a certificate (its DER in base64)."""
    return hashlib.sha1(base64.b64decode(certificate), usedforsecurity=False).hexdigest().upper()


def as_json(text: str) -> Any:
    """A list as it was before wire_text made a text of it."""
    if text.startswith(PACKED):
        text = gzip.decompress(base64.b64decode(text.removeprefix(PACKED))).decode()
    return json.loads(text)
