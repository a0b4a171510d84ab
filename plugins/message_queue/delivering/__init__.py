"""Delivering: one claimed message at a time, and the workers that claim them."""
