"""What a process runs on: device, threads, waiting that can be cancelled, hashes of files, weight files of others.

Imports: the shared modules of `engine` only.
"""
