"""A customer's folder is damaged, files and rights: one command puts it back, and the neighbour keeps what is newer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import Customer, Lab
from tests.scenario.playbooks import Run

Connect = Callable[..., FtpsClient]

# Every file and folder with what decides who may use it; btrfs' own attributes are not part of a file
LISTING = """\
import hashlib, os, sys
for folder, _, files in sorted(os.walk(sys.argv[1])):
    for path in [folder, *(os.path.join(folder, name) for name in sorted(files))]:
        found = os.lstat(path)
        attributes = {n: os.getxattr(path, n).hex() for n in sorted(os.listxattr(path)) if not n.startswith("btrfs.")}
        content = hashlib.sha256(open(path, "rb").read()).hexdigest() if os.path.isfile(path) else ""
        print(path, found.st_uid, found.st_gid, oct(found.st_mode), attributes, content)
"""


def listing(lab: Lab, folder: str) -> str:
    return lab.server.sh(f"python3 -c '{LISTING}' {folder}")


def test_a_damaged_folder_comes_back_with_its_rights(
    lab: Lab, acme: Customer, globex: Customer, connect: Connect, fresh: str
) -> None:
    content = secrets.token_bytes(200_000)
    with connect(acme.host).start_tls().login(acme.writer) as client:
        client.expect(f"MKD {fresh}", 257)
        assert client.store(f"{fresh}/file", content).code == 226

    lab.server.sh("ftps-exchange-backup create")
    # As the timer does it, with the limits of its unit
    lab.server.sh("systemctl start ftps-exchange-backup.service")
    status = json.loads(lab.server.sh("ftps-exchange-backup status"))
    assert (status["result"], status["error"]) == ("ok", "")
    assert status["folders_compared"] > 0

    root = lab.data.get("root", "/srv/ftps-exchange")
    home = f"{root}/homes/acme"
    before = listing(lab, home)
    assert "security.NTACL" in before, "nothing here would notice lost attributes"
    assert "system.posix_acl_access" in before
    lab.server.sh(
        f"setfacl -R -b {home}; setfattr -x security.NTACL {home}; chmod 0777 {home}; echo x > {home}/{fresh}/file"
    )
    assert listing(lab, home) != before
    with connect(globex.host).start_tls().login(globex.writer) as client:
        assert client.store(fresh, b"newer than the backup").code == 226

    Run(lab, "playbooks/restore_folder.yml", "-e", "backup_folder=homes/acme")

    assert listing(lab, home) == before
    with connect(acme.host).start_tls().login(acme.writer) as client:
        assert client.retrieve(f"{fresh}/file")[1] == content
        client.expect(f"DELE {fresh}/file", 250)
        client.expect(f"RMD {fresh}", 250)
    with connect(globex.host).start_tls().login(globex.writer) as client:
        assert client.retrieve(fresh)[1] == b"newer than the backup"
        client.expect(f"DELE {fresh}", 250)
