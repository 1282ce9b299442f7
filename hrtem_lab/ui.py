"""Open MLflow on the runs so far, at the comparison that was made last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("ui")
def main(config: DictConfig) -> int:
    """Open MLflow on the runs so far, at the comparison that was made last."""
    from hrtem_lab.pipelines.ui import serve_ui

    return serve_ui(config)


if __name__ == "__main__":
    main()
