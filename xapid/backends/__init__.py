"""Drivers: plain blocking Python that receives values, returns values, and never heard of the store."""
