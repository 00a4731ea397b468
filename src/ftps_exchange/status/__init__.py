"""Everything at a glance.

``rows`` joins the model with what the hosts returned, ``output`` writes it down,
``request`` says what a firewall team should change.
"""
