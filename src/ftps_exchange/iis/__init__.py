"""The configuration of an IIS host: the settings, the schema that checks them, and the resulting configuration file."""
