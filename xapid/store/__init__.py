"""All state: rows in memory, indexes and event feed, and their durable copy in SQLite."""
