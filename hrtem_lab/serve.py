"""Answer HTTP on this computer: a page for people, and POST for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("serve")
def main(config: DictConfig) -> None:
    """Answer HTTP on this computer: a page for people, and POST for programs.

    Other computers are let in where host= names an address of this one, and then with the token that is printed.
    """
    from hrtem_lab.service.serve import serve

    serve(config)


if __name__ == "__main__":
    main()
