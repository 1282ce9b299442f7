"""Docstrings are sentences that stand alone, and no parameter is named by a preposition or a participle."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "hrtem_lab"
FILES = sorted(PACKAGE.rglob("*.py"))

HEADLESS = re.compile(r"(Of|Its|Their|Theirs|How many|How often|How much|What|That|To it|Whose|Who|Whether it)\b")
"""Beginnings of a text that needs another one to be understood."""
ARGUMENT = re.compile(r"^    (?:\*\*)?(\w+): +(.*)$")
"""A line of `Args:` or `Attributes:`, when the docstring's indentation is taken away."""
SECTIONS = ("Args:", "Attributes:")
NO_PARAMETERS = {"of", "own", "found", "at", "given", "said", "told", "asked", "known"}


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and first words of every docstring, and of every described argument and attribute."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        line = getattr(node, "lineno", 1)
        doc = ast.get_docstring(node)
        yield from described(doc or "", line)
        for before, after in zip(node.body, node.body[1:], strict=False):  # the text below a constant
            is_constant = isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr)
            if is_constant and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
                yield after.lineno, after.value.value


def described(doc: str, line: int) -> Iterator[tuple[int, str]]:
    """The first line of a docstring, and what it says of each argument."""
    section = ""
    for number, text in enumerate(doc.splitlines()):
        if number == 0:
            yield line, text
        if text and not text.startswith(" "):
            section = text
        if section in SECTIONS and (match := ARGUMENT.match(text)):
            yield line, match[2]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_docstring_stands_alone(file: Path):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert [f"line {line}: {text}" for line, text in texts(tree) if HEADLESS.match(text)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_parameter_is_named_by_a_noun(file: Path):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    arguments = (node for node in ast.walk(tree) if isinstance(node, ast.arg))
    assert [f"line {node.lineno}: {node.arg}" for node in arguments if node.arg in NO_PARAMETERS] == []


def test_a_text_that_does_not_stand_alone_is_seen():
    source = '"""What it is."""\ndef f(a):\n    """Do.\n\n    Args:\n        a: Of the workers.\n    """\n'
    source += 'B = 1\n"""How many."""\n'
    found = [text for _, text in texts(ast.parse(source))]
    assert found == ["What it is.", "How many.", "Do.", "Of the workers."]
    assert all(HEADLESS.match(text) for text in found if text != "Do.")
