"""What tests stand on: a raw client, a scripted upstream and the real proxy as a process."""
