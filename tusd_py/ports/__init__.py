"""What the service needs from outside: data store, catalog, locks, hooks, events."""
