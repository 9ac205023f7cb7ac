"""Services of the process: device, threads, waiting that can be cancelled, file hashes, reading foreign weight files.

Imports: the shared modules of `engine` only.
"""
