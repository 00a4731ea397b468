"""One module for each family of firewalls: what must pass -> its language."""
