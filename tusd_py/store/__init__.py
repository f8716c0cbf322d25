"""Data stores: where the bytes of uploads are."""
