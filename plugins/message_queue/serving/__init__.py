"""What clients are answered: the v2 API of messages, and the legacy way to send one."""
