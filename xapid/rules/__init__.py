"""Pure decisions over rows: what is allowed, which host, how much memory, which defaults."""
