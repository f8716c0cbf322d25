"""Complete uploads, read over HTTP."""
