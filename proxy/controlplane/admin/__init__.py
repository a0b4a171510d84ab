"""The admin listener: what it offers, who may ask, how it answers."""
