"""The ports, each over one medium."""
