# Lets the customer acme reach the FTPS service ftps.exchange.example, and nobody else:
# incoming TCP to 198.51.100.10 and 198.51.100.11 and 2001:db8:100::10 and 2001:db8:100::11, ports 21, 990, 2121, 2990, 50000-50149, and the answers.
# For: acme (Jo Doe, jo@acme.example, +32 2 555 01 20)
# Change: ____________________  Owner: ____________________  Date: ____________________
#
# Load:  upload, then: /import file-name=FILE  (as often as you like: it replaces this chain)
#        It puts a jump to this chain before the first rule of the chain forward, unless there is one already.
#        Rules that RouterOS makes itself (dynamic ones, such as FastTrack's) stay above it.
# Undo:
#        /ip firewall filter remove [find jump-target=FTPS-lab-acme]
#        /ipv6 firewall filter remove [find jump-target=FTPS-lab-acme]
#        /ip firewall filter remove [find chain=FTPS-lab-acme]
#        /ipv6 firewall filter remove [find chain=FTPS-lab-acme]
# These rules only open. By default this firewall passes everything that no rule of yours drops.
# FTP helper: /ip firewall service-port disable ftp  (the control channel is encrypted, so it reads no port in
# it). It is one switch for the whole router, so this script leaves it alone.
# Tested: not on a real device. Read the lines before you load them.

/ip firewall filter
remove [find chain=FTPS-lab-acme]
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=203.0.113.20/32 dst-address=198.51.100.10 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=198.51.100.10 dst-address=203.0.113.20/32 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=203.0.113.128/28 dst-address=198.51.100.10 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=198.51.100.10 dst-address=203.0.113.128/28 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=203.0.113.20/32 dst-address=198.51.100.11 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=198.51.100.11 dst-address=203.0.113.20/32 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=203.0.113.128/28 dst-address=198.51.100.11 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=198.51.100.11 dst-address=203.0.113.128/28 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab-acme
:if ([:len [/ip firewall filter find chain=forward jump-target=FTPS-lab-acme]] = 0) do={
  :local others [/ip firewall filter find chain=forward dynamic=no]
  :if ([:len $others] = 0) do={ /ip firewall filter add chain=forward action=jump jump-target=FTPS-lab-acme comment=FTPS-lab-acme } else={ /ip firewall filter add chain=forward action=jump jump-target=FTPS-lab-acme comment=FTPS-lab-acme place-before=[:pick $others 0] }
}
/ip firewall nat
remove [find comment=FTPS-lab-acme]
/ipv6 firewall filter
remove [find chain=FTPS-lab-acme]
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=2001:db8:200::/64 dst-address=2001:db8:100::10 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=2001:db8:100::10 dst-address=2001:db8:200::/64 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=2001:db8:200::/64 dst-address=2001:db8:100::11 dst-port=21,990,2121,2990,50000-50149 connection-state=new,established comment=FTPS-lab-acme
add chain=FTPS-lab-acme action=accept protocol=tcp src-address=2001:db8:100::11 dst-address=2001:db8:200::/64 src-port=21,990,2121,2990,50000-50149 connection-state=established comment=FTPS-lab-acme
:if ([:len [/ipv6 firewall filter find chain=forward jump-target=FTPS-lab-acme]] = 0) do={
  :local others [/ipv6 firewall filter find chain=forward dynamic=no]
  :if ([:len $others] = 0) do={ /ipv6 firewall filter add chain=forward action=jump jump-target=FTPS-lab-acme comment=FTPS-lab-acme } else={ /ipv6 firewall filter add chain=forward action=jump jump-target=FTPS-lab-acme comment=FTPS-lab-acme place-before=[:pick $others 0] }
}
/ipv6 firewall nat
remove [find comment=FTPS-lab-acme]
