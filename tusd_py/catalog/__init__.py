"""Catalogs: everything that is known of uploads but their bytes."""
