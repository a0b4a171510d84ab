"""Stores of counts: in this process, in its file, in Redis."""
