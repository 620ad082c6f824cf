"""Bodies in any S3 API: only PUT, GET with a range, HEAD, DELETE and LIST by prefix are asked for."""
