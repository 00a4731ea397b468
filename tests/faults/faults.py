"""The faults of a run: what happens in the middle of it. Each is bounded, and is over by itself or lifted by the test.

A fault is a shell command that runs on the lab's machine at the start of a task. ``{server}``, ``{edge}`` and
``{directory}`` are containers of the lab. docs/faults.md lists them and says what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IN_SERVER = "podman exec {server} sh -c "
IN_EDGE = "podman exec {edge} sh -c "
IN_DIRECTORY = "podman exec --interactive {directory} sh -c "

# A copy of a folder in memory, as large as its content and 64 KiB more, which is then filled: at most that is written
FULL = (
    "'set -e; size=$(du -sk {folder} | cut -f1); [ $size -lt 65536 ]; mkdir /run/ftpsx-fault; "
    "mount -t tmpfs -o mode=$(stat -c %a {folder}),size=$((size + 64))k none /run/ftpsx-fault; "
    "cp -a {folder}/. /run/ftpsx-fault/; mount --bind /run/ftpsx-fault {folder}; "
    "dd if=/dev/zero of={folder}/.ftpsx-fault bs=1k count=$((size + 64)) 2> /dev/null || true'"
)
# Lazily: the daemons hold files there
NOT_FULL = "'umount --lazy {folder}; umount /run/ftpsx-fault; rmdir /run/ftpsx-fault; rm -f {folder}/.ftpsx-fault'"
# A package seems to be missing; apt knows a source for it, which has no such file. The real list of packages is covered
NO_PACKAGE = (
    "'set -e; mkdir --mode=755 /run/ftpsx-apt; cd /run/ftpsx-apt; "
    'dpkg-query --show --showformat "Package: \\${Package}\\nVersion: 99\\nArchitecture: \\${Architecture}\\n'
    'Filename: ./gone.deb\\nSize: 1\\nSHA256: $(printf %064d 0)\\n" {folder} > Packages; '
    "echo deb [trusted=yes] file:/run/ftpsx-apt ./ > /etc/apt/sources.list.d/ftpsx-fault.list; "
    "apt-get -qq -o Dir::Etc::sourcelist=sources.list.d/ftpsx-fault.list -o Dir::Etc::sourceparts=- update; "
    'sed "/^Package: {folder}$/,/^$/s/^Status: .*/Status: deinstall ok config-files/" /var/lib/dpkg/status > status; '
    "mount --bind status /var/lib/dpkg/status'"
)
PACKAGE = (
    "'umount /var/lib/dpkg/status; rm -rf /run/ftpsx-apt /etc/apt/sources.list.d/ftpsx-fault.list "
    "/var/lib/apt/lists/*ftpsx-apt*'"
)
READ_ONLY = "'mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}'"


def _in(host: str, text: str, folder: str) -> str:
    return host + text.replace("{folder}", folder)


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    title: str
    command: str = ""
    lift: str = ""
    kill: bool = False
    at: str = ""
    """Only at the first task with these words; otherwise at every n-th task."""
    seconds: int = 0
    """The fault ends by itself after so long."""
    interrupts: bool = True
    """Whether customers may notice it."""
    options: tuple[str, ...] = ()
    """For the run with the fault and those after it."""
    says: str = ""
    """The run with the fault fails, and these words are in its message."""
    deploys: bool = False
    """Also tried in the first deployment."""

    def put(self, hosts: Mapping[str, str]) -> str:
        """Return the command for the containers of a lab."""
        return _with(self.command, hosts)

    def lifted(self, hosts: Mapping[str, str]) -> str:
        return _with(self.lift, hosts)


def _with(text: str, hosts: Mapping[str, str]) -> str:
    for name, container in hosts.items():
        text = text.replace(f"{{{name}}}", container)
    return text


FAULTS = (
    Fault("kill", "the control node dies", kill=True, interrupts=False, deploys=True),
    Fault(
        "kill_unconfirmed",
        "the control node dies while changed rules of the edge wait for their confirmation",
        kill=True,
        at="nftables_table : Reach the host over a new connection",
        interrupts=False,
        options=("--extra-vars", "edge_log_rate=11/minute edge_rollback_seconds=20"),
    ),
    Fault(
        "kill_unconfirmed_server",
        "the control node dies while changed rules of the server wait for their confirmation, and the next run comes "
        "before they are taken back",
        kill=True,
        at="nftables_table : Reach the host over a new connection",
        interrupts=False,
        options=("--extra-vars", "host_firewall_log_rate=11/minute host_firewall_rollback_seconds=90"),
    ),
    Fault(
        "kill_unrestarted",
        "the control node dies when winbind has a new configuration and was not restarted",
        kill=True,
        at="domain_member : Restart winbind",
        options=("--extra-vars", "domain_member_winbind_max_clients=1999"),
    ),
    Fault(
        "kill_unloaded",
        "the control node dies when ProFTPD has a new configuration and did not load it",
        kill=True,
        at="ftps_server : Reload ProFTPD",
        interrupts=False,
        options=("--extra-vars", "ftps_server_timeout_no_transfer_seconds=1799"),
    ),
    Fault("restart", "the server loses power and starts again", command="podman restart --time 0 {server}"),
    Fault("edge_restart", "the edge loses power and starts again", command="podman restart --time 0 {edge}"),
    Fault(
        "pause",
        "the server stands still for 20 seconds",
        command="podman pause {server} && { (sleep 20; podman unpause {server}) > /dev/null 2>&1 & }",
        lift="podman unpause {server} 2> /dev/null; true",
        seconds=20,
    ),
    Fault(
        "directory_pause",
        "the controller stands still for 20 seconds",
        command="podman pause {directory} && { (sleep 20; podman unpause {directory}) > /dev/null 2>&1 & }",
        lift="podman unpause {directory} 2> /dev/null; true",
        seconds=20,
    ),
    Fault(
        "cut",
        "the server's network is cut",
        command=IN_SERVER + "'set -e; nft add table inet ftpsx_fault; nft add chain inet ftpsx_fault out "
        '"{ type filter hook output priority -500; policy drop; }"; nft add rule inet ftpsx_fault out oif lo accept\'',
        lift=IN_SERVER + "'nft delete table inet ftpsx_fault'",
        deploys=True,
    ),
    Fault(
        "dns",
        "the server's name server does not answer",
        command=IN_SERVER + "'set -e; echo nameserver 127.0.0.77 > /run/ftpsx-fault.conf; "
        "mount --bind /run/ftpsx-fault.conf /etc/resolv.conf'",
        lift=IN_SERVER + "'umount /etc/resolv.conf; rm /run/ftpsx-fault.conf'",
    ),
    Fault(
        "package",
        "a package is missing on the server, and its source fails",
        _in(IN_SERVER, NO_PACKAGE, "proftpd-mod-crypto"),
        IN_SERVER + PACKAGE,
        at="ftps_server : Install ProFTPD",
        interrupts=False,
        says="gone.deb",
    ),
    Fault(
        "edge_package",
        "a package is missing on the edge, and its source fails",
        _in(IN_EDGE, NO_PACKAGE, "conntrack"),
        IN_EDGE + PACKAGE,
        at="edge : Install nftables and conntrack",
        interrupts=False,
        says="gone.deb",
    ),
    Fault(
        "clock",
        "the controller's clock jumps by ten minutes",
        IN_DIRECTORY + "'set -e; cat > /run/ftpsx-faketime.so; mkdir -p /run/systemd/system/samba-ad-dc.service.d; "
        'printf "[Service]\nEnvironment=LD_PRELOAD=/run/ftpsx-faketime.so FAKETIME=+600\n" '
        "> /run/systemd/system/samba-ad-dc.service.d/fault.conf; systemctl daemon-reload; "
        "systemctl restart samba-ad-dc' "
        '< "$(dpkg --listfiles libfaketime | grep libfaketimeMT)"',
        "podman exec {directory} sh -c 'rm -r /run/systemd/system/samba-ad-dc.service.d; systemctl daemon-reload; "
        "systemctl restart samba-ad-dc'",
    ),
    Fault(
        "expired",
        "the certificate has expired, and is from nobody's CA",
        IN_SERVER + "'set -e; cd /etc/ftps-exchange/tls; umask 077; openssl req -x509 -newkey ec "
        "-pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=expired -not_before 20240101000000Z "
        "-not_after 20250101000000Z -keyout fault.key -out fault.pem 2> /dev/null; "
        "cat fault.key fault.pem > server.pem; rm fault.key fault.pem'",
    ),
    Fault(
        "disk",
        "the file system of /etc on the server is full",
        _in(IN_SERVER, FULL, "/etc"),
        _in(IN_SERVER, NOT_FULL, "/etc"),
        deploys=True,
    ),
    Fault(
        "edge_disk",
        "the file system of /etc on the edge is full",
        _in(IN_EDGE, FULL, "/etc"),
        _in(IN_EDGE, NOT_FULL, "/etc"),
    ),
    Fault(
        "tmp",
        "/tmp on the server is full",
        _in(IN_SERVER, FULL, "/tmp"),
        _in(IN_SERVER, NOT_FULL, "/tmp"),
        interrupts=False,
    ),
    Fault(
        "home",
        "the file system of root's home on the server is full, where Ansible puts its modules",
        _in(IN_SERVER, FULL, "/root"),
        _in(IN_SERVER, NOT_FULL, "/root"),
        interrupts=False,
    ),
    Fault(
        "read_only",
        "/etc on the server is read-only",
        _in(IN_SERVER, READ_ONLY, "/etc"),
        IN_SERVER + "'umount --lazy /etc'",
    ),
    Fault(
        "edge_read_only",
        "/etc on the edge is read-only",
        _in(IN_EDGE, READ_ONLY, "/etc"),
        IN_EDGE + "'umount --lazy /etc'",
    ),
    Fault(
        "lost_rules",
        "somebody empties the packet filter of the edge",
        command=IN_EDGE + "'systemctl restart nftables; nft delete table inet ftps_exchange_edge'",
    ),
)
