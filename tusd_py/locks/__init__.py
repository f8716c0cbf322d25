"""Lockers: who may change an upload."""
