"""What `make verify` needs beside the checks themselves: what is verified, and how the results are reported.

Pure functions, so that the report can be tested without a server. The checks are in tests/exchange.
"""
