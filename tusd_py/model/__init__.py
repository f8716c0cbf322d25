"""What an upload is: plain values that every layer shares. No IO, no clock."""
