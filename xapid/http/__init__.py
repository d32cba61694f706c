"""HTTP: the protocol, the listeners, the routes and the file server."""
