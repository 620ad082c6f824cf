"""The attacks, one module a surface. Each ends with ``SCENARIOS``: how to add one is in ``docs/drill.md``."""
