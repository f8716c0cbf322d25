"""A data store: files in one directory, laid out as tusd lays it out."""
