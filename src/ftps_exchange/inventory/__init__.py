"""The inventory around the model: hosts, groups, variables, and the command line of a run, checked as a whole."""

from ftps_exchange.inventory.check import cannot_be_loaded, check_files, check_inventory
from ftps_exchange.inventory.files import Files, read_files
from ftps_exchange.inventory.problems import InventoryError
from ftps_exchange.inventory.run import Asked, check_run
from ftps_exchange.inventory.specs import Known, known_variables
from ftps_exchange.inventory.values import Loaded, NotTemplated

__all__ = [
    "Asked",
    "Files",
    "InventoryError",
    "Known",
    "Loaded",
    "NotTemplated",
    "cannot_be_loaded",
    "check_files",
    "check_inventory",
    "check_run",
    "known_variables",
    "read_files",
]
