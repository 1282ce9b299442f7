"""Models, methods and folders of masks, scored on drawn micrographs by one command."""

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.evaluate import evaluate
from hrtem_lab.pipelines.open_method import name_models, open_method
from hrtem_lab.segmentation.classical import Otsu, save_method
from hrtem_lab.segmentation.mask_folder import MaskFolder
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from tests.models import save_model
from tests.segmentation.scenes import DISCS, PREPROCESSING, dark_discs, plain
from tests.small import SPECIMENS


def write_png(path: Path, values: np.ndarray) -> None:
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four drawn micrographs of three groups with their labels, and one of masks beside it."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "set").mkdir()
    (folder / "masks").mkdir()
    rows = ["name,pixel_size_nm,group"]
    for number in range(4):
        row, column = np.random.default_rng(number).integers(-12, 12, (2, 3))  # another field for each
        discs = [(r + i, c + j, radius) for (r, c, radius), i, j in zip(DISCS, row, column, strict=True)]
        drawn = dark_discs(number, discs[:: 1 - 2 * (number % 2)], contrast=3.0)
        write_png(folder / "set" / f"m{number}.png", 10 * (drawn.image - 90))
        write_png(folder / "set" / f"m{number}_label.png", 255 * drawn.mask)
        write_png(folder / "masks" / f"m{number}_mask.png", 255 * (drawn.instances == 1))
        rows.append(f"m{number},0.05,g{number % 3}")
    (folder / "set" / "metadata.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def run(*words: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return evaluate(compose("evaluate", overrides=list(words)))


def test_everything_that_finds_particles_is_in_one_table(labels: Path, tmp_path: Path, store: mlflow.MlflowClient):
    save_model(tmp_path / "net", forest=False)
    save_method(Otsu(preprocessing=PREPROCESSING, factor=0.1), tmp_path / "tuned")
    models = f"{{theirs:{labels / 'masks'},ours:{tmp_path / 'net'},saved:{tmp_path / 'tuned'}}}"
    words = ["data=labelled", f"data.root={labels / 'set'}", f"models={models}", "methods=[otsu]"]
    evaluation = run(*words, f"output={tmp_path / 'out'}")
    table = pd.read_csv(tmp_path / "out" / "comparison.csv", index_col="method")
    assert set(table.index) == {"theirs", "ours", "saved", "otsu"}
    # of three discs one is marked in these masks, which is all that is wrong with them
    assert table.loc["theirs", ["object_recall", "object_precision", "size_bias_nm"]].tolist() == [1 / 3, 1, 0]
    assert table.loc["otsu", "object_f1"] == 1
    assert evaluation.metrics["test/dice"] == pytest.approx(table.loc["theirs", "dice"])
    by_size = pd.read_csv(tmp_path / "out" / "by_size.csv")
    assert by_size.groupby("method")["particles"].sum().eq(3 * len(evaluation.micrographs)).all()
    experiment = store.get_experiment_by_name("evaluate")
    found = {each.info.run_name: each for each in store.search_runs([experiment.experiment_id])}
    parent = found.pop("out")
    assert set(found) == set(table.index)
    assert {each.data.tags["mlflow.parentRunId"] for each in found.values()} == {parent.info.run_id}
    for name, each in found.items():
        assert each.data.metrics["test/dice"] == pytest.approx(table.loc[name, "dice"])
        assert ("test/lead" in each.data.metrics) == (name != "theirs")
    assert (tmp_path / "out" / "methods" / "otsu" / "method.json").is_file()


def test_a_method_is_opened_by_what_its_folder_holds(labels: Path, tmp_path: Path):
    save_model(tmp_path / "net", forest=False)
    save_method(Otsu(preprocessing=PREPROCESSING), tmp_path / "otsu")
    kinds = [type(open_method(str(path))) for path in (tmp_path / "net", tmp_path / "otsu", labels / "masks")]
    assert kinds == [NetworkSegmenter, Otsu, MaskFolder]
    with pytest.raises(InputError, match="nothing there"):
        open_method(str(tmp_path / "nowhere"))


def test_a_model_is_called_after_the_end_of_its_path_or_as_the_user_says(tmp_path: Path):
    for name in ("a/model", "b/model"):
        save_method(Otsu(preprocessing=PREPROCESSING), tmp_path / name)
    one, other = (str(tmp_path / name) for name in ("a/model", "b/model"))
    assert name_models(one, {"mine": other}) == {"model": one, "mine": other}
    assert name_models(None, {}, has_methods=True) == {}
    assert list(name_models(None, {})) == ["default"]
    with pytest.raises(InputError, match="two models are called model"):
        name_models(one, {"model": other})


def test_a_mask_that_is_missing_is_named(labels: Path):
    masks = MaskFolder(labels / "masks")
    assert masks.segment(plain(np.zeros((180, 180)), name="m1")).instances.max() == 1
    with pytest.raises(InputError, match=r"no mask of m9; expected m9\.png"):
        masks.segment(plain(np.zeros((180, 180)), name="m9"))


@pytest.mark.slow
def test_the_table_in_the_readme_is_what_evaluate_prints(samples: Path, tmp_path: Path, store, capsys):
    head, _, row = [
        line.strip("| ").split(" | ")
        for line in (CONF.parent / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and line.count("|") == 11
    ]
    run("data=labelled", f"data.root={samples / 'labelled'}", "data/splitter=test_only", f"output={tmp_path / 'out'}")
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines() if len(line.split()) == 2)
    # another processor rounds a network's sums in another way
    assert {name: float(printed[name]) for name in head} == pytest.approx(
        {name: float(dice) for name, dice in zip(head, row, strict=True)}, abs=0.003
    )


@pytest.mark.slow
def test_a_network_learns_from_the_training_side_and_is_a_row(labels: Path, tmp_path: Path, store):
    library = ["data.library.count=4", f"data.library.root={tmp_path / 'waves'}", *SPECIMENS]
    data = ["data=labelled", f"data.root={labels / 'set'}", *library, "data.validation=2", "data.test=1"]
    budget = ["data.samples=4", "data.batch_size=2", "data.workers=0", "data.window_nm=6", "trainer.max_epochs=1"]
    run(*data, *budget, "methods=[groschner2021]", f"output={tmp_path / 'out'}", "trainer.log_every_n_steps=1")
    assert list(pd.read_csv(tmp_path / "out" / "comparison.csv")["method"]) == ["groschner2021"]
    learned = open_method(str(tmp_path / "out" / "methods" / "groschner2021"))
    assert isinstance(learned, NetworkSegmenter)
    assert sum(weight.numel() for weight in learned.net.parameters()) == pytest.approx(65_000, rel=0.01)


@pytest.mark.parametrize("method", ["groschner2021", "pixel_forest"])
def test_a_method_that_learns_is_refused_where_nothing_is_to_learn_from(labels: Path, tmp_path: Path, store, method):
    words = ["data=labelled", f"data.root={labels / 'set'}", "data/splitter=test_only", f"methods=[{method}]"]
    message = f"{method} has to learn, and the split leaves nothing to learn from"
    with pytest.raises(InputError, match=message) as caught:
        run(*words, f"output={tmp_path / 'out'}")
    assert f"models={{{method}:outputs/RUN/methods/{method}}}" in str(caught.value)


@pytest.mark.parametrize("place", ["otsu", "run/model", "run/methods/otsu"])
def test_a_model_is_not_tested_on_labels_that_it_has_seen(labels: Path, tmp_path: Path, store, place: str):
    """Whatever its split, a run's folder says which labels it has learned from, under whatever root they lie now."""
    words = ["data=labelled", "methods=[otsu]", f"output={tmp_path / 'run'}"]
    run(f"data.root={labels / 'set'}", *words, "seed=0")
    model = tmp_path / place
    if not model.is_dir():
        save_method(Otsu(preprocessing=PREPROCESSING), model)
    (tmp_path / "moved").symlink_to(labels / "set")
    words = ["data=labelled", f"data.root={tmp_path / 'moved'}", f"model={model}", f"output={tmp_path / 'out'}"]
    saved = ["data/splitter=saved", f"data.splitter.path={tmp_path / 'run'}"]
    assert run(*words, *saved).metrics["test/dice"] > 0
    if place == "otsu":  # nobody knows what it has learned from
        assert run(*words, "data/splitter=test_only").metrics["test/dice"] > 0
        return
    with pytest.raises(InputError, match=r"leak: \w+ was (trained|tuned) on m\d; .*by its own split: .*run$"):
        run(*words, "data/splitter=test_only")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("stage=tset", "stage is tset, expected one of train, validation, test"),
        ("reference=nobody", "reference=nobody; expected one of otsu"),
        ("models={otsu:models/default}", "two methods are called otsu"),
    ],
)
def test_mistakes_end_in_one_line(labels: Path, tmp_path: Path, store, word: str, message: str):
    words = ["data=labelled", f"data.root={labels / 'set'}", "methods=[otsu]", f"output={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=message):
        run(*words, word)
