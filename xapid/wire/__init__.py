"""XML-RPC and JSON-RPC to and from Python values, with encoders compiled per type."""
