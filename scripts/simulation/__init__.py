"""Simulated traffic for the brake: how often it is wrong, and how soon it is right; seeded.

`python -m scripts.simulation` prints the table of docs/topics/automatic-rollback.md.
"""
