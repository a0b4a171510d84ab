"""How settings are read, of the configuration and of plugins alike, and how problems are told."""
