"""Run by the environment's Python: uses each installed package once. Knows nothing of the add-on.

    python -I check_packages.py NAME...

That pip was content says little: a library may be missing, made for another processor, or damaged. Prints `checking
NAME` before each, so that the last one is to blame if this process dies, and `BROKEN NAME reason` for one that fails.
Exit code 1 if any did.
"""

import importlib
import importlib.metadata
import sys
from collections.abc import Callable
from types import ModuleType


def main() -> int:
    """Check the named packages; the exit code."""
    code = 0
    for name in sys.argv[1:]:
        print(f"checking {name}", flush=True)
        try:
            check(name)
        except (Exception, SystemExit) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"BROKEN {name} {reason}", flush=True)
            code = 1
    return code


def check(name: str) -> None:
    """Import a package and compute something with it. Raises whatever is wrong."""
    files = importlib.metadata.distribution(name).files or []
    tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix in (".py", ".so", ".pyd")}
    own = name.replace("-", "_")
    for module in sorted({own} & tops or {top for top in tops if top.isidentifier()}):
        importlib.import_module(module)
    if name in COMPUTE and not COMPUTE[name]():
        raise ArithmeticError("computes wrong results")


def modules(*names: str) -> list[ModuleType]:
    """Modules of the environment's packages, which Blender's Python does not have."""
    return [importlib.import_module(name) for name in names]


def use_numpy() -> bool:
    """Its linear algebra is a library of its own."""
    (np,) = modules("numpy")
    return bool(np.linalg.inv(np.eye(2) * 2)[0, 0] == 0.5)


def use_scipy() -> bool:
    """A Fourier transform there and back."""
    (signal,) = modules("scipy.signal")
    return len(signal.resample([0.0, 1.0, 0.0, -1.0], 8)) == 8


def use_torch() -> bool:
    """A product is computed by its largest library."""
    (torch,) = modules("torch")
    return float((torch.eye(2) @ torch.ones(2, 1)).sum()) == 2.0


def use_librosa() -> bool:
    """It loads its parts when they are used."""
    (librosa,) = modules("librosa")
    return bool(librosa.filters.mel(sr=16000, n_fft=512, n_mels=8).shape == (8, 257))


def use_soxr() -> bool:
    """Half the samples."""
    np, soxr = modules("numpy", "soxr")
    return len(soxr.resample(np.zeros(1000, np.float32), 2000, 1000)) == 500


def use_av() -> bool:
    """Its libraries know the formats that songs have."""
    (av,) = modules("av")
    return "mp3" in av.codecs_available


def use_safetensors() -> bool:
    """Its compiled part packs an array."""
    np, safetensors = modules("numpy", "safetensors.numpy")
    return bool(safetensors.load(safetensors.save({"a": np.ones(2)}))["a"].sum() == 2.0)


COMPUTE: dict[str, Callable[[], bool]] = {
    "numpy": use_numpy,
    "scipy": use_scipy,
    "torch": use_torch,
    "librosa": use_librosa,
    "soxr": use_soxr,
    "av": use_av,
    "safetensors": use_safetensors,
}
"""What is computed with a package besides importing it."""

if __name__ == "__main__":
    sys.exit(main())
