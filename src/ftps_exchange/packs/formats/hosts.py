"""Windows Defender Firewall (PowerShell), pf and MikroTik RouterOS."""

from __future__ import annotations

from ftps_exchange.packs.flows import OPENS_ONLY, UNTRIED, Flow, Job, commented, header, lines_if, port_text
from ftps_exchange.packs.text import plain


def windows(job: Job) -> dict[str, str]:
    """A script for each Windows client, or for the Windows server itself; a second run changes nothing."""
    direction, machine = ("Outbound", "client") if job.side == "customer" else ("Inbound", "server")
    names = ", ".join(f"{job.name}-{flow.family}" for flow in job.flows)
    how = (
        f"Load:  on the {machine} itself: in an elevated PowerShell, run this file. A second run changes nothing.",
        "       By group policy: enter the same values there.",
        *lines_if(
            job.side == "customer",
            "       Windows lets out everything by default: the rule matters where outgoing connections are blocked.",
        ),
        f"Undo:  Remove-NetFirewallRule -Name {names}",
        "FTP inspection: netsh advfirewall set global StatefulFtp disable  (the control channel is encrypted, so the",
        "inspector reads no port in it). It is one switch for the whole machine, so this script leaves it alone.",
        "Answers pass, because the firewall keeps state.",
        *lines_if(job.translated, "Windows translates nothing here: that belongs on the firewall in front."),
        "Tried: read by the parser of PowerShell and run against stand-ins of the two commands; on no real Windows.",
    )
    near, far = ("Local", "Remote") if job.side == "customer" else ("Remote", "Local")
    lines = ["$ErrorActionPreference = 'Stop'", "$rules = @("]
    for flow in job.flows:
        ports = [port_text(ports) for ports in flow.ports]
        lines += [
            "    @{",
            f"        Name = '{job.name}-{flow.family}'",
            f"        Description = '{plain(f'FTPS {job.service.fqdn}, customer {job.customer.name}')}'",
            f"        Direction = '{direction}'",
            "        Action = 'Allow'",
            "        Enabled = 'True'",
            "        Profile = 'Any'",
            "        Protocol = 'TCP'",
            f"        {near}Address = @({_quoted(flow.sources)})",
            f"        {far}Address = @('{flow.server}')",
            f"        {far}Port = @({_quoted(tuple(ports))})",
            "    }",
        ]
    lines += [
        ")",
        "foreach ($rule in $rules) {",
        "    if (Get-NetFirewallRule -Name $rule.Name -ErrorAction SilentlyContinue) {",
        "        Set-NetFirewallRule @rule",
        "    } else {",
        "        New-NetFirewallRule -DisplayName $rule.Name @rule | Out-Null",
        "    }",
        "}",
    ]
    return {f"windows-{job.side}.ps1": commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"}


def _quoted(texts: tuple[str, ...]) -> str:
    return ", ".join(f"'{text}'" for text in texts)


def pf(job: Job) -> dict[str, str]:
    """An anchor for pf of OpenBSD; a second load changes nothing."""
    name = job.name
    how = (
        f'Load:  add the line  anchor "{name}"  to /etc/pf.conf where it is reached before what blocks, then:',
        f"       pfctl -a {name} -f FILE  (again and again, if you like: it replaces the anchor)",
        f'       At boot: load anchor "{name}" from "/etc/pf.{name}.conf"',
        f"Undo:  pfctl -a {name} -F rules, and take the line out again.",
        OPENS_ONLY,
        "pfSense, OPNsense: enter the rows of the neutral table in the web interface (they keep pf.conf themselves).",
        "FTP proxy: ftp-proxy(8) must not get these connections. The control channel is encrypted, so it reads no",
        "port there.",
        "Answers pass, because 'keep state' keeps state. The rules match on both interfaces that a connection crosses.",
        "Tried: on no real pf.",
    )
    lines = []
    for flow in job.flows:
        lines += _pf_rules(job, flow)
    return {f"pf-{job.side}.conf": commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"}


def _pf_rules(job: Job, flow: Flow) -> list[str]:
    ports = "{ " + ", ".join(port_text(ports, ":") for ports in flow.ports) + " }"
    inet = "inet" if flow.family == 4 else "inet6"

    def rule(direction: str, sources: tuple[str, ...], target: str, then: str = "") -> str:
        clients = "{ " + ", ".join(sources) + " }"
        match = f"{inet} proto tcp from {clients} to {target} port {ports}"
        return f"pass {direction}quick {match} flags S/SA keep state{then}"

    if flow.translated:
        return [
            rule("in ", flow.sources, flow.service, f" rdr-to {flow.server}"),
            rule("out ", flow.sources, flow.server),
        ]
    outside = job.customer.sources(flow.family)
    if outside == flow.sources:
        return [rule("", flow.sources, flow.server)]
    # Behind the customer's own translation: on the way out a packet has the address that the service knows.
    return [rule("in ", flow.sources, flow.server), rule("out ", (*flow.sources, *outside), flow.server)]


def routeros(job: Job) -> dict[str, str]:
    """A script for RouterOS 7, which fills a chain of its own; a second import changes nothing."""
    name = job.name
    families = [("ip" if flow.family == 4 else "ipv6", flow) for flow in job.flows]
    jump = f"add chain=forward action=jump jump-target={name} place-before=0"
    how = (
        "Load:  upload, then: /import file-name=FILE  (again and again, if you like: it replaces this chain)",
        *(f"       and once: /{ip} firewall filter {jump}" for ip, _ in families),
        "Undo:  remove the jump, then:",
        *(f"       /{ip} firewall filter remove [find chain={name}]" for ip, _ in families),
        *(f"       /{ip} firewall nat remove [find comment={name}]" for ip, flow in families if flow.translated),
        OPENS_ONLY,
        "FTP helper: /ip firewall service-port disable ftp  (the control channel is encrypted, so it reads no port in",
        "it). It is one switch for the whole router, so this script leaves it alone.",
        *lines_if(
            any(flow.family == 6 for flow in job.translated),
            "Translation of IPv6 is written for RouterOS 7.15 and later. Before, write to-addresses for to-address.",
        ),
        UNTRIED,
    )
    lines: list[str] = []
    for ip, flow in families:
        ports = ",".join(port_text(ports) for ports in flow.ports)
        lines += [f"/{ip} firewall filter", f"remove [find chain={name}]"]
        for source in flow.sources:
            lines += [
                f"add chain={name} action=accept protocol=tcp src-address={source} dst-address={flow.server} "
                f"dst-port={ports} connection-state=new,established comment={name}",
                f"add chain={name} action=accept protocol=tcp src-address={flow.server} dst-address={source} "
                f"src-port={ports} connection-state=established comment={name}",
            ]
        if flow.translated:
            lines += [f"/{ip} firewall nat", f"remove [find comment={name}]"]
            lines += [
                f"add chain=dstnat action=dst-nat protocol=tcp src-address={source} dst-address={flow.service} "
                f"dst-port={ports} {_routeros_to(flow)} comment={name}"
                for source in flow.sources
            ]
    return {f"routeros-{job.side}.rsc": commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"}


def _routeros_to(flow: Flow) -> str:
    """IPv6 translation takes a prefix."""
    return f"to-addresses={flow.server}" if flow.family == 4 else f"to-address={flow.server}/128"
