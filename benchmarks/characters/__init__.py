"""How well characters that nobody here made dance: `python -m benchmarks.characters`, in a Python that has bpy."""
