"""Who calls, and what they may: sessions, passwords, roles."""
