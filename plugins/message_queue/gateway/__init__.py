"""The platform: how a message is put to it, and what its answers mean."""
