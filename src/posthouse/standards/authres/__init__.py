"""Authentication-Results: what was found out about a message, written for those who read it later (RFC 8601)."""
