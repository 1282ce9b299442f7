"""Whether the command at hand is one job of a multirun (`-m`)."""

from __future__ import annotations


def multirun_folder() -> str | None:
    """The scratch folder that all jobs of this multirun share; None in a single job."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode is not RunMode.MULTIRUN:
        return None
    folder: str = HydraConfig.get().sweep.dir
    return folder
