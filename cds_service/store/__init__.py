"""Memory: what was answered, what became of it, and what must not be answered twice, in SQLite or PostgreSQL."""
