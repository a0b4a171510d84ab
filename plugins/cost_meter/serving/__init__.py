"""The v2 API of costs."""
