"""Real micrographs one by one: their quality with the right pixel size, and with a wrong one.

    python experiments/quality/real.py FOLDER [FOLDER ...]

Each folder holds micrographs and, where these do not say their pixel size, a `metadata.csv` that does.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

import hrtem_lab
from hrtem_lab.analysis.quality import DOUBTFUL
from hrtem_lab.files import find_image_table, find_inputs

FACTORS = (1.0, 0.1, 0.5, 2.0, 10.0)


def main(folders: list[Path]) -> None:
    """Judge, and print a row per micrograph."""
    analyser = replace(hrtem_lab.load(), forest=None)
    rows = []
    for path in (path for folder in folders for path in find_inputs(folder).values()):
        for micrograph in hrtem_lab.read(path, tables=[find_image_table(path.parent)]):
            size_nm = micrograph.pixel_size_nm
            judged = {
                factor: analyser(replace(micrograph, pixel_size_nm=factor * size_nm)).quality
                for factor in FACTORS
                if factor * size_nm <= 1
            }
            wrong = {f"x {factor:g}": quality.value == DOUBTFUL for factor, quality in judged.items() if factor != 1}
            row = {"micrograph": micrograph.name, "pixel_size_nm": size_nm, "quality": judged[1.0].value}
            rows.append({**row, **wrong, "reason": judged[1.0].reason})
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]])
