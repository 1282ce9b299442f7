"""All commands under one name: `hrtem-lab COMMAND ...`, which is `python -m hrtem_lab COMMAND ...`."""

from __future__ import annotations

import sys

from hrtem_lab.cli.commands import run_command


def main() -> int:
    """Run the command that the first argument names; return the exit code."""
    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
