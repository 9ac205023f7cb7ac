"""The tables of `benchmarks/run.py` as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.uncached import WINDOW, between, windowed_seconds
from engine.models.original.config import FRAME_RATE

STAGES = ("load", "audio", "features", "tokens", "motion", "feet")


def text(found: dict[str, Any]) -> str:
    """All results as sections."""
    sections = [machine(found), speed(found), memory(found), quality(found), ours(found)]
    sections += [found["back_ends"], full_size(found)]
    return "\n\n".join(sections) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(found: dict[str, Any]) -> str:
    """Date, commit and machine of the measurements."""
    m = found["machine"]
    ram = "" if m["memory"] is None else f", {m['memory']:.0f} GB of memory"
    load = "" if m["load"] is None else f" Load average at the start: {m['load']:.1f}."
    gpu = f"; GPU {m['gpu']}" if m["gpu"] else "; no GPU"
    return (
        f"{m['date']}, commit {m['commit']}. "
        f"{m['processors']} processors ({m['model']}, {m['instructions']}){ram}{gpu}. "
        f"{m['system']}, Python {m['python']}, PyTorch {m['torch']} with {m['threads']} threads.{load} "
        f"The run lasted {found['minutes']:.0f} minutes."
    )


def speed(found: dict[str, Any]) -> str:
    """Tokens per second of the original's loop and of ours, full size."""
    loops = _loops(found)
    rows, heads = [], [f"{n} s of music" for n in found["lengths"]]
    generated = {_kind(*kind): seconds for kind, seconds in _tokens(found, "seconds").items()}
    for name, total in (loops | generated).items():
        rows.append([name, *(_rate(n, s) for n, s in zip(found["lengths"], total, strict=True))])
    for name, ours_total in generated.items():
        for loop, loop_total in loops.items():
            ratios = ["-" if a is None else f"{a / b:.1f}x" for a, b in zip(loop_total, ours_total, strict=True)]
            rows.append([f"{name} / {loop}", *ratios])
    check = found["uncached"]
    guess = windowed_seconds(_window(check), 100)
    return (
        "### Full-size motion decoder (96 million parameters): tokens/s (seconds)\n\n"
        + table(["20 tokens/s are real time", *heads], rows)
        + f"\n\nThe loop without cache was measured whole for 5 s of music ({check['whole_100']:.1f} s). The rest is "
        f"summed from single steps, the better of two each, after "
        f"{', '.join(map(str, _shown(check['prefixes'])))} tokens, "
        f"interpolated linearly between them (for 5 s: {guess:.1f} s)."
    )


def memory(found: dict[str, Any]) -> str:
    """Resident memory of our generation of tokens by length."""
    rows = []
    for kind, before in _tokens(found, "before").items():
        peak = _tokens(found, "peak")[kind]
        grown = [
            "-" if a is None or b is None else f"{b:.0f} (+{b - a:.0f})" for a, b in zip(before, peak, strict=True)
        ]
        rows.append([_kind(*kind), *grown])
    heads = [f"{n} s of music" for n in found["lengths"]]
    return "### Peak resident memory while generating tokens, MB (increase)\n\n" + table(["", *heads], rows)


def quality(found: dict[str, Any]) -> str:
    """Errors of int8 and of incremental decoding."""
    greedy, seams = found["greedy"], found["seams"]
    return (
        "### Exactness\n\n"
        + "".join(
            f"- {precision}, random weights, step by step over {WINDOW} tokens: {g['equal']:.1%} equal likeliest "
            f"tokens, relative error of the logits {g['error']:.2%}.\n"
            for precision, g in greedy.items()
        )
        + f"- Motion decoded a second at a time against one pass, {seams['frames']} frames, full size: largest "
        f"difference {seams['difference']:.1e} of the largest value.\n"
        f"- Jerk across the places of borders of 200-frame chunks, over jerk elsewhere (random tokens): "
        f"{seams['streamed']:.3f}; in separate chunks of 200, as the original decodes: {seams['chunks']:.3f}."
    )


def ours(found: dict[str, Any]) -> str:
    """The default checkpoint through the engine process."""
    rows = []
    for seconds, (report, waited) in found["ours"].items():
        stages = [f"{report['seconds'].get(stage, 0.0):.2f}" for stage in STAGES]
        rate = seconds * found["rate"] / report["seconds"]["tokens"]
        rows.append([f"{seconds} s", f"{waited:.2f}", *stages, f"{rate:.0f}", f"{report['first_motion_seconds']:.2f}"])
    head = ["music", "seconds", *STAGES, "tokens/s", "first frames"]
    return (
        f"### Default checkpoint ({found['rate']:g} tokens a second of music), warm engine process, song to dance\n\n"
        + table(head, rows)
        + f"\n\nA new engine process answers hello after {found['hello']:.2f} s; its first dance, "
        f"{min(found['ours'])} s long, arrives {found['first']:.1f} s after the request."
    )


def full_size(found: dict[str, Any]) -> str:
    """Full-size checkpoints of the original's family through the engine process."""
    rows = []
    for precision, runs in found["originals"].items():
        for name, (report, waited) in runs.items():
            stages = [f"{report['seconds'].get(stage, 0.0):.2f}" for stage in STAGES]
            rows.append([f"{precision}, {name}", f"{waited:.2f}", *stages, f"{report['first_motion_seconds']:.2f}"])
    head = ["", "seconds", *STAGES, "first second of motion"]
    return (
        "### Full size of the original's (random weights, librosa features), 20 s of music, song to dance\n\n"
        + table(head, rows)
        + "\n\n`tokens` includes the decoding of the motion, which is streamed. First frames and "
        "`first second of motion`: from the request until they reach the add-on's side of the pipe."
    )


def _loops(found: dict[str, Any]) -> dict[str, list[float | None]]:
    """Seconds of the loop without cache by length: in the original's windows, and with one growing prefix."""
    check = found["uncached"]
    window, every = _window(check), between(check["prefixes"], check["seconds"])
    counts = [round(n * FRAME_RATE) for n in found["lengths"]]
    return {
        "original's loop, windows of 300": [windowed_seconds(window, n) for n in counts],
        "the same without windows": [sum(every[: n - 1]) if n - 1 <= len(every) else None for n in counts],
    }


def _window(check: dict[str, Any]) -> list[float]:
    return between(check["prefixes"], check["seconds"])[: WINDOW - 1]


def _tokens(found: dict[str, Any], key: str) -> dict[tuple[str, str], list[Any]]:
    by_kind: dict[tuple[str, str], list[Any]] = {}
    for (precision, device, _), result in found["tokens"].items():
        by_kind.setdefault((precision, device), []).append(result[key])
    return by_kind


def _kind(precision: str, device: str) -> str:
    return f"ours, {precision}" + (", GPU" if device != "cpu" else "")


def _rate(length: float, seconds: float | None) -> str:
    return "-" if seconds is None else f"{length * FRAME_RATE / seconds:.1f} ({seconds:.1f} s)"


def _shown(prefixes: list[int]) -> list[int | str]:
    return [*prefixes[:2], "...", *(n for n in prefixes if n >= WINDOW)]
