"""From a name to a call: the table of methods, their checks, and the messages that fields imply."""
