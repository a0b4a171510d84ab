"""What operators see and do: the admin listener, commands."""
