"""DKIM: signatures of domains under messages, verified and made (RFC 6376, RFC 8301, RFC 8463, RFC 8616)."""
