"""Plain values and rules that every layer shares: uploads, chunks, events. No IO, no clock."""
