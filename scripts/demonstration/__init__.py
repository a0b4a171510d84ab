"""The demonstration behind scripts/demo: legacy, the orchestrator, the proxy, 1,000 users."""
