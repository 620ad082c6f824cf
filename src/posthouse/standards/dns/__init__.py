"""DNS as mail uses it: names, record values and the ``Resolver`` port (RFC 1035)."""
