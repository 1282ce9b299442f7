"""Recognition of spectra, of images with a spectrum in every pixel, and of element maps."""

from __future__ import annotations

import re

_ENERGY_NAME = re.compile(r"energy|wave-?\s?(length|number)|raman|^e$|loss|channel")
_ENERGY_UNIT = re.compile(r"[mkMG]?eV|1/cm|cm\^?-1", flags=re.IGNORECASE)


def is_energy(name: object, unit: object) -> bool:
    """Whether an axis is one of a spectrum, by its name (energy, wavelength, ...) or its unit (eV, keV, ...)."""
    return bool(_ENERGY_NAME.search(str(name or "").casefold()) or _ENERGY_UNIT.fullmatch(str(unit or "").strip()))


_ELEMENT = (
    "A[cglmrstu]|B[aeir]?|C[adeflmorsu]?|D[by]|E[rsu]|F[er]?|G[ade]|H[efgo]?|I[nr]?|K[r]?|L[airu]|M[gno]|N[abdeip]?"
    "|O[s]?|P[abdmortu]?|R[abefhnu]|S[bceimnr]?|T[abcehilm]|U|V|W|Xe|Yb?|Z[nr]"
)
_LINE = r"[-_ ]*[KLMN]([-_ ]?([αβγ]|[abg])?\d?(,\d)?)?"
_QUANTITY = r"[-_ ]*\(?(map|at\.? ?%|wt\.? ?%|net|counts|signal)\)?"
_MAP_TITLE = re.compile(rf"((?i:map( data)?)[- ]*)?({_ELEMENT})({_LINE})?((?i:{_QUANTITY}))?")


def names_element(title: str, has_spectra: bool) -> bool:
    """Whether a title is that of an element map, such as `Au`, `Si K` or `O at.%`.

    Args:
        title: Title of an image.
        has_spectra: Whether the file holds spectra; only then is a single letter an element, not a detector's segment.
    """
    match = _MAP_TITLE.fullmatch(title.strip())
    return match is not None and (has_spectra or len(title.strip()) > 1)
