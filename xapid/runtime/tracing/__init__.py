"""Traces of calls: spans, whoever wants them by an Observer, and the ways to files and collectors."""
