"""Programs of the host that clients may run: plug-ins, and extensions of the API."""
