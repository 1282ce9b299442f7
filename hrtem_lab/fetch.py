"""Download a published set of labelled micrographs by its DOI; a download that broke off goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("fetch")
def main(config: DictConfig) -> None:
    """Download a published set of labelled micrographs by its DOI; a download that broke off goes on."""
    from hrtem_lab.pipelines.fetch import fetch

    fetch(config)


if __name__ == "__main__":
    main()
