"""Publishes the JSON Schemas of the model, so that editors complete, explain and check the files of an inventory.

    python -m ftps_exchange.schema docs/schema

The schemas say what one file can say about itself. What lies between keys and between files (overlaps, duplicates,
reserved names) is checked by the model only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ftps_exchange.model.customer import Customer
from ftps_exchange.model.exchange import Exchange

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return {file name: schema}."""
    exchange = _schema_of(Exchange)
    definitions = exchange.pop("$defs")
    definitions["Exchange"] = exchange
    return {
        "customer.schema.json": {
            "$schema": _DIALECT,
            "title": "Customer of the exchange (inventories/*/customers/<name>.yml)",
            **_schema_of(Customer),
        },
        "exchange.schema.json": {
            "$schema": _DIALECT,
            "title": "The exchange (inventories/*/group_vars/all/exchange.yml)",
            # A file of group variables: other variables may stand beside this one.
            "type": "object",
            "properties": {"exchange": {"$ref": "#/$defs/Exchange"}},
            "required": ["exchange"],
            "$defs": definitions,
        },
    }


def texts() -> dict[str, str]:
    """Return {file name: content} as it is published."""
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()}


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("title", None)
        for field in part.get("properties", {}).values():
            field.pop("title", None)
    return schema


def main(arguments: list[str]) -> int:
    """Write the schemas into the directory that is named."""
    if len(arguments) != 1:
        print("usage: python -m ftps_exchange.schema DIRECTORY", file=sys.stderr)
        return 2
    directory = Path(arguments[0])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (directory / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
