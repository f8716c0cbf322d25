"""The use cases: every rule about uploads. Knows the ports, but no header and no Starlette."""
