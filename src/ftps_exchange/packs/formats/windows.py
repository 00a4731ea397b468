"""Windows Defender Firewall: a PowerShell script."""

from __future__ import annotations

from ftps_exchange.packs.flows import Job, commented, header, lines_if, port_text
from ftps_exchange.packs.text import plain

from .format import Format


def render(job: Job) -> dict[str, str]:
    """A script for each Windows client, or for the Windows server itself; a second run changes nothing."""
    direction, machine = ("Outbound", "client") if job.side == "customer" else ("Inbound", "server")
    names = ", ".join(f"{job.name}-{flow.label}" for flow in job.flows)
    how = (
        f"Load:  on the {machine} itself: in an elevated PowerShell, run this file. A second run changes nothing.",
        "       Does the execution policy refuse it? Read it and paste its lines there; do not change the policy.",
        "       By group policy: enter the same values there.",
        *lines_if(
            job.side == "customer",
            "       Windows lets out everything by default: the rule matters where outgoing connections are blocked.",
        ),
        f"Undo:  Remove-NetFirewallRule -Name {names}",
        *(
            f"Did an older version have IPv{family} too? Remove-NetFirewallRule -Name {job.name}-{family}"
            for family in job.missing
        ),
        "FTP inspection: netsh advfirewall set global StatefulFtp disable  (the control channel is encrypted, so the",
        "inspector reads no port in it). It is one switch for the whole machine, so this script leaves it alone.",
        "A rule that blocks wins over these, wherever it comes from: Get-NetFirewallRule -Action Block -Enabled True",
        *lines_if(
            job.side == "provider",
            "The rules that come with the FTP service let everybody in, on all its ports. Disable them:",
            "Get-NetFirewallRule -Name IIS-WebServerRole-FTP-* | Disable-NetFirewallRule",
        ),
        "Answers pass, because the firewall keeps state.",
        *lines_if(job.translated, "Windows does not translate: the firewall in front must do it."),
        "Tested: parsed by PowerShell and run against stand-ins of the two commands; not on a real Windows.",
    )
    near, far = ("Local", "Remote") if job.side == "customer" else ("Remote", "Local")
    lines = ["$ErrorActionPreference = 'Stop'", "$rules = @("]
    for flow in job.flows:
        ports = [port_text(ports) for ports in flow.ports]
        lines += [
            "    @{",
            f"        Name = '{job.name}-{flow.label}'",
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


FORMAT = Format(
    render=render,
    name="windows",
    title="Windows Defender Firewall",
    files=("windows-*.ps1",),
    inspection="“netsh advfirewall set global StatefulFtp disable” if downloads stall",
    load="run in an elevated PowerShell, on the client or on the server",
    undo="`Remove-NetFirewallRule`",
    again="the same",
    helper="`netsh advfirewall set global StatefulFtp disable`, one switch for the machine, so not in the file",
    notes=(
        ("lets everything out by default: the outgoing rules matter where that is blocked. It translates nothing."),
        (
            "a rule that blocks wins over ours, and the rules that come with the FTP service let everybody in: the "
            "file says how to find the former and switch off the latter."
        ),
    ),
)
