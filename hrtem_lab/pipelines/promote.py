"""The pipeline of `promote`: the model of a run becomes the one that a lab works with."""

from __future__ import annotations

from omegaconf import DictConfig

from hrtem_lab.cli.progress import console, quiet
from hrtem_lab.tracking.promotion import CHAMPION, REGISTERED, promote


def promote_run(config: DictConfig) -> str:
    """Make the model of a run the champion, and say how it is used.

    Returns:
        The registered version.
    """
    quiet()
    version = promote(config.run)
    uri = f"models:/{REGISTERED}@{CHAMPION}"
    console.print(f"{uri} is version {version} now, of run {config.run}", soft_wrap=True, highlight=False)
    console.print(
        f"python -m hrtem_lab.predict input=FOLDER output=RESULTS model={uri}", soft_wrap=True, highlight=False
    )
    return version
