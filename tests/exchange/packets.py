"""Packets made by hand, a bounded number of them: what a host sends that does not keep to the rules.

Only from a host whose network is on this machine, as root: in a lab.
"""

from __future__ import annotations

import itertools
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from .outcomes import not_tested
from .vantage import Host

MOST_A_SECOND = 2000
LONGEST = 5.0
SYN, ACK = 0x02, 0x10
ALL_PROTOCOLS = 3
"""ETH_P_ALL of <linux/if_ether.h>."""
ICMPV6_ROUTER_ADVERTISEMENT = 134
IPV6_HEADER_HOPS = 255
"""What neighbour discovery asks for, RFC 4861 section 6.1.2."""


def _paced(rate: int, seconds: float, stop: threading.Event) -> Iterator[int]:
    """Numbers from 0, so many a second."""
    assert rate <= MOST_A_SECOND, "an attack of a check is bounded"
    assert seconds <= LONGEST, "an attack of a check is bounded"
    began, number = time.monotonic(), 0
    while not stop.is_set() and (passed := time.monotonic() - began) < seconds:
        while number < passed * rate:
            yield number
            number += 1
        time.sleep(0.002)


@contextmanager
def knocking(host: Host, address: str, ports: Sequence[int], rate: int, seconds: float = LONGEST) -> Iterator[None]:
    """While the block runs, the host begins one connection after the other, to all the ports in turn."""
    if not host.network_is_here:
        not_tested(f"{host.name} is not on this machine, so no packets can be made there")
    stop = threading.Event()

    def knock() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        attempts: list[socket.socket] = []
        with host.network():
            for number in _paced(rate, seconds, stop):
                attempt = socket.socket(family, socket.SOCK_STREAM)
                attempt.setblocking(False)
                attempt.connect_ex((address, ports[number % len(ports)]))
                attempts.append(attempt)
                if len(attempts) > 300:
                    attempts.pop(0).close()
        for attempt in attempts:
            attempt.close()

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _sum(data: bytes) -> int:
    """The checksum of the Internet, RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def forged_handshakes(host: Host, source: str, destination: str, port: int, rate: int, seconds: float) -> int:
    """Begin connections in another host's name, and leave it at that; how many."""
    if not host.network_is_here:
        not_tested(f"{host.name} is not on this machine, so no packets can be made there")
    ends, sent = socket.inet_aton(source) + socket.inet_aton(destination), 0
    with host.network(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in _paced(rate, seconds, threading.Event()):
            own_port, sequence = 1024 + number * 7 % 60000, random.getrandbits(32)
            words = [own_port, port, sequence, 0, 5 << 4, SYN, 64240, 0, 0]
            tcp = struct.pack("!HHIIBBHHH", *words)
            words[7] = _sum(ends + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
            tcp = struct.pack("!HHIIBBHHH", *words)
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0)
            raw.sendto(header + ends + tcp, (destination, 0))
            sent += 1
    return sent


def addresses(host: Host, ipv6: bool) -> list[str]:
    """The host's addresses that others may reach."""
    if not host.network_is_here:
        return []
    listed = json.loads(host.run("ip", "-j", "-6" if ipv6 else "-4", "address", "show", "scope", "global").stdout)
    return [found["local"] for link in listed for found in link.get("addr_info", []) if "local" in found]


@contextmanager
def arriving(host: Host, address: str) -> Iterator[list[str]]:
    """Connections that somebody begins to this address of the host, from whatever source; complete after the block."""
    seen: list[str] = []
    version = 6 if ":" in address else 4
    family, first, size = (socket.AF_INET6, 24, 16) if version == 6 else (socket.AF_INET, 16, 4)
    with host.network():
        link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    with link:
        link.setblocking(False)
        yield seen
        time.sleep(0.2)
        wanted = socket.inet_pton(family, address)
        with suppress(BlockingIOError):
            while True:
                packet, (name, _, kind, *_rest) = link.recvfrom(256)
                if (
                    kind == socket.PACKET_OUTGOING
                    or packet[0] >> 4 != version
                    or packet[first : first + size] != wanted
                ):
                    continue
                protocol, header = (
                    (packet[6], packet[40:]) if version == 6 else (packet[9], packet[(packet[0] & 15) * 4 :])
                )
                if protocol == socket.IPPROTO_TCP and header[13] & (SYN | ACK) == SYN:
                    seen.append(f"from {socket.inet_ntop(family, packet[first - size : first])} on {name}")


def announce_router(host: Host, lifetime: int) -> None:
    """Say on every network of the host that it is the router for IPv6, for so many seconds."""
    if not host.network_is_here:
        not_tested(f"{host.name} is not on this machine, so no packets can be made there")
    message = struct.pack("!BBHBBHII", ICMPV6_ROUTER_ADVERTISEMENT, 0, 0, 64, 0, lifetime, 0, 0)
    with host.network(), socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, IPV6_HEADER_HOPS)
        for index, _ in itertools.islice(socket.if_nameindex(), 10):
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            with suppress(OSError):
                raw.sendto(message, ("ff02::1", 0, 0, index))
