"""Style vectors of the original's style variant, computed with the text network of CLIP from weights that the user has.

Imports: engine.runtime.
"""
