"""The hand-written messages: one module or package per API class, one function per message."""

MODULES: dict[str, str] = {
    "session": "xapid.ops.session",
    "task": "xapid.ops.task",
    "event": "xapid.ops.event",
}
"""Where the messages of a class are."""
