"""What operators and customers' contacts should know in time.

``compute`` decides from the facts of ``make status``, ``memory`` which of it is new to whom, ``texts`` says it,
``mail`` makes one mail for each contact and sends it, and ``metrics`` counts for Prometheus.
"""
