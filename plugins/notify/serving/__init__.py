"""The v2 API of alerts."""
