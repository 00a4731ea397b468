"""The configuration of an IIS host: the settings, the schema they are checked against, the configuration file that results."""
