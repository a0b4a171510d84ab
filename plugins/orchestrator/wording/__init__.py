"""What a model is told, and what is made of its answer."""
