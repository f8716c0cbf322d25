"""The released tus clients against the server."""
