"""Each reason that a verdict, a transfer or an answer can give is explained where people look for it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/flat.md").read_text("utf-8")
REASONS = {
    "core/progressive_core/engine/transfer.py": {"distrusted", "memory_short", "_judged"},
    "core/progressive_core/engine/exchange.py": {"transfer_back"},
    "core/progressive_core/engine/out_of_memory.py": {"reason"},
    "transfers/progressive_transfers/trust.py": {"doubt"},
    "buckets/progressive_market/judging/verdict.py": {"judge", "_lacking"},
    "buckets/progressive_buckets/model.py": {"__call__"},
    "buckets/progressive_buckets/specialists/paired_choice.py": {"_reason"},
}
"""Functions whose sentences reach a user as a reason, by module."""
SKIPPING = [
    "core/progressive_core/plugins/answers.py",
    *(str(file.relative_to(ROOT)) for file in sorted((ROOT / "transfers/progressive_transfers").glob("*.py"))),
]
"""Modules whose reasons stand in a Skip."""


def speaking_parts() -> Iterator[ast.AST]:
    """The pieces of code that hold reasons."""
    for module, functions in REASONS.items():
        for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name in functions:
                yield from node.body
    for module in SKIPPING:
        for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Skip":
                yield from node.args


def texts_in(node: ast.AST) -> Iterator[str]:
    """The fixed parts of each text; docstrings, keys and errors are left out."""
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if is_docstring or isinstance(node, ast.Raise | ast.Subscript):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from texts_in(child)


def words(text: str) -> str:
    """Its words alone, as markup and punctuation at a placeholder may differ."""
    return " ".join(re.findall(r"[a-zA-Z]{2,}", text))


FOUND = sorted({found for part in speaking_parts() for text in texts_in(part) if " " in (found := words(text))})


def test_reasons_are_found_in_the_code() -> None:
    assert {"not proven", "hurt on validation", "the networks share no ancestor", "nothing to transfer"} <= {*FOUND}
    assert len(FOUND) > 25


@pytest.mark.parametrize("reason", FOUND)
def test_a_reason_is_explained(reason: str) -> None:
    assert reason in words(PAGE), "to be explained in docs/flat.md"
