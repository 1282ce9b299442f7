"""Say what a set of labelled micrographs holds, and what is wrong with it; split it, and write split.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("check")
def main(config: DictConfig) -> int:
    """Say what a set of labelled micrographs holds, and what is wrong with it; split it, and write split.json."""
    from hrtem_lab.pipelines.check import check

    return check(config)


if __name__ == "__main__":
    main()
