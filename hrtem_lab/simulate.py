"""Make a library of exit waves, and images of it with the truth attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("simulate")
def main(config: DictConfig) -> None:
    """Make a library of exit waves, and images of it with the truth attached."""
    from hrtem_lab.pipelines.simulate import simulate

    simulate(config)


if __name__ == "__main__":
    main()
