"""Domains: running virtual machines, by libvirt or simulated."""
