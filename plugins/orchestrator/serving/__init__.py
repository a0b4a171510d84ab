"""Requests that ask for workflows, and workflows until they have ended."""
