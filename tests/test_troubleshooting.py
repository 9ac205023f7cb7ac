"""docs/troubleshooting.md names every error sentence that a user can meet, and none that nobody says any more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
ROOMS = ("engine", "magma_blender", "smpl_rig")
UNSEEN = {
    "engine/audio/composing": "its arguments come from our own code",
    "engine/training": "who trains a checkpoint reads its code; it is not in the add-on's zip",
    "engine/evaluation": "as training",
    "engine/data": "as training",
    "engine/reporting/figures.py": "says on a page what its figures are",
    "engine/motion/foot_beats.py": "its errors are for training and evaluation",
    "engine/motion/humanml3d.py": "its arrays come from a checkpoint's own decoder",
    "engine/motion/room_bounds.py": "the request has been checked before",
    "smpl_rig/assets": "makes the mannequin that is shipped; a developer runs it once",
    "smpl_rig/feet.py": "its arrays come from our own code",
    "smpl_rig/inverse_kinematics.py": "its arrays come from our own code",
}
"""Modules that are left out, and why no user sees what they raise."""
_EXIT_CODES = (
    "Exit codes: 0 all was written; 1 nothing was written; 2 wrong arguments; 3 some songs or exports failed (one line "
    "each on stderr), and the others were written."
)
_CARD = "is in the model card of an imported checkpoint"
UNMEANT = {
    "Checkpoint …, config.json": "is the beginning of sentences that are found whole",
    "Data folder in use: …": "is a line of the preferences",
    "Engine Python in use: …": "is a line of the preferences",
    "Generating … tokens on the …": "is progress",
    "Generating … tokens… on the …": "is progress",
    "module … has no attribute …": "is what Python says of every module, to programs",
    "… to … s: …, variant … of …": "is said of a span on the page of a Quality Report",
    "is not usable": "is a line of the installation's progress",
    "beat snap strength … is outside 0..1": "the request has been checked before",
    _EXIT_CODES: "is in the help of batch.py; the page has a table",
    "Original MAGMA, variant …, imported from ….": "describes a checkpoint in the panel",
    "the originals, unchanged in float32; this project did not train them and grants no licence to them.": _CARD,
    "- … parameters, and a codebook of … vectors of ….": _CARD,
    "- VQ-VAE: … + … blocks, width …, … heads, … motion features a frame, one token a frame, … frames a second.": _CARD,
    "- Decoder: … blocks, width …, … heads, … music features a frame….": _CARD,
}
"""Texts, as `plain` makes them, that look like sentences for users and are none, and why."""
BLANK = "…"
"""What stands in the page where a sentence has a value."""
VALUE = re.compile(r"\{\w+\}")
"""What stands in its template there."""
UNTOLD = {
    "AssertionError",
    "AttributeError",
    "KeyError",
    "NotImplementedError",
    "RuntimeError",
    "SystemExit",
    "TypeError",
}
"""Exceptions with no text for users. ValueError is not among them: readers raise it with the reason that their error
gives in brackets."""
SAYING = {"require", "_fail", "Notice", ".error", ".report", "say", "refuse"}
"""Functions, and methods with a dot, that are given a sentence to say."""
CLAUSES = {"describe_exit", "problem_with", "why_not_installed", "why_silent"}
"""Functions that return a part of a sentence."""
SHARED = {"ADVICE"}
"""Texts that other modules import and end their sentences with."""
CLAUSE_NAMES = {"garbage", "how", "need", "problem", "reason", "what", "where", "_problem"}
"""Variables and attributes that are given a part of a sentence."""
UNSAID = {"help", "description", "epilog"}
"""Arguments with texts that explain something before anything went wrong."""
FEWEST_WORDS = 4
"""Words of a text that ends with a full stop and so is a sentence, wherever it stands."""


def constants(tree: ast.Module, shared: dict[str, str]) -> dict[str, str]:
    """The texts that a module gives names to and puts sentences together from; shared: those it imports."""
    inside = {
        part.id for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.BinOp) for part in _names(node)
    }
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    own = {name: text for name, text in named(tree).items() if name in inside | SHARED}
    return own | {name: text for name, text in shared.items() if name in imported & inside}


def named(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives names to."""
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (part for part in ast.walk(node) if isinstance(part, ast.Name))


def template(node: ast.expr, names: dict[str, str]) -> str | None:
    """A sentence with `{a name}` for each value in it; None for an expression that is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.FormattedValue):
        return template(node.value, names) if isinstance(node.value, ast.Name) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part, names) or value_name(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = template(node.left, names), template(node.right, names)
        named = zip(sides, (node.left, node.right), strict=True)
        return None if sides == (None, None) else "".join(side or value_name(part) for side, part in named)
    return None


def value_name(node: ast.expr) -> str:
    """`{name}` for a value in a sentence, which translations know it by: what it is called in the code."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            return f"{{{node.attr.strip('_')}}}"
        inner = next((part for part in _inside(node) if not isinstance(part, ast.Constant)), None)
        if inner is None:
            return "{value}"
        node = inner
    return f"{{{node.id.strip('_')}}}"


def _inside(node: ast.expr) -> list[ast.expr]:
    """What a value is made of, the most telling part first."""
    match node:
        case ast.Call(args=[first, *_]) if not isinstance(node.func, ast.Attribute):
            return [first]
        case ast.Call():
            return [*node.args, node.func]
        case ast.FormattedValue() | ast.Subscript() | ast.Attribute() | ast.Starred():
            return [node.value]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.IfExp():
            return [node.test]
        case ast.GeneratorExp() | ast.ListComp():
            return [node.generators[0].iter]
    return [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]


def options(node: ast.expr) -> list[ast.expr]:
    """The expressions that a conditional one can be; else itself."""
    return [*options(node.body), *options(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def called(node: ast.Call) -> str:
    """The name of what is called: of a function or, after a dot, of a method."""
    return f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def said(
    tree: ast.Module, names: dict[str, str], saying: Set[str] = frozenset(SAYING), fewest_words: int = FEWEST_WORDS
) -> Iterator[tuple[int, str]]:
    """(line, text) of what a module raises, says, or has as a sentence anywhere; docstrings and help are left out."""
    pending: list[tuple[ast.AST, str]] = [(tree, "")]
    while pending:
        node, function = pending.pop()
        given: list[ast.expr] = []
        fewest, ends = 2, ""
        parts = ast.iter_child_nodes(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.Constant) and node.value in names.values():
            continue  # a part of this module's sentences, which are found where it is used
        if isinstance(node, ast.FunctionDef):
            function = node.name
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            given = [] if called(node.exc).strip(".") in UNTOLD else node.exc.args
        elif isinstance(node, ast.Return) and node.value is not None:
            given = [node.value] if function in CLAUSES else []
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
            given = [node.value] if getattr(target, "id", getattr(target, "attr", "")) in CLAUSE_NAMES else []
        elif isinstance(node, ast.Call):
            given = _given(node) if called(node) in saying else []
            parts = (part for part in parts if not (isinstance(part, ast.keyword) and part.arg in UNSAID))
        elif isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and template(node, names) is not None:
            given, fewest, ends = [node], fewest_words, ".}"
            # what is inside a sentence is not one, but for what a value in it is computed from
            parts = (part.value for part in ast.walk(node) if isinstance(part, ast.FormattedValue))
        for option in (option for expression in given for option in options(expression)):
            text = template(option, names)
            if text is not None and len(words(text)) >= fewest and (not ends or text[-1] in ends):
                yield option.lineno, text
        pending += [(part, function) for part in parts]


def _given(node: ast.Call) -> list[ast.expr]:
    """A call's arguments, and the entries of those that are lists."""
    return [part for given in node.args for part in (given.elts if isinstance(given, ast.List) else [given])]


def words(text: str) -> list[str]:
    """The words of a text; a name with dots is one."""
    return [word for word in VALUE.sub("", text).split() if re.search("[A-Za-z]", word)]


def plain(text: str) -> str:
    """Text to compare: markup, quotation marks and line ends do not count, and values side by side are one."""
    text = re.sub(rf"{BLANK}+", BLANK, VALUE.sub(BLANK, re.sub(r"['\"`*\\]", "", text)))
    return re.sub(r"\s+", " ", text).strip()


def everything() -> dict[str, str]:
    """What the rooms say, as `plain` makes it, and a place in the code where it stands."""
    texts: dict[str, str] = {}
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    trees = {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}
    shared = {name: text for tree in trees.values() for name, text in named(tree).items() if name in SHARED}
    for name, tree in trees.items():
        if not name.startswith(tuple(UNSEEN)):
            texts |= {plain(text): f"{name}:{line}" for line, text in said(tree, constants(tree, shared))}
    return texts


def listed() -> set[str]:
    """The sentences of the page, as `plain` makes them: they stand in bold."""
    return {plain(bold) for bold in re.findall(r"\*\*(.+?)\*\*", PAGE.read_text(encoding="utf-8"), re.DOTALL)}


def test_the_page_has_what_users_can_meet_and_nothing_else():
    texts, page = everything(), listed()
    missing = [f"{place}: {text}" for text, place in texts.items() if text not in page | set(UNMEANT)]
    assert not missing, "not in docs/troubleshooting.md (in bold, with … for values):\n" + "\n".join(missing)
    old = sorted((page | set(UNMEANT)) - set(texts))
    assert not old, "nobody says this any more:\n" + "\n".join(old)
    assert all((ROOT / module).exists() for module in UNSEEN)


def test_sentences_are_found_wherever_they_stand():
    """The extraction itself: what it finds in a module with each kind of text."""
    module = ast.parse(
        '"""A module that is not said."""\n'
        "_GIVE = 'Give another one.'\n"
        "def why_silent(x):\n"
        "    return 'is muted'\n"
        "def work(self, x):\n"
        "    if x: raise SongError(f'{x!r}: is silent. {_GIVE}') from None\n"
        "    if not x: raise ValueError('it ends' if x else 'it has no end')\n"
        "    self.report({'ERROR'}, 'No song')\n"
        "    sentence = f'The song {x} ' + 'is not there any more.'\n"
        "    parser.add_argument('--x', help='A text that only explains an option.')\n"
        "    return f'{x} is of {len(x)} parts', 'short.'\n"
    )
    assert list(dict.fromkeys(text for _, text in sorted(said(module, constants(module, {}))))) == [
        "is muted",
        "{x}: is silent. Give another one.",
        "it ends",
        "it has no end",
        "No song",
        "The song {x} is not there any more.",
    ]
