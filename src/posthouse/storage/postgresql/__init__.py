"""The distributed engine: PostgreSQL 15 or newer, any number of nodes on one database (docs/adr/0009-postgresql.md)."""
