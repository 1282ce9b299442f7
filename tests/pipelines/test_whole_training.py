"""The quickstart and a fine-tuning in small: the command, what it writes, and what MLflow then knows."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

from hrtem_lab.defects import Forest
from hrtem_lab.micrograph import CLASSES
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.model_code import restore_search_path
from tests.segmentation.scenes import dark_discs, discs_elsewhere
from tests.small import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tuned(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small fine-tuning of the quickstart's network that has run."""
    labels, folder = tmp_path_factory.mktemp("labels"), tmp_path_factory.mktemp("tuned")
    rows = ["name,pixel_size_nm,group"]
    for number in range(4):
        drawn = dark_discs(number, discs_elsewhere(number), contrast=3.0)
        Image.fromarray(np.clip(10 * (drawn.image - 90), 0, 255).astype(np.uint8)).save(labels / f"m{number}.png")
        Image.fromarray(drawn.mask.astype(np.uint8) * 255).save(labels / f"m{number}_label.png")
        rows.append(f"m{number},0.05,g{number % 3}")
    (labels / "metadata.csv").write_text("\n".join(rows))
    shutil.copy(ran / "mlflow.db", folder / "mlflow.db")
    words = [f"data.root={labels}", f"start={ran / 'out' / 'model'}", f"output={folder / 'out'}", "net=half_resnet18"]
    done = train(folder, "+experiment=finetune", "model.frozen=[encoder]", "callbacks=[ema]", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def test_fine_tuning_is_scored_before_and_after_on_both_kinds(tuned: Path):
    store = mlflow.MlflowClient(f"sqlite:///{tuned / 'mlflow.db'}")
    experiment = store.get_experiment_by_name("finetune")
    found = {run.info.run_name: run for run in store.search_runs([experiment.experiment_id])}
    assert set(found) == {"out", "unet", "before", "otsu", "watershed", "bandpass"}
    for run in found.values():
        assert {"test/false_positive_rate", "simulated/false_positive_rate"} <= set(run.data.metrics)
    for table in ("comparison", "comparison_simulated"):
        assert set(pd.read_csv(tuned / "out" / f"{table}.csv")["method"]) == set(found) - {"out"}
    metrics = json.loads((tuned / "out" / "metrics.json").read_text())
    assert {"test/dice", "simulated/dice"} <= set(metrics)


def test_fine_tuning_keeps_the_encoder_and_the_forest_of_the_model_it_began_with(tuned: Path, ran: Path):
    before, after = (NetworkSegmenter.load(folder / "out" / "model").net.state_dict() for folder in (ran, tuned))
    # the running mean over equal weights is rounded, and that of batch norm's counter, which nobody reads, is cut
    names = [name for name in before if not name.endswith("num_batches_tracked")]
    same = {name for name in names if torch.allclose(before[name], after[name], rtol=1e-5, atol=1e-7)}
    changed = {name.partition(".")[0] for name in names if name not in same}
    assert changed == {"decoder", "segmentation_head"}
    assert Forest.load_if_present(tuned / "out" / "model") is not None
    assert "no classes" in (tuned / "stdout.txt").read_text()
    assert (tuned / "out" / "figures" / "gallery.png").stat().st_size > 5000


def test_what_predict_found_is_mended_and_learned_from(ran: Path, tmp_path: Path):
    """The whole loop with a single group: labels by the model, mended, fine-tuning, and the new model."""
    (tmp_path / "session").mkdir()
    for number in range(2):
        image = dark_discs(number, discs_elsewhere(number), contrast=3.0).image
        tags = {"resolution": (20, 20), "metadata": {"unit": "nm"}}
        tifffile.imwrite(tmp_path / "session" / f"m{number}.tif", image, imagej=True, **tags)
    (tmp_path / "session" / "metadata.csv").write_text("name,group\nm0,monday\nm1,monday\n")
    call = [sys.executable, "-m", "hrtem_lab.predict", f"input={tmp_path / 'session'}", "workers=0"]
    words = [f"output={tmp_path / 'found'}", f"model={ran / 'out' / 'model'}", "labelled=true"]
    subprocess.run([*call, *words], check=True, capture_output=True, cwd=tmp_path)
    labelled = tmp_path / "found" / "labelled"
    for number in range(2):
        truth = dark_discs(number, discs_elsewhere(number), contrast=3.0).instances
        tifffile.imwrite(labelled / f"m{number}_label.tif", np.uint16(truth))
    shutil.copy(ran / "mlflow.db", tmp_path / "mlflow.db")
    words = [
        f"data.root={labelled}",
        f"start={ran / 'out' / 'model'}",
        f"output={tmp_path / 'mine'}",
        "net=half_resnet18",
    ]
    done = train(tmp_path, "+experiment=finetune", "callbacks=[ema]", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "No test score" in done.stdout
    metrics = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert "simulated/dice" in metrics
    assert not [name for name in metrics if name.startswith("test/")]
    assert not (tmp_path / "mine" / "comparison.csv").exists()
    split = json.loads((tmp_path / "mine" / "split.json").read_text())
    assert split["sides"] == {"train": ["m0", "m1"], "validation": [], "test": []}
    nets = [NetworkSegmenter.load(folder / "model", "torch").net for folder in (ran / "out", tmp_path / "mine")]
    before, after = ({name: value.shape for name, value in net.state_dict().items()} for net in nets)
    assert before == after  # no output is new, and none is lost
    words = [f"output={tmp_path / 'again'}", f"model={tmp_path / 'mine' / 'model'}"]
    subprocess.run([*call, *words], check=True, capture_output=True, cwd=tmp_path)
    assert set(pd.read_csv(tmp_path / "again" / "micrographs.csv")["group"]) == {"monday"}


@pytest.fixture
def client(ran: Path) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(f"sqlite:///{ran / 'mlflow.db'}")


def runs(client: mlflow.MlflowClient) -> dict[str, mlflow.entities.Run]:
    experiment = client.get_experiment_by_name("quickstart")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_every_method_is_a_child_run_with_the_same_metric_names(client: mlflow.MlflowClient):
    found = runs(client)
    parent = found.pop("out")
    assert set(found) == {"unet", "otsu", "watershed", "bandpass", "forest"}
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert {run.info.status for run in [parent, *found.values()]} == {"FINISHED"}
    for name in ("unet", "otsu", "watershed", "bandpass"):
        metrics = found[name].data.metrics
        assert {
            "test/false_positive_rate",
            "test/count_relative_error",
            "val/false_positive_rate",
            "test/seconds_per_micrograph",
        } <= set(metrics)
    assert {"cv/accuracy", "test/accuracy"} <= set(found["forest"].data.metrics)


def test_the_parent_records_what_a_number_came_from(client: mlflow.MlflowClient):
    parent = runs(client)["out"]
    assert parent.data.params["data.library.count"] == "10"
    assert {"git.commit", "git.dirty", "data.digest", "split.digest", "version.torch"} <= set(parent.data.tags)
    assert parent.inputs.dataset_inputs[0].dataset.digest == parent.data.tags["data.digest"]
    artifacts = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"config.yaml", "split.json", "comparison.csv", "comparison.json", "figures"} <= artifacts


def test_training_logs_its_curve_and_the_fixed_fields(client: mlflow.MlflowClient):
    unet = runs(client)["unet"]
    assert {"val/dice", "val/loss", "train/loss", "best/val/dice", "parameters"} <= set(unet.data.metrics)
    images = [file.path for file in client.list_artifacts(unet.info.run_id, "images")]
    # MLflow writes the slash of a key in its own way
    assert sum(re.search(r"/fields\Wvalidation_\d.*\.png$", path) is not None for path in images) == 8  # two epochs


def test_how_far_the_network_can_be_believed_is_logged(client: mlflow.MlflowClient, ran: Path):
    unet = runs(client)["unet"]
    assert 0 <= unet.data.metrics["test/ece"] <= 1
    saved = NetworkSegmenter.load(ran / "out" / "model")
    assert float(unet.data.params["tuned.temperature"]) == pytest.approx(saved.temperature)
    assert saved.temperature != 1
    table = mlflow.artifacts.load_dict(f"{unet.info.artifact_uri}/calibration.json")
    assert table["columns"] == ["bin", "pixels", "particle", "probability"]
    assert len(table["data"]) == 15


def test_no_specimen_is_on_two_sides(client: mlflow.MlflowClient, ran: Path):
    split = mlflow.artifacts.load_dict(f"{runs(client)['out'].info.artifact_uri}/split.json")
    members = [index for indices in split.values() for index in indices]
    assert sorted(members) == list(range(10))
    trained = set(pd.read_csv(ran / "out" / "forest_table.csv")["group"])
    tested = set(pd.read_csv(ran / "out" / "test_particles.csv")["group"])
    assert trained.isdisjoint(tested)


def test_the_tables_and_pictures_are_there(ran: Path):
    out = ran / "out"
    assert set(pd.read_csv(out / "comparison.csv")["method"]) == {"unet", "otsu", "watershed", "bandpass"}
    assert set(pd.read_csv(out / "forest_table.csv")["label"]) <= set(CLASSES)
    for name in ("comparison", "gallery", "confusion_cv", "confusion_test", "reliability"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 5000
    printed = (ran / "stdout.txt").read_text()
    assert "Forest, on the test micrographs: accuracy" in printed
    assert "bandpass" in printed
    assert "hrtem_lab.predict" in printed


def test_the_saved_model_holds_no_pickle(ran: Path):
    names = {path.name for path in (ran / "out" / "model").rglob("*")}
    assert {"model.safetensors", "config.json", "segmenter.json", "forest.npz", "forest.json"} <= names
    assert not {path for path in names if path.endswith((".pkl", ".pt", ".pth", ".ckpt", ".bin"))}
    assert NetworkSegmenter.load(ran / "out" / "model").provenance["git.commit"]


def test_the_logged_model_has_a_signature_and_predicts(client: mlflow.MlflowClient, ran: Path):
    parent = runs(client)["out"]
    model = client.search_logged_models([parent.info.experiment_id])[0]
    mlflow.set_tracking_uri(f"sqlite:///{ran / 'mlflow.db'}")
    with restore_search_path():
        loaded = mlflow.pyfunc.load_model(f"models:/{model.model_id}")
    assert loaded.metadata.signature is not None
    example = loaded.input_example
    images = example[0] if isinstance(example, tuple) else example
    probability = loaded.predict(images, params={"pixel_size_nm": 0.05})
    assert probability.shape == images.shape
    assert ((probability >= 0) & (probability <= 1)).all()


def test_a_second_run_simulates_nothing_and_goes_on_from_the_checkpoint(ran: Path):
    waves = sorted((ran / "waves").rglob("facts/*.parquet"))
    assert waves
    before = [path.stat().st_mtime_ns for path in waves]
    done = train(ran, "+experiment=quickstart", "trainer.max_epochs=2", f"output={ran / 'out'}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Going on with the training" in done.stdout
    assert [path.stat().st_mtime_ns for path in waves] == before


def test_another_training_is_not_gone_on_with(ran: Path):
    done = train(ran, "+experiment=quickstart", f"output={ran / 'out'}", "seed=1", "trainer.max_epochs=3")
    assert done.returncode == 2
    assert f"output={ran / 'out'} holds a training with other settings: seed is 0 there and 1 here" in done.stderr
    assert f"give another output=, with start={ran / 'out'} to begin with what it has learned" in done.stderr
    assert done.stderr.count("\n") == 1
