# Units, packages and the default configuration.
