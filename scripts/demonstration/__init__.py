"""The demonstration behind scripts/demo: two small apps, the proxy, 1,000 users."""
