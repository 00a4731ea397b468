"""What is wrong with the hosts of a deployment before the first change: facts of the hosts -> findings -> one table."""

from ftps_exchange.hosts.connection import unlooked
from ftps_exchange.hosts.directory import directory_findings
from ftps_exchange.hosts.findings import Finding, table
from ftps_exchange.hosts.verdicts import Expected, edge_findings, server_findings

__all__ = ["Expected", "Finding", "directory_findings", "edge_findings", "server_findings", "table", "unlooked"]
