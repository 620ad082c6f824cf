"""MIME: structure with offsets, encodings, parameters, encoded words, previews (RFC 2045 to 2049, RFC 2231)."""
