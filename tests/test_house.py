"""The shape of the house: a small core, short files, small folders, one name for one thing."""

import ast
import io
import tokenize
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = [
    file
    for folder in ("progressive_training", "core", "buckets", "transfers", "plugins")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Lines that hold code: no blank line, comment or docstring, one under a constant or field included."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else ():
            if (
                isinstance(each, ast.Expr)
                and isinstance(each.value, ast.Constant)
                and isinstance(each.value.value, str)
            ):
                documented.update(range(each.lineno, (each.end_lineno or each.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - documented)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", 0),
        ('"""A module."""\n\n# a comment\nX = 1  # one\n"""Of X."""\n', 1),
        ('def f():\n    """Of f,\n\n    in full."""\n    return """two\nlines"""\n', 3),
    ],
)
def test_blank_lines_comments_and_docstrings_are_no_code(source: str, lines: int) -> None:
    assert code_lines(source) == lines


def test_the_core_is_small() -> None:
    core = ROOT / "core/progressive_core"
    sizes = {str(file.relative_to(core)): code_lines(file.read_text("utf-8")) for file in core.rglob("*.py")}
    assert sum(sizes.values()) <= 1800, sorted(sizes.items(), key=lambda each: -each[1])


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in SHIPPED}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_no_folder_has_more_than_15_modules() -> None:
    modules = Counter(str(file.parent.relative_to(ROOT)) for file in SHIPPED)
    assert {folder: count for folder, count in modules.items() if count > 15} == {}


def test_no_two_modules_have_one_name() -> None:
    places = defaultdict(list)
    for file in SHIPPED:
        if file.name not in {"__init__.py", "__main__.py"}:
            places[file.name].append(str(file.relative_to(ROOT)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
