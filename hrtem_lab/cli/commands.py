"""The commands by name: what each does, and how `hrtem-lab NAME ...` reaches it."""

from __future__ import annotations

import ast
import difflib
import sys
from importlib import import_module
from pathlib import Path

import hrtem_lab
from hrtem_lab.paths import PACKAGE

PROGRAM = "hrtem-lab"


def list_commands(package: Path = PACKAGE) -> dict[str, str]:
    """Name and first docstring line of every command, read from the sources: importing the modules takes seconds.

    A command is a public module at the top of the package with a function `main`.
    """
    commands = {}
    for file in sorted(package.glob("[!_]*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "main":
                commands[file.stem] = (ast.get_docstring(node) or "").partition("\n")[0]
    return commands


def run_command(argv: list[str]) -> int:
    """Run the command that the first argument names with the other arguments.

    Args:
        argv: Arguments of the process, without its name.

    Returns:
        Exit code: 0 after an answer, 2 where there is no such command. A command that ends otherwise raises SystemExit.
    """
    name = argv[0] if argv else "--help"
    if name in ("--help", "-h"):
        print(_help(list_commands()))
        return 0
    if name == "--version":
        print(hrtem_lab.__version__)
        return 0
    commands = list_commands()
    if name not in commands:
        print(_explain_unknown(name, list(commands)), file=sys.stderr)
        return 2
    sys.argv = [f"{PROGRAM} {name}", *argv[1:]]
    import_module(f"hrtem_lab.{name}").main()
    return 0


def _help(commands: dict[str, str]) -> str:
    """The answer to `hrtem-lab --help`."""
    width = max(map(len, commands))
    return "\n".join(
        [
            *(str(hrtem_lab.__doc__).partition("\n")[0], ""),
            *("Usage:", f"  {PROGRAM} COMMAND KEY=VALUE ...", f"  {PROGRAM} COMMAND --help", ""),
            *("Commands:", *(f"  {name:{width}}  {line}" for name, line in commands.items())),
        ]
    )


def _explain_unknown(name: str, names: list[str]) -> str:
    """One line for a first argument that is not a command."""
    if near := difflib.get_close_matches(name.lower(), names, 1):
        return f"'{name}' is not a command; did you mean {near[0]}? {PROGRAM} --help lists all"
    return f"'{name}' is not a command; the first word has to be one of {', '.join(names)}"
