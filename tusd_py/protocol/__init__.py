"""Wire grammar: strings in, frozen values out. No IO, no clock."""
