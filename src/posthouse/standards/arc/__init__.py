"""ARC: what each forwarder found out before it changed the message, sealed in a chain (RFC 8617)."""
