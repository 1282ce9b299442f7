"""A set in every layout goes from raw to trained, evaluated and reported by the two commands of docs/your-labels.md."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image
from skimage.measure import find_contours

from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.evaluate import evaluate
from hrtem_lab.pipelines.train import train
from hrtem_lab.tracking.models import SHIPPED
from tests.conftest import PROJECT
from tests.segmentation.scenes import DrawnLibrary, discs_elsewhere, mask_of
from tests.small import SPECIMENS

DRAWN = [f"data.library._target_={__name__}.drawn_library", "data.validation=3", "data.test=2"]
"""Exit waves that are drawn in no time."""
SMALL = [
    "data.samples=2",
    "data.batch_size=2",
    "data.workers=0",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=1",
    "methods=[]",
]
TINY = [
    *SPECIMENS,
    "specimen.max_particles=1",
    "data.library.root=waves",
    "data.window_nm=6",
]
"""Specimens that are simulated in seconds."""
SMALL_FOREST = [
    "data.library.count=10",
    "data.validation=5",
    "data.test=3",
    "model.net.decoder_channels=[8,8,8,8]",
    "forest.folds=2",
    "forest.classifier.n_estimators=8",
    "references=[]",
    "views=3",
    "folds=2",
]
STACK = 8
"""Images of a stack, in which blocks and the gaps between them find room."""
NARROW = "data.splitter.gap=1"
PAGE = (PROJECT / "docs" / "your-labels.md").read_text(encoding="utf-8")
COMMANDS = re.findall(
    r"^python -m hrtem_lab\.train (.*output=outputs/(\w+))\npython -m hrtem_lab\.evaluate (.*)$", PAGE, re.M
)
"""Words of the two commands for a set, and the name of its layout."""


def drawn_library(**settings: object) -> DrawnLibrary:
    """Drawn exit waves in the place of simulated ones, whatever their settings."""
    return DrawnLibrary(8)


def fields(count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Images from 0 to 1 of three dark discs on a noisy support, elsewhere in each, and where the discs are."""
    rng = np.random.default_rng(count)
    scale = side / 180
    discs = [[tuple(scale * value for value in disc) for disc in discs_elsewhere(number)] for number in range(count)]
    masks = np.stack([mask_of(each, side) > 0 for each in discs])
    return rng.uniform(0.5, 1.0, masks.shape) - 0.4 * masks, masks


def one_hot(masks: np.ndarray, dtype: type) -> np.ndarray:
    return np.stack([~masks, masks], axis=-1).astype(dtype)


def write_groschner2021(folder: Path) -> None:
    """`images` (n, 512, 512, 1) float in [0, 1], one-hot `maps` (n, 512, 512, 2)."""
    images, masks = fields(STACK, 512)
    with h5py.File(folder / "Au.h5", "w") as file:
        file["images"], file["maps"] = images[..., None], one_hot(masks, np.float64)


def write_gold2022(folder: Path) -> None:
    """A file of standardised `images` and one of `labels`, 0 and 1, both (n, 512, 512)."""
    images, masks = fields(STACK, 512)
    with h5py.File(folder / "5nm_Images.h5", "w") as file:
        file["images"] = ((images - images.mean()) / images.std()).astype(np.float32)
    with h5py.File(folder / "5nm_Labels.h5", "w") as file:
        file["labels"] = masks.astype(np.int64)


def write_cobalt_oxide2024(folder: Path) -> None:
    """`images` and one-hot `labels` in one file, and pixel sizes in a table beside it."""
    images, masks = fields(STACK, 512)
    with h5py.File(folder / "Co3O4.h5", "w") as file:
        file["images"], file["labels"] = images.astype(np.float32), one_hot(masks, np.uint8)
    rows = [f"Co3O4_{number:04d},{size_nm}" for number, size_nm in enumerate(np.linspace(0.067, 0.086, STACK))]
    (folder / "metadata.csv").write_text("\n".join(["name,pixel_size_nm", *rows]))


def write_labelled(folder: Path) -> None:
    """Pictures with `<name>_label.png`, and a table of pixel sizes and groups."""
    for number, (image, mask) in enumerate(zip(*fields(4, 180), strict=True)):
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / f"m{number}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"m{number}_label.png")
    rows = [f"m{number},0.05,g{number % 3}" for number in range(4)]
    (folder / "metadata.csv").write_text("\n".join(["name,pixel_size_nm,group", *rows]))


def write_annotated(folder: Path) -> None:
    """Pictures and polygons in `annotations.json`."""
    images, annotations = [], []
    for number, (image, mask) in enumerate(zip(*fields(3, 200), strict=True)):
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / f"c{number}.png")
        images.append({"id": number, "file_name": f"c{number}.png", "height": 200, "width": 200})
        for outline in find_contours(mask.astype(float), 0.5):
            polygon = [(outline[:, ::-1] + 0.5).ravel().tolist()]
            annotation = {"id": len(annotations), "image_id": number, "category_id": 1, "segmentation": polygon}
            annotations.append(annotation)
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "particle"}]}
    (folder / "annotations.json").write_text(json.dumps(content))


WRITERS: dict[str, Callable[[Path], None]] = {
    "data/groschner2021": write_groschner2021,
    "data/gold2022": write_gold2022,
    "data/cobalt_oxide2024": write_cobalt_oxide2024,
    "labelled": write_labelled,
    "annotated": write_annotated,
}
"""Folders that the commands name -> what writes a small set there."""


@pytest.fixture
def call(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch):
    """Call a command in this process, with an MLflow store of its own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")

    def call(pipeline: Callable, name: str, words: list[str]):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return pipeline(compose(name, overrides=words))

    return call


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a small set in each layout."""
    monkeypatch.chdir(tmp_path)
    for place, write in WRITERS.items():
        (tmp_path / place).mkdir(parents=True)
        write(tmp_path / place)


def test_the_page_has_the_commands_of_every_layout() -> None:
    assert sorted(layout for _, layout, _ in COMMANDS) == sorted(file.stem for file in (CONF / "data").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize(("train_words", "layout", "evaluate_words"), COMMANDS, ids=[name for _, name, _ in COMMANDS])
@pytest.mark.usefixtures("sets")
def test_from_raw_to_reported(train_words: str, layout: str, evaluate_words: str, tmp_path: Path, call) -> None:
    waves = TINY if layout == "simulated" else DRAWN
    more = SMALL_FOREST if layout == "simulated" else [NARROW] if f"data/{layout}" in WRITERS else []
    call(train, "train", [*shlex.split(train_words), *waves, *SMALL, *more])
    out = tmp_path / "outputs" / layout
    assert len(pd.read_csv(out / "comparison.csv")) == 1 + ("finetune" in train_words)

    words = shlex.split(evaluate_words)
    fewer = ["data.library.count=3", "data.test=1"] if layout == "simulated" else []
    evaluated = call(evaluate, "evaluate", [*words, *waves, *fewer, "output=scores"])
    scored = pd.read_csv(tmp_path / "scores" / "micrographs.csv")
    assert (tmp_path / "scores" / "figures" / "comparison.png").stat().st_size > 5000
    if layout == "simulated":
        return
    sides = json.loads((out / "split.json").read_text())["sides"]
    assert [micrograph.name for micrograph in evaluated.micrographs] == sides["test"]
    before, after = (json.loads((folder / "segmenter.json").read_text()) for folder in (SHIPPED, out / "model"))
    assert [after[key] for key in ("threshold", "temperature")] == [before[key] for key in ("threshold", "temperature")]
    trained = pd.read_csv(out / "micrographs.csv").query("method == 'unet'")
    np.testing.assert_allclose(scored["dice"], trained["dice"], atol=0.02)  # weights are saved in half precision
    words = [word for word in words if not word.startswith("data.splitter")]
    with pytest.raises(InputError, match=r"leak: .* was (trained|tuned) on"):
        call(evaluate, "evaluate", [*words, *DRAWN, "data/splitter=test_only", "output=leak"])
