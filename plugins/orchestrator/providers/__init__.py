"""Providers: asked as the openai SDK says, heard in the words of `calls`."""
