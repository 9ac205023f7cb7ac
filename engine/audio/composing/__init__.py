"""Songs that are composed on the spot: for whoever has none at hand, for the demo and for tests. numpy alone.

Imports: nothing.
"""
