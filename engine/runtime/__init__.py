"""Services of the process: environment, device, waiting that can be cancelled. With PyTorch: its threads, modules
without numbers, and reading of foreign weight files.

Imports: the shared modules of `engine` only.
"""
