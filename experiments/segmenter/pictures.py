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

from PIL import Image

HERE = Path(__file__).parent
EDGE, GAP, COLUMNS = 416, 4, 4


def main(folders: list[Path]) -> None:
    """Compose and write."""
    files = [file for folder in folders for file in sorted((folder / "overlays").glob("*.png"))]
    rows = -(-len(files) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (EDGE + GAP), rows * (EDGE + GAP)), "white")
    for number, file in enumerate(files):
        row, column = divmod(number, COLUMNS)
        small = Image.open(file).convert("RGB").resize((EDGE, EDGE), Image.Resampling.LANCZOS)
        sheet.paste(small, (column * (EDGE + GAP), row * (EDGE + GAP)))
    sheet.save(HERE / "real.jpg", quality=85)
    platinum = Image.open(next((folders[1] / "overlays").glob("*.png"))).convert("RGB")
    platinum.resize((1024, 1024), Image.Resampling.LANCZOS).save(HERE / "platinum.jpg", quality=85)


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
