"""Why a customer cannot connect or transfer: evidence from the hosts -> one verdict.

``evidence`` types what the hosts returned, ``events`` reads their log lines, ``causes`` says what each cause means,
``verdict`` decides between them, ``report`` writes it down. Nothing here contacts a host.
"""
