"""Who may spend how much: reservations before, bookings after, alerts on the way."""
