"""The work of each command, from its configuration to its result."""
