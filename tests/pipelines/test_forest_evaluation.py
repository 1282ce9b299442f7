"""Fitting and evaluating a forest on drawn particles: what is fitted, scored, drawn and logged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from hrtem_lab.defects import Forest
from hrtem_lab.micrograph import CLASSES, LabelledMicrograph
from hrtem_lab.pipelines.forest_evaluation import fit_and_evaluate_forest
from hrtem_lab.pipelines.forest_scores import Predictions, value_of_uncertain
from hrtem_lab.pipelines.particle_tables import FOREST, TRUE_MASKS, build_feature_sets, tabulate
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.runs import Run
from tests.particles.scenes import faulted, particle, single

TREES = {"_target_": "sklearn.ensemble.RandomForestClassifier", "n_estimators": 12, "oob_score": False}
CONFIG = {
    "seed": 0,
    "folds": 3,
    "features": {"_target_": "hrtem_lab.particles.lattice_features", "_partial_": True},
    "forest": {
        "_target_": "hrtem_lab.defects.ForestTrainer",
        "classifier": TREES,
        "calibration": "sigmoid",
        "target_accuracy": 0.9,
        "folds": 2,
    },
    "references": {
        "majority": {
            "_target_": "hrtem_lab.defects.BaselineClassifier",
            "recipe": {
                "_target_": "hrtem_lab.defects.ForestTrainer",
                "classifier": {"_target_": "sklearn.dummy.DummyClassifier", "strategy": "prior"},
            },
        },
        "paper": {
            "_target_": "hrtem_lab.defects.BaselineClassifier",
            "features": {"_target_": "hrtem_lab.particles.groschner_features", "_partial_": True},
            "recipe": {"_target_": "hrtem_lab.defects.ForestTrainer", "classifier": TREES},
        },
    },
}
WAVES = {"fault": faulted, "no_fault": single, "no_fringe": lambda azimuth: ()}


def drawn(specimen: int) -> tuple[LabelledMicrograph, Segmentation]:
    """A micrograph of a particle of each class, and a segmentation that finds them and one that does not exist."""
    parts = [
        particle(*waves(17.0 * specimen + 40 * i), pixel_size_nm=0.07, diameter_nm=3.5, seed=10 * specimen + i)
        for i, waves in enumerate(WAVES.values())
    ]
    image = np.concatenate([image for image, _ in parts], axis=1).astype(np.float32)
    instances = np.concatenate([number * mask for number, (_, mask) in enumerate(parts, start=1)], axis=1)
    truth_table = pd.DataFrame({"label": list(WAVES), "intrinsic": [1, 0, 0]}, index=pd.RangeIndex(1, 4))
    truth = LabelledMicrograph(
        image=image,
        pixel_size_nm=0.07,
        name=f"m{specimen}",
        instances=instances.astype(np.int32),
        group=f"s{specimen}",
        ground_truth=truth_table.assign(plane_tilt_deg=[1.0, np.nan, np.nan], material="Au", diameter_nm=3.5),
        metadata={"dose_e_per_nm2": 1e5, "defocus_nm": 40.0},
    )
    found = instances.copy()
    found[:8, :20] = 4
    return truth, Segmentation((found > 0)[None].astype(np.float32), found.astype(np.int32))


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """What `fit_and_evaluate_forest` returns, what it logs, and its folder."""
    folder: Path = tmp_path_factory.mktemp("study")
    logged: dict[str, float] = {}

    def send(run: Run, kind: str, **sent: Any) -> None:
        if kind == "metrics":
            logged.update(sent["values"])
        else:
            name = sent.get("name") or Path(sent["path"]).name
            logged[name] = len(json.loads(sent["table"])["data"]) if kind == "table" else 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "send", send)
        config = OmegaConf.create(CONFIG)
        sets = build_feature_sets(config)
        train = tabulate([drawn(i) for i in range(9)], sets)
        test = tabulate([drawn(i) for i in range(9, 15)], sets | {TRUE_MASKS: sets[FOREST]})
        metrics, classes = fit_and_evaluate_forest(config, train, test, folder, Run("study"))
    return metrics, classes, logged, folder


def test_the_forest_is_scored_beside_its_baselines_and_on_true_masks(studied):
    metrics, _, logged, _ = studied
    assert metrics["forest/cv/particles"] == 36
    assert metrics["forest/test/particles"] == 24
    assert metrics["forest/true_masks/particles"] == 18
    assert metrics["forest/test/balanced_accuracy"] > 0.85
    assert metrics["forest/test/majority/balanced_accuracy"] == 0.25
    lead = [metrics[f"forest/test/lead_over_majority{end}"] for end in ("_low", "", "_high")]
    assert lead == sorted(lead)
    assert lead[0] > 0.3
    assert 0 <= metrics["forest/test/lead_over_paper_p"] <= 1
    assert 0 <= metrics["forest/test/coverage"] <= 1
    f1_lead = [metrics[f"forest/test/fault_f1_lead_over_majority{end}"] for end in ("_low", "", "_high")]
    assert f1_lead == sorted(f1_lead)
    assert f1_lead[1] == pytest.approx(metrics["forest/test/fault_f1"] - metrics["forest/test/majority/fault_f1"])
    assert logged["test/fault_f1"] == metrics["forest/test/fault_f1"]
    assert not any(value != value for value in logged.values())


def test_the_classifiers_are_in_one_table(studied):
    metrics, _, logged, folder = studied
    table = pd.read_csv(folder / "references.csv").set_index("classifier")
    assert table.index.tolist() == ["forest", "majority", "paper"]
    assert table.loc["majority", "balanced_accuracy"] == 0.25
    assert table.loc["paper", "lead"] == pytest.approx(metrics["forest/test/lead_over_paper"])
    assert "references.csv" in logged


def test_what_it_buys_to_leave_particles_without_a_class():
    """Of eight specimens with two particles each, the wrong one of every second specimen is left without a class."""
    table = pd.DataFrame({"label": ["fault", "no_fault"] * 8, "group": np.repeat(list("abcdefgh"), 2)})
    given = pd.DataFrame(0.0, index=table.index, columns=list(CLASSES)).assign(fault=1.0)
    is_left = np.arange(16) % 4 == 1
    found = value_of_uncertain(Predictions(table, given, {}), ~is_left)
    assert found["uncertain/particles"] == 4
    assert found["uncertain/accuracy"] == 0
    assert found["uncertain/gain"] == pytest.approx(8 / 12 - 8 / 16)
    assert 0 <= found["uncertain/gain_low"] < found["uncertain/gain"] < found["uncertain/gain_high"]
    none = value_of_uncertain(Predictions(table, given, {}), np.ones(16, dtype=bool))
    assert none["uncertain/gain"] == 0
    assert np.isnan(none["uncertain/accuracy"])


def test_materials_are_scored_with_what_is_found_in_their_specimens(studied):
    metrics, classes, _, folder = studied
    table = pd.read_csv(folder / "materials.csv")
    assert table["material"].tolist() == ["Au", "Au"]
    assert table["particles"].tolist() == [24, (classes != "uncertain").sum()]
    assert table["accuracy"].tolist() == pytest.approx(
        [metrics["forest/test/accuracy"], metrics["forest/answered/accuracy"]]
    )


def test_every_test_particle_has_a_class(studied):
    _, classes, _, folder = studied
    assert len(classes) == 24
    assert set(classes) <= {*CLASSES, "uncertain"}
    table = pd.read_csv(folder / "test_particles.csv")
    assert table["class"].tolist() == classes.tolist()
    np.testing.assert_allclose(table[[f"p_{name}" for name in CLASSES]].sum(axis=1), 1)


def test_the_saved_forest_gives_the_same_classes(studied):
    _, classes, _, folder = studied
    table = pd.read_csv(folder / "test_particles.csv")
    forest = Forest.load_if_present(folder / "model")
    assert forest.classes(forest.probabilities(table)).tolist() == classes.tolist()


def test_the_figures_are_drawn(studied):
    _, _, logged, folder = studied
    names = ("confusion_cv", "confusion_test", "fault_curves", "forest_reliability", "risk_coverage", "importance",
             "fault_detection_rate", "references")  # fmt: skip
    assert {path.stem for path in (folder / "figures").glob("*.png")} == set(names)
    assert {"test_particles.csv", "fault_detection_rate.csv", "importance.json"} <= set(logged)
    rates = pd.read_csv(folder / "fault_detection_rate.csv")
    assert rates.loc[rates["condition"] == "true_material", "particles"].tolist() == [6]
