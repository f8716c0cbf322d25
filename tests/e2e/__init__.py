"""The server as its users run it: real processes, real sockets, real failures."""
