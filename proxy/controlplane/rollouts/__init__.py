"""Rollouts at work: who may move them, the ramp that does, and the fleet that agrees."""
