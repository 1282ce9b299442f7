"""The report in the folder of a run: every number of its tables, its pictures, and where they came from."""

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from hrtem_lab.cli.build import to_plain
from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.evaluate import evaluate
from hrtem_lab.pipelines.run_methods import describe_methods
from hrtem_lab.pipelines.run_report import read_curves
from tests.figures.test_report import Tags
from tests.pipelines.test_evaluate import labels  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def evaluated(labels: Path, tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:  # noqa: F811
    """The folder of an evaluation of Otsu's method and of masks, on four drawn micrographs of three groups."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copy(empty_store, folder / "mlflow.db")
    words = ["data=labelled", f"data.root={labels / 'set'}", "data/splitter=test_only", "methods=[]"]
    models = f"models={{theirs:{labels / 'masks'},ours:{labels / 'set' / '..' / 'masks'}}}"
    with pytest.MonkeyPatch.context() as patch, initialize_config_dir(str(CONF), version_base="1.3"):
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        evaluate(compose("evaluate", overrides=[*words, models, f"output={folder / 'out'}", "seed=7"]))
    return folder


def test_the_report_of_an_evaluation_holds_what_its_tables_hold(evaluated: Path):
    text = (evaluated / "out" / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    tags = Tags(text)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags.seen}
    assert all(str(each["src"]).startswith("data:image/") for tag, each in tags.seen if tag == "img")
    for _, row in pd.read_csv(evaluated / "out" / "comparison.csv").iterrows():
        for metric in ("dice", "object_f1", "size_bias_nm"):
            assert f">{interval_text(row, metric, digits=3)}<" in text
    scores = pd.read_csv(evaluated / "out" / "micrographs.csv").query("method == 'theirs'").sort_values("dice")
    worst, best = scores.iloc[0], scores.iloc[-1]
    assert f"{worst['name']}: Dice {worst['dice']:.3f}, the lowest" in text
    assert f"{best['name']}: Dice {best['dice']:.3f}, the highest" in text
    data = json.loads((evaluated / "out" / "data.json").read_text())
    words = (
        data["data.digest"],
        data["split.digest"],
        "scikit-learn",
        "4 labelled micrographs were scored",
        "theirs (",
    )
    for word in words:
        assert word in text


def test_the_report_is_an_artifact_of_the_run_that_it_names(evaluated: Path):
    run = json.loads((evaluated / "out" / "mlflow.json").read_text())["run"]
    client = mlflow.MlflowClient(f"sqlite:///{evaluated / 'mlflow.db'}")
    assert "report.html" in {file.path for file in client.list_artifacts(run)}
    assert f">{run}<" in (evaluated / "out" / "report.html").read_text(encoding="utf-8")


def test_curves_of_a_training_that_was_gone_on_with_are_one(tmp_path: Path):
    calls = {2: [(0, 0.1), (1, 0.2)], 10: [(1, 0.3), (2, 0.4)]}  # the second call did an epoch again
    for version, rows in calls.items():
        folder = tmp_path / "curves" / f"version_{version}"
        folder.mkdir(parents=True)
        lines = ["epoch,step,train/loss,val/dice"]
        lines += [line for epoch, dice in rows for line in (f"{epoch},{epoch},,{dice}", f"{epoch},{epoch},0.5,")]
        (folder / "metrics.csv").write_text("\n".join(lines))
    curves = read_curves(tmp_path)
    np.testing.assert_array_equal(curves["epoch"], [0, 1, 2])
    np.testing.assert_allclose(curves["val/dice"], [0.1, 0.3, 0.4])
    np.testing.assert_allclose(curves["train/loss"], 0.5)
    assert read_curves(tmp_path / "nowhere").empty


def test_the_paragraph_of_a_search_says_how_many_trials_were_completed():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_plain(compose("sweep", overrides=["+sweep=watershed", "n_trials=12"]))
    text = describe_methods(config, {}, {"python": "3.11"}, finished_trials=5)
    assert "searched for val/dice; 5 of 12 trials were completed (Optuna, TPESampler, MedianPruner)" in text


@pytest.mark.parametrize(("model", "named"), [(None, "models/default"), ("outputs/mine", "outputs/mine")])
def test_the_paragraph_of_a_forest_names_the_network_that_cut_its_particles(model: str | None, named: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_plain(compose("forest")) | {"model": model}
    assert f"particles that the network of {named} cut" in describe_methods(config, {}, {"python": "3.11"}, True)
