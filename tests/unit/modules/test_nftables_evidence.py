"""Which elements concern a customer, and what the kernel's log says of refused packets."""

from __future__ import annotations

import json

from ansible_collections.ftps.exchange.plugins.modules.nftables_evidence import (
    matching,
    names_in,
    refused_packets,
    remembered_packets,
)

LISTED = [
    {"elem": {"val": "198.51.100.20", "comment": "acme", "counter": {"packets": 7, "bytes": 70}}},
    {
        "elem": {
            "val": {"prefix": {"addr": "198.51.100.32", "len": 27}},
            "comment": "acme-west",
            "counter": {"packets": 1, "bytes": 1},
        }
    },
    {"elem": {"val": "203.0.113.5", "comment": "acme, globex and 3 more", "counter": {"packets": 0, "bytes": 0}}},
]
LISTED6 = [{"elem": {"val": "2001:db8::20", "comment": "other", "counter": {"packets": 2, "bytes": 9}}}]


def test_elements_by_name_or_network() -> None:
    found = matching([LISTED, LISTED6], "acme", ["2001:db8::/64", "192.0.2.1"])
    assert [(one["element"], one["packets"]) for one in found] == [
        ("198.51.100.20", 7),
        ("203.0.113.5", 0),
        ("2001:db8::20", 2),
    ]
    assert [one["comment"] for one in matching([LISTED], "nobody", ["198.51.100.40"])] == ["acme-west"]


def test_names_in_a_comment() -> None:
    assert names_in("acme, globex and 3 more") == ["acme", "globex"]


def test_refused_packets() -> None:
    lines = [
        "1796081700.123456 edge1 kernel: FTPS exchange edge refused: IN=eth0 OUT=eth1 MAC=… SRC=198.51.100.21 "
        "DST=10.84.10.11 "
        "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=50007 WINDOW=64240 RES=0x00 SYN URGP=0",
        "1796081701.000000 edge1 kernel: FTPS exchange edge refused: IN=eth0 "
        "SRC=2001:0db8:0000:0000:0000:0000:0000:0066 "
        "DST=2001:0db8::1 LEN=80 PROTO=TCP SPT=1 DPT=21",
        "1796081702.000000 edge1 kernel: something else",
    ]
    assert refused_packets(lines) == [
        {"time": 1796081700.123456, "source": "198.51.100.21", "port": 50007},
        {"time": 1796081701.0, "source": "2001:db8::66", "port": 21},
    ]
    assert [one["source"] for one in refused_packets(lines, ["198.51.100.0/24"])] == ["198.51.100.21"]
    assert refused_packets(lines, ["203.0.113.0/24", "fd00::/8"]) == []


def test_what_a_set_remembers() -> None:
    elements = [
        {"elem": {"val": {"concat": ["198.51.100.21", 50007]}, "expires": 3590}},
        {"elem": {"val": {"concat": ["2001:db8::66", 50008]}, "timeout": 60, "expires": 50}},
    ]
    listing = json.dumps({"nftables": [{"metainfo": {}}, {"set": {"name": "x", "timeout": 3600, "elem": elements}}]})
    assert remembered_packets(listing, 1796081700.5) == [
        {"time": 1796081690.5, "source": "198.51.100.21", "port": 50007},
        {"time": 1796081690.5, "source": "2001:db8::66", "port": 50008},
    ]
    assert [one["port"] for one in remembered_packets(listing, 0, ["198.51.100.0/24"])] == [50007]
