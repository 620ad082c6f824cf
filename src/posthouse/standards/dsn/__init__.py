"""Delivery status notifications: written and read (RFC 3464, RFC 6522, RFC 6533)."""
