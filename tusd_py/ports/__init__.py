"""What the service needs of the outside: bytes, facts, locks, hooks."""
