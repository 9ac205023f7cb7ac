"""The optional environment with PyTorch, for GPUs and the original's checkpoints: made in the data folder by child
processes, used by the engine where it is complete, and removed again.

Imports: magma_blender.errors, magma_blender.engine_host.engine_process, magma_blender.engine_host.find_program,
magma_blender.engine_host.isolation, magma_blender.engine_host.plain_text.
"""
