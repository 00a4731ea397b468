"""The languages of Linux: nftables, iptables and RouterOS, whose firewall is the same."""

from __future__ import annotations

from collections.abc import Iterator

from .reading import NAME, NET, RANGE, Fact, UnsoundError, each, known_lines, lines_of, listed, match


def nftables(text: str) -> Iterator[Fact]:
    many = rf"(\{{ {NET}(?:, {NET})* \}}|{NET})"
    ports = rf"(\{{ {RANGE}(?:, {RANGE})* \}}|{RANGE})"
    known = known_lines(
        rf"(ip6?) saddr {many} \1 daddr ({NET}) tcp dport {ports} ct state new,established accept",
        rf"(ip6?) saddr ({NET}) \1 daddr {many} tcp sport {ports} ct state established accept",
        rf"(ip6?) saddr {many} \1 daddr ({NET}) tcp dport {ports} dnat to ({NET})",
        r"table inet filter \{|table ip6? ftps_[a-z0-9_]+ \{|chain (?:ftps_[a-z0-9_]+|translate) \{|\}",
        r"flush chain inet filter ftps_[a-z0-9_]+|delete table ip6? ftps_[a-z0-9_]+",
        r"type nat hook prerouting priority dstnat; policy accept;",
    )
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        if number == 0:
            yield from each("pass", listed(found[2]), found[3], listed(found[4]))
        elif number == 1:
            yield from each("back", listed(found[3]), found[2], listed(found[4]))
        elif number == 2:
            yield from each("translate", listed(found[2]), found[3], listed(found[4]), found[5])


def iptables(text: str) -> Iterator[Fact]:
    ports = rf"({RANGE}(?:,{RANGE})*)"
    known = known_lines(
        rf"-A {NAME} -s ({NET}) -d ({NET}) -p tcp -m multiport --dports {ports} "
        r"-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        rf"-A {NAME} -s ({NET}) -d ({NET}) -p tcp -m multiport --sports {ports} "
        r"-m conntrack --ctstate ESTABLISHED -j ACCEPT",
        rf"-A {NAME} -s ({NET}) -d ({NET}) -p tcp -m multiport --dports {ports} "
        rf"-j DNAT --to-destination ({NET})",
        rf"\*filter|\*nat|COMMIT|:{NAME} - \[0:0\]",
    )
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        if number == 0:
            yield from each("pass", [found[1]], found[2], listed(found[3]))
        elif number == 1:
            yield from each("back", [found[2]], found[1], listed(found[3]))
        elif number == 2:
            yield from each("translate", [found[1]], found[2], listed(found[3]), found[4])


def routeros(text: str) -> Iterator[Fact]:
    ports = rf"({RANGE}(?:,{RANGE})*)"
    jump = rf"/(ipv?6?) firewall filter add chain=forward action=jump jump-target=(FTPS-{NAME}) comment=\2"
    chains = set()
    others = ""
    known = known_lines(
        rf"add chain=({NAME}) action=accept protocol=tcp src-address=({NET}) dst-address=({NET}) "
        rf"dst-port={ports} connection-state=new,established comment=\1",
        rf"add chain=({NAME}) action=accept protocol=tcp src-address=({NET}) dst-address=({NET}) "
        rf"src-port={ports} connection-state=established comment=\1",
        rf"add chain=dstnat action=dst-nat protocol=tcp src-address=({NET}) dst-address=({NET}) "
        rf"dst-port={ports} to-address(?:es)?=({NET}) comment=({NAME})",
        rf":if \(\[:len \$others\] = 0\) do=\{{ {jump} \}} else=\{{ "
        r"/\1 firewall filter add chain=forward action=jump jump-target=\2 comment=\2 "
        r"place-before=\[:pick \$others 0\] \}",
        r":local others \[/(ip|ipv6) firewall filter find chain=forward dynamic=no\]",
        rf":if \(\[:len \[/(?:ip|ipv6) firewall filter find chain=forward jump-target=(FTPS-{NAME})\]\] = 0\) "
        r"do=\{",
        rf"/(?:ip|ipv6) firewall (?:filter|nat)|remove \[find (?:chain|comment)=(FTPS-{NAME})\]|\}}",
    )
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        if number == 0:
            chains.add(found[1])
            yield from each("pass", [found[2]], found[3], listed(found[4]))
        elif number == 1:
            chains.add(found[1])
            yield from each("back", [found[3]], found[2], listed(found[4]))
        elif number == 2:
            chains.add(found[5])
            yield from each("translate", [found[1]], found[2], listed(found[3]), found[4])
        elif number == 3:
            if others != found[1]:
                raise UnsoundError(f"a place in another table: {line!r}")
            chains.add(found[2])
            yield ("jump", "IPv4" if found[1] == "ip" else "IPv6", "", "", "")
        elif number == 4:
            others = found[1]
        elif found[1]:
            chains.add(found[1])
    if len(chains) > 1:
        raise UnsoundError(f"several chains: {sorted(chains)}")
