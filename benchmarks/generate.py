"""Writes valid customer files in any number, for benchmarks and trials.

    python -m benchmarks.generate 1000 inventories/bench/customers

The same number gives the same files. Every customer has one IPv4 and one IPv6 network of its own out of the ranges
that are reserved for benchmarks (198.18.0.0/15, RFC 2544; 2001:2::/48, RFC 5180): the model accepts them as sources
without a note, nobody is ever reached by them, and they are disjoint from anything a lab or a company uses.
"""

from __future__ import annotations

import argparse
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

# One /64 of a /48 each; the IPv4 range would hold twice as many single addresses.
MAXIMUM = 65536

_FIREWALLS = ("nftables", "cisco_asa", "fortigate", "windows", "palo_alto")
_FIRST_IP4 = int(IPv4Address("198.18.0.0"))
_FIRST_IP6 = int(IPv6Address("2001:2::"))


def customer_name(number: int, prefix: str = "gen") -> str:
    """Return the name of a generated customer; numbers begin at 0."""
    return f"{prefix}{number:05d}"


def customer_file(number: int, shares: list[tuple[str, str]], prefix: str = "gen") -> str:
    """Return the content of one generated customer file."""
    name = customer_name(number, prefix)
    lines = [
        "---",
        "state: present",
        f"contact: {{name: Customer {number}, email: it@{name}.example}}",
        f'sources: [{IPv4Address(_FIRST_IP4 + number)}/32, "{IPv6Address(_FIRST_IP6 + (number << 64))}/64"]',
        f"firewall: {_FIREWALLS[number % len(_FIREWALLS)]}",
        "accounts:",
        f"  - {{name: {name}-up, access: write}}",
    ]
    if number % 2:
        lines.append(f"  - {{name: {name}-read, access: read}}")
    if shares:
        lines.append("shares:")
        lines += [f"  - {{name: {share}, access: {access}}}" for share, access in shares]
    return "\n".join(lines) + "\n"


def write_customers(
    count: int, directory: Path, shares: list[tuple[str, str]], prefix: str = "gen", first: int = 0
) -> None:
    """Write the files into the directory, beside those that are there."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        path = directory / f"{customer_name(number, prefix)}.yml"
        path.write_text(customer_file(number, shares, prefix), encoding="utf-8")


def _share(text: str) -> tuple[str, str]:
    name, _, access = text.partition(":")
    if not name or access not in ("read", "write"):
        raise argparse.ArgumentTypeError("write NAME:read or NAME:write")
    return name, access


def main(arguments: list[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("count", type=int, help=f"how many customers (with --first: up to {MAXIMUM} in all)")
    parser.add_argument("directory", type=Path, help="where the files go; files of the same name are overwritten")
    parser.add_argument("--share", type=_share, action="append", help="NAME:read or NAME:write, may be repeated")
    parser.add_argument("--no-shares", action="store_true", help="customers without shares")
    parser.add_argument("--prefix", default="gen", help="beginning of the names, at most 10 characters (gen)")
    parser.add_argument("--first", type=int, default=0, help="number of the first customer (0)")
    options = parser.parse_args(arguments)
    if options.count < 0 or options.first < 0 or options.first + options.count > MAXIMUM:
        parser.error(f"there are addresses for the customers 0 to {MAXIMUM - 1}")
    if not 1 <= len(options.prefix) <= 10:
        parser.error("the prefix has 1 to 10 characters")
    # The shares of the lab by default.
    shares = [] if options.no_shares else options.share or [("maps", "read"), ("dropbox", "write")]
    write_customers(options.count, options.directory, shares, options.prefix, options.first)
    return 0


if __name__ == "__main__":
    sys.exit(main())
