"""What operators see and do: figures, alerts, the admin listener, commands."""
