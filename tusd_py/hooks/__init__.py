"""Hooks: how an application takes part in what happens to uploads."""
