"""Find, measure and classify nanoparticles in high-resolution TEM micrographs.

    import hrtem_lab

    analysis = hrtem_lab.analyse("micrograph.dm4")  # or an array: analyse(image, pixel_size_nm=0.02)
    hrtem_lab.figures.overlay(analysis).savefig("overlay.png")

`import hrtem_lab` takes no time: what is named here is imported at its first use.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrtem_lab import figures as figures
    from hrtem_lab.analysis.analyser import Analyser as Analyser
    from hrtem_lab.analysis.analyser import Analysis as Analysis
    from hrtem_lab.analysis.analyser import analyse as analyse
    from hrtem_lab.files import read as read
    from hrtem_lab.micrograph import InputError as InputError
    from hrtem_lab.micrograph import Micrograph as Micrograph

    load = Analyser.load

__version__ = "0.1.0"

_PLACES = {
    "Analyser": "hrtem_lab.analysis.analyser:Analyser",
    "Analysis": "hrtem_lab.analysis.analyser:Analysis",
    "InputError": "hrtem_lab.micrograph:InputError",
    "Micrograph": "hrtem_lab.micrograph:Micrograph",
    "analyse": "hrtem_lab.analysis.analyser:analyse",
    "figures": "hrtem_lab.figures",
    "load": "hrtem_lab.analysis.analyser:Analyser.load",
    "read": "hrtem_lab.files:read",
}
"""Name -> module and attribute that it stands for."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return resolve_name(_PLACES[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
