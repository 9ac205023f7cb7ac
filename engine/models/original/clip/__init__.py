"""Style vectors of the original's style variant, computed by CLIP's text encoder from weights that the user has.

Imports: engine.runtime.
"""
