"""What the portal remembers: SQLite behind a small interface, with fields, filters and tables."""
