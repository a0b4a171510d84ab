"""What other plugins, operators and collectors of traces see of workflows."""
