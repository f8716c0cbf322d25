"""Every protocol over HTTP, in process: what goes in, what comes out, and what it did to the directory."""
