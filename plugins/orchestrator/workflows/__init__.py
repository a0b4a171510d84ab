"""Workflows as they are kept: the record, the stores, what becomes of unfinished ones."""
