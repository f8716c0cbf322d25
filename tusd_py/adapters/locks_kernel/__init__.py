"""A locker whose locks the kernel keeps."""
