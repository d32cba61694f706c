"""Terminals: a line of text, of a guest or a login, made a screen that viewers of VNC look at and type into."""
