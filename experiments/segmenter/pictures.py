"""Pictures of this study, from the overlays that `predict` draws on real micrographs.

    python -m hrtem_lab.predict input=labelled output=outputs/real
    python -m hrtem_lab.predict input=unlabelled/ardagen_Pt_carbon2.jpg pixel_size_nm=0.046 output=outputs/pt
    python -m hrtem_lab.predict input=unlabelled/szkafander_soot_hrtem.png pixel_size_nm=0.027 output=outputs/soot
    python experiments/segmenter/pictures.py outputs/real outputs/pt outputs/soot

with the samples' folders labelled and unlabelled. Writes real.jpg, an overlay of each micrograph in these folders, and
platinum.jpg, the first one of the second folder.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.util import montage

HERE = Path(__file__).parent
EDGE, COLUMNS = 416, 4


def main(folders: list[Path]) -> None:
    """Compose and write."""
    files = [file for folder in folders for file in sorted((folder / "overlays").glob("*.png"))]
    grid = (-(-len(files) // COLUMNS), COLUMNS)
    sheet = montage([opened(file, EDGE) for file in files], [255] * 3, False, grid, padding_width=4, channel_axis=3)
    Image.fromarray(sheet).save(HERE / "real.jpg", quality=85)
    platinum = opened(next((folders[1] / "overlays").glob("*.png")), 1024)
    Image.fromarray(platinum).save(HERE / "platinum.jpg", quality=85)


def opened(file: Path, edge: int) -> np.ndarray:
    """A picture in this size, (edge, edge, 3)."""
    return np.asarray(Image.open(file).convert("RGB").resize((edge, edge), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
