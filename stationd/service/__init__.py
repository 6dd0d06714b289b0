"""Being a service: what the daemon and the machine's service manager tell each other, and who watches whom."""
