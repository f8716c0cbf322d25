"""A locker: locks that the kernel keeps."""
