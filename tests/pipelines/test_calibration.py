"""How far probabilities can be believed, on drawn micrographs with probabilities that are given."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.micrograph import LabelledMicrograph, Micrograph
from hrtem_lab.pipelines.calibration import particle_probabilities, pixel_probabilities, report_calibration
from hrtem_lab.pipelines.scoring import score_method
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.runs import Run
from tests.segmentation.scenes import dark_discs, mask_of

FALSE = (20, 150, 14)
"""A disc where no particle is."""


class Given:
    """Finds the drawn discs with a probability of 0.9, and one that is not there with 0.6."""

    outline, gives_probabilities = "geometric", True

    def __init__(self, instances: np.ndarray) -> None:
        self.instances = instances

    def segment(self, micrograph: Micrograph) -> Segmentation:
        probability = np.where(self.instances > 0, 0.9, 0.1)
        probability[self.instances == self.instances.max()] = 0.6
        return Segmentation(probability[None].astype(np.float32), self.instances)


@pytest.fixture
def scene() -> tuple[LabelledMicrograph, Given]:
    truth = dark_discs()
    false = mask_of([FALSE]) * (truth.instances.max() + 1)
    return truth, Given(np.where(false > 0, false, truth.instances).astype(np.int32))


def test_every_found_particle_has_its_mean_probability_and_whether_it_is_one(scene):
    truth, method = scene
    probability, real = particle_probabilities(score_method(method, [truth]), [truth])
    assert dict(zip(np.round(probability, 3), real, strict=True)) == {0.9: True, 0.6: False}
    assert len(probability) == truth.instances.max() + 1


def test_pixels_of_which_nobody_can_say_are_left_out(scene):
    truth, method = scene
    ignored = mask_of([FALSE]) > 0
    unsure = LabelledMicrograph(
        image=truth.image, pixel_size_nm=0.05, name="a", group="a", instances=truth.instances, ignored=ignored
    )
    probability, real = pixel_probabilities(score_method(method, [unsure]), [unsure], "geometric")
    assert len(probability) == truth.image.size - ignored.sum()
    assert np.unique(np.round(probability.astype(float), 3)).tolist() == [0.1, 0.9]
    assert ((probability > 0.5) == real).all()


def test_methods_that_give_probabilities_are_reported_and_others_are_not(
    scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    truth, method = scene
    logged: dict[str, object] = {}
    monkeypatch.setattr(Run, "send", lambda run, kind, **sent: logged.update({sent.get("name") or kind: sent}))
    monkeypatch.setattr(Run, "child", lambda run, name: nullcontext(Run(name)))
    plain = Given(method.instances)
    plain.gives_probabilities = False
    methods = {"unet": method, "otsu": plain}
    scores = {name: score_method(each, [truth]) for name, each in methods.items()}
    metrics = report_calibration(methods, scores, [truth], "test", tmp_path, Run("parent"))
    assert list(metrics) == ["unet"]
    number = int(truth.instances.max())
    found = metrics["unet"]
    assert found["particle_ece"] == pytest.approx((number * 0.1 + 0.6) / (number + 1), abs=1e-6)
    assert found["particle_brier"] == pytest.approx((number * 0.01 + 0.36) / (number + 1), abs=1e-6)
    # the false one is the least probable: nothing is wrong until all are kept
    assert found["particle_aurc"] == pytest.approx(1 / (number + 1) ** 2)
    assert logged["metrics"]["values"]["test/ece"] == pytest.approx(found["ece"])
    table = pd.read_csv(tmp_path / "calibration.csv")
    assert table.groupby("of")["count"].sum().to_dict() == {"particles": number + 1, "pixels": truth.image.size}
    for name in ("reliability", "particle_reliability", "particle_risk_coverage"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 5000
