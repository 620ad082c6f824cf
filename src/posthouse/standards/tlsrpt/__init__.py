"""SMTP TLS reports: how often TLS to a domain failed, told to its owner (RFC 8460)."""
