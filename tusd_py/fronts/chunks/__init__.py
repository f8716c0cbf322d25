"""The parallel chunk API over HTTP."""
