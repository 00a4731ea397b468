"""A table as text."""

from __future__ import annotations

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.declared import declared_elements
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.text import boot_file

from tests.unit.module_utils.nftables.listings import ACME


def test_the_boot_file_replaces_whatever_is_there() -> None:
    text = boot_file("inet", "exchange", "chain a { }", declared_elements({"customers4": [ACME]}))
    assert text.endswith(
        "table inet exchange {}\ndelete table inet exchange\ntable inet exchange {\n\tchain a { }\n}\n"
        'add element inet exchange customers4 {\n\t198.51.100.20 comment "acme"\n}\n'
    )
