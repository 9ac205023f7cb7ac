"""Recognition of errors that mean a lack of memory: the computer's, a GPU's, or the address space's."""

from __future__ import annotations

import errno

from engine.errors import EngineError

_SIGNS = (
    "out of memory",  # CUDA, MPS
    "can't allocate memory",  # PyTorch's CPU allocator
    "cannot allocate memory",  # safetensors, the dynamic loader
    "not enough memory",
    "alloc_failed",  # cuDNN, cuBLAS: CUDNN_STATUS_ALLOC_FAILED
    "bad_alloc",
    "invalid buffer size",  # MPS, above the largest buffer
    "failed to map segment",  # the dynamic loader: a library does not fit in memory
    "can't start new thread",  # its stack does not fit
)
_DEEPEST = 10


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or an error that it was raised from, says that memory ran out.

    Libraries have few classes of their own for it, so their texts are searched. The texts of our own errors are not:
    they name files, which may be called anything.
    """
    link: BaseException | None = error
    for _ in range(_DEEPEST):
        if link is None:
            return False
        if isinstance(link, MemoryError) or type(link).__name__ == "OutOfMemoryError":  # the latter is torch's for GPUs
            return True
        if isinstance(link, OSError):
            if link.errno == errno.ENOMEM:
                return True
        elif not isinstance(link, EngineError):
            text = str(link).lower()
            if any(sign in text for sign in _SIGNS):
                return True
        link = link.__cause__
    return False
