"""The demo guest: a small Linux made of Debian packages, and the check by it whether KVM works here."""
