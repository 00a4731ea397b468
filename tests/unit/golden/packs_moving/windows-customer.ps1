# Lets acme reach the FTPS service ftps.exchange.example, and nothing else:
# outgoing TCP to 198.51.100.10 and 198.51.100.11 and 2001:db8:100::10 and 2001:db8:100::11, ports 21, 990, 2121, 2990, 50000-50149, and the answers.
# The service never connects back.
# For: acme (Jo Doe, jo@acme.example, +32 2 555 01 20)
# Change: ____________________  Owner: ____________________  Date: ____________________
#
# Load:  on the client itself: in an elevated PowerShell, run this file. A second run changes nothing.
#        Does the execution policy refuse it? Read it and paste its lines there; do not change the policy.
#        By group policy: enter the same values there.
#        Windows lets out everything by default: the rule matters where outgoing connections are blocked.
# Undo:  Remove-NetFirewallRule -Name FTPS-lab-4, FTPS-lab-4-ALSO, FTPS-lab-6, FTPS-lab-6-ALSO
# FTP inspection: netsh advfirewall set global StatefulFtp disable  (the control channel is encrypted, so the
# inspector reads no port in it). It is one switch for the whole machine, so this script leaves it alone.
# A rule that blocks wins over these, wherever it comes from: Get-NetFirewallRule -Action Block -Enabled True
# Answers pass, because the firewall keeps state.
# Tested: parsed by PowerShell and run against stand-ins of the two commands; not on a real Windows.

$ErrorActionPreference = 'Stop'
$rules = @(
    @{
        Name = 'FTPS-lab-4'
        Description = 'FTPS ftps.exchange.example, customer acme'
        Direction = 'Outbound'
        Action = 'Allow'
        Enabled = 'True'
        Profile = 'Any'
        Protocol = 'TCP'
        LocalAddress = @('10.20.0.0/16')
        RemoteAddress = @('198.51.100.10')
        RemotePort = @('21', '990', '2121', '2990', '50000-50149')
    }
    @{
        Name = 'FTPS-lab-4-ALSO'
        Description = 'FTPS ftps.exchange.example, customer acme'
        Direction = 'Outbound'
        Action = 'Allow'
        Enabled = 'True'
        Profile = 'Any'
        Protocol = 'TCP'
        LocalAddress = @('10.20.0.0/16')
        RemoteAddress = @('198.51.100.11')
        RemotePort = @('21', '990', '2121', '2990', '50000-50149')
    }
    @{
        Name = 'FTPS-lab-6'
        Description = 'FTPS ftps.exchange.example, customer acme'
        Direction = 'Outbound'
        Action = 'Allow'
        Enabled = 'True'
        Profile = 'Any'
        Protocol = 'TCP'
        LocalAddress = @('2001:db8:200::/64')
        RemoteAddress = @('2001:db8:100::10')
        RemotePort = @('21', '990', '2121', '2990', '50000-50149')
    }
    @{
        Name = 'FTPS-lab-6-ALSO'
        Description = 'FTPS ftps.exchange.example, customer acme'
        Direction = 'Outbound'
        Action = 'Allow'
        Enabled = 'True'
        Profile = 'Any'
        Protocol = 'TCP'
        LocalAddress = @('2001:db8:200::/64')
        RemoteAddress = @('2001:db8:100::11')
        RemotePort = @('21', '990', '2121', '2990', '50000-50149')
    }
)
foreach ($rule in $rules) {
    if (Get-NetFirewallRule -Name $rule.Name -ErrorAction SilentlyContinue) {
        Set-NetFirewallRule @rule
    } else {
        New-NetFirewallRule -DisplayName $rule.Name @rule | Out-Null
    }
}
