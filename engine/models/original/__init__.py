"""The original MAGMA's networks (arXiv 2309.01202), full size, numerically equal, for weights that the user supplies.

`importer` reads the original's files, `vqvae` and `decoder` are the networks, `cache` runs them position by position,
`sampling` writes tokens, `performance` makes a dance of them.
"""
