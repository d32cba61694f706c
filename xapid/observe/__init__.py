"""Facts that arrive by themselves - from hypervisors, from the hardware, with time - turned into changes."""
