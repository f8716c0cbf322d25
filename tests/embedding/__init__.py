"""The application inside other people's: mounted, with their callables, users and servers."""
