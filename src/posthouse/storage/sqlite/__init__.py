"""The embedded engine: SQLite in one file, larger blobs beside it, one writer with group commit."""
