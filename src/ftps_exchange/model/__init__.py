"""The checked model: everything that is declared, checked as a whole before any host is touched.

``check_model(exchange, customers_dir)`` returns plain JSON types, or raises ``ModelError`` with every problem
of the service and of all customer files at once.
"""

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError, Problem

__all__ = ["ModelError", "Problem", "check_model"]
