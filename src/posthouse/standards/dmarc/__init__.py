"""DMARC: what the domain in From wants done with mail that is not from it (RFC 9989)."""
