# Lets acme reach the FTPS service ftps.exchange.example, and nothing else:
# outgoing TCP to 198.51.100.10 and 198.51.100.11 and 2001:db8:100::10 and 2001:db8:100::11, ports 21, 990, 2121, 2990, 50000-50149, and the answers.
# The service never connects back.
# For: acme (Jo Doe, jo@acme.example, +32 2 555 01 20)
# Change: ____________________  Owner: ____________________  Date: ____________________
#
# Load:  upload, then: /import file-name=FILE  (as often as you like: it replaces this chain)
#        It puts a jump to this chain before the first rule of the chain forward, unless there is one already.
#        Rules that RouterOS makes itself (dynamic ones, such as FastTrack's) stay above it.
# Undo:
#        /ip firewall filter remove [find jump-target=FTPS-lab]
#        /ipv6 firewall filter remove [find jump-target=FTPS-lab]
#        /ip firewall filter remove [find chain=FTPS-lab]
#        /ipv6 firewall filter remove [find chain=FTPS-lab]
# These rules only open. By default this firewall passes everything that no rule of yours drops.
# FTP helper: /ip firewall service-port disable ftp  (the control channel is encrypted, so it reads no port in
# it). It is one switch for the whole router, so this script leaves it alone.
# Tested: not on a real device. Read the lines before you load them.

/ip firewall filter
remove [find chain=FTPS-lab]
add chain=FTPS-lab action=accept protocol=tcp src-address=10.20.0.0/16 dst-address=198.51.100.10 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab
add chain=FTPS-lab action=accept protocol=tcp src-address=198.51.100.10 dst-address=10.20.0.0/16 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab
add chain=FTPS-lab action=accept protocol=tcp src-address=10.20.0.0/16 dst-address=198.51.100.11 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab
add chain=FTPS-lab action=accept protocol=tcp src-address=198.51.100.11 dst-address=10.20.0.0/16 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab
:if ([:len [/ip firewall filter find chain=forward jump-target=FTPS-lab]] = 0) do={
  :local others [/ip firewall filter find chain=forward dynamic=no]
  :if ([:len $others] = 0) do={ /ip firewall filter add chain=forward action=jump jump-target=FTPS-lab comment=FTPS-lab } else={ /ip firewall filter add chain=forward action=jump jump-target=FTPS-lab comment=FTPS-lab place-before=[:pick $others 0] }
}
/ipv6 firewall filter
remove [find chain=FTPS-lab]
add chain=FTPS-lab action=accept protocol=tcp src-address=2001:db8:200::/64 dst-address=2001:db8:100::10 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab
add chain=FTPS-lab action=accept protocol=tcp src-address=2001:db8:100::10 dst-address=2001:db8:200::/64 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab
add chain=FTPS-lab action=accept protocol=tcp src-address=2001:db8:200::/64 dst-address=2001:db8:100::11 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab
add chain=FTPS-lab action=accept protocol=tcp src-address=2001:db8:100::11 dst-address=2001:db8:200::/64 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab
:if ([:len [/ipv6 firewall filter find chain=forward jump-target=FTPS-lab]] = 0) do={
  :local others [/ipv6 firewall filter find chain=forward dynamic=no]
  :if ([:len $others] = 0) do={ /ipv6 firewall filter add chain=forward action=jump jump-target=FTPS-lab comment=FTPS-lab } else={ /ipv6 firewall filter add chain=forward action=jump jump-target=FTPS-lab comment=FTPS-lab place-before=[:pick $others 0] }
}
