"""Schema, migrations and statements in the portable subset, for both engines.

Rules: only BIGINT, TEXT and octets; ids and times made by the application;
placeholders ``$1`` (an engine translates them); no triggers, sequences,
partial indexes or procedures. What one dialect must say differently stands
in braces and is filled in by the engine's ``Dialect``.
"""
