"""What an IIS host is told: the settings, the schema they are checked against, the configuration file that results."""
