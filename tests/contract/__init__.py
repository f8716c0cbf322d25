"""What every data store, catalog and locker promises: one text, every backend."""
