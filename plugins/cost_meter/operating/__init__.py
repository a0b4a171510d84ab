"""Costs for operators: commands and the admin listener."""
