"""Networks of a host: interfaces, bridges, VLANs, bonds."""
