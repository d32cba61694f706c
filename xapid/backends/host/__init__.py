"""Facts of the machine itself."""
