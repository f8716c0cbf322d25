"""Every rule about uploads. Knows interfaces; knows no header and no Starlette."""
