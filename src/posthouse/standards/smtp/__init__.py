"""SMTP, its extensions and LMTP as cores without sockets (RFC 5321, RFC 2033)."""
