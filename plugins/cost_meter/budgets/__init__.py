"""Who may spend how much: leases before, what was spent after, alerts on the way."""
