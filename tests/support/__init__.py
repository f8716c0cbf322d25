"""What several test modules share: the server as a process, and a client that can misbehave."""
