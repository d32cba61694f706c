"""Formats in which disks and machines travel: read from and written to streams. Nothing here opens a file by name."""
