"""DMARC reports: what became of mail in a domain's name, told to its owner (RFC 9990, RFC 9991, RFC 7489)."""
