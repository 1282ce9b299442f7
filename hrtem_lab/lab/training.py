"""The pipeline of `train`: data, network, the methods beside it, particles, forest, MLflow."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LearningRateMonitor, RichProgressBar
from pytorch_lightning.loggers import MLFlowLogger

from hrtem_lab.evaluation import breakdown, calibration_counts, ece, paired_test, score_masks, summarise
from hrtem_lab.files import write_json, write_table
from hrtem_lab.lab import figures, report, tracking
from hrtem_lab.lab.callbacks import ValidationImages
from hrtem_lab.lab.command import build
from hrtem_lab.lab.forest import segmented, study
from hrtem_lab.lab.models import find_model
from hrtem_lab.lab.progress import bar, console, quiet, track
from hrtem_lab.micrograph import IntArray, LabelledMicrograph
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.fit import begin_with, checkpoints, fit, last_checkpoint
from hrtem_lab.segmentation.method import Method
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.segmentation.processor import has_bfloat16
from hrtem_lab.segmentation.unet import UNet

EDGES = {
    "diameter_nm": (1, 2, 3, 5, 8, 13),
    "dose_e_per_nm2": (0, 1e4, 3e4, 1e5, 1e6),
    "defocus_nm": (0, 15, 40, 80, 150),
    "pixel_size_nm": (0, 0.03, 0.045, 0.065, 0.11),
}
"""Of the conditions that a score is broken down by; defocus by its amount."""


@dataclass(frozen=True)
class Scored:
    """A tuned method and how it did on the test micrographs."""

    method: Method
    instances: list[IntArray]
    scores: pd.DataFrame

    @cached_property
    def summary(self) -> dict[str, float]:
        """One number per metric, with intervals."""
        return summarise(self.scores)


def train(config: DictConfig) -> dict[str, float]:
    """Everything from simulation to the table of methods and the forest.

    Returns:
        The U-Net's metrics on the test micrographs and the forest's, as they are in MLflow.
    """
    quiet()
    pl.seed_everything(config.seed, verbose=False)
    folder = output_folder(config)
    uri = tracking.connect(config.name)
    with tracking.run(folder.name, tags=tracking.provenance() | {"folder": str(folder)}) as parent:
        tracking.log_config(config, folder)
        data: SimulatedData = build(config.data)
        with bar("Simulating exit waves") as move:
            data.simulate(move)
        split = {stage: list(indices) for stage, indices in data.indices.items()}
        tracking.log_data("simulated", {"library": data.library.recipe, "data": _plain(config.data)}, split)

        test = data.micrographs("test")
        scored = score_methods(config, data, test, folder, parent)
        results = report.comparison({name: s.summary for name, s in scored.items()}, _tests(scored))
        report.show_methods(results)
        _log_results(results, scored, test, folder)
        metrics = {f"test/{k}": v for k, v in scored["unet"].summary.items()}
        tracking.log_metrics(scored["unet"].summary, "test")

        with tracking.run("forest", parent):
            learn = segmented(data, "validation", config.views, scored["unet"].method)
            found, classes = study(config, learn, zip(test, scored["unet"].instances, strict=True), folder)
            metrics |= found
        draw_gallery(test, scored["unet"], classes, folder)
        write_json(folder / "metrics.json", metrics)
        report.show_forest(metrics)
        mlflow.log_artifacts(str(folder / "figures"), "figures")
        _log_model(folder / "model", test[0])
    report.show_next(folder, uri)
    return metrics


def output_folder(config: DictConfig) -> Path:
    """The folder of this run, made for it alone; one given in `output` that holds a checkpoint is gone on with."""
    if config.output:
        folder = Path(config.output).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    begun = tracking.PROJECT / "outputs" / config.name / time.strftime("%Y-%m-%d_%H-%M-%S")
    others = (begun.with_name(f"{begun.name}_{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([begun], others) if _made(folder))


def _made(folder: Path) -> bool:
    """Make a folder; False where another run, begun in the same second, was first."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def train_unet(config: DictConfig, data: SimulatedData, folder: Path, run_id: str, provenance: dict[str, str]) -> UNet:
    """Fit the network and return it with the weights of its best epoch on validation."""
    module: SegmentationModule = build(config.model)
    if config.start:
        begin_with(module.net, UNet.load(find_model(config.start)).net, config.start)
    kept = checkpoints(folder / "checkpoints")
    precision = config.trainer.precision
    if precision == "auto":
        precision = "bf16-mixed" if has_bfloat16() else "32-true"
    trainer: pl.Trainer = build(config.trainer)(
        precision=precision,
        logger=MLFlowLogger(run_id=run_id, tracking_uri=mlflow.get_tracking_uri(), log_model=False),
        callbacks=[kept, RichProgressBar(), LearningRateMonitor(), ValidationImages()],
        default_root_dir=folder,
    )
    if last_checkpoint(folder / "checkpoints"):
        console.print(f"Going on with the training in {folder}", soft_wrap=True)
    mlflow.log_metric("parameters", sum(p.numel() for p in module.net.parameters()))
    started = time.perf_counter()
    try:
        net = fit(trainer, module, data, folder / "checkpoints")
    except BaseException:
        console.print(f"Training stopped; the same command with output='{folder}' goes on from there", soft_wrap=True)
        raise
    mlflow.log_metric("train_seconds", time.perf_counter() - started)
    mlflow.log_metric("best/val/dice", float(kept.best_model_score or np.nan))
    return UNet(net=net, preprocessing=data.preprocessing, provenance=provenance)


def score_methods(
    config: DictConfig, data: SimulatedData, test: list[LabelledMicrograph], folder: Path, parent: str
) -> dict[str, Scored]:
    """Train the U-Net and save it; tune it and the other methods on validation, score all on test."""
    validation = data.micrographs("validation")
    with tracking.run("unet", parent) as child:
        unet = train_unet(config, data, folder, child, {"run": parent, **tracking.provenance()})
        scored = {"unet": compare(unet, validation, test)}
        scored["unet"].method.save(folder / "model")  # type: ignore[attr-defined]
        log_calibration(scored["unet"].method, test, folder)
    for node in config.methods.values():
        method: Method = build(node)
        with tracking.run(method.name, parent):
            scored[method.name] = compare(method, validation, test)
    return scored


def compare(method: Method, validation: list[LabelledMicrograph], test: list[LabelledMicrograph]) -> Scored:
    """Tune on validation, score on test, log to the active run: the same for every method."""
    with console.status(f"Tuning {method.name} on {len(validation)} validation micrographs"):
        tuned = method.tune(validation)
    started = time.perf_counter()
    instances = [tuned(m) for m in track(test, f"Testing {method.name}")]
    seconds = (time.perf_counter() - started) / max(len(test), 1)
    scores = score_masks(instances, test)
    tracking.log_metrics(summarise(score_masks([tuned(m) for m in validation], validation)), "val")
    tracking.log_metrics({**summarise(scores), "seconds_per_micrograph": seconds}, "test")
    mlflow.log_params({f"tuned.{k}": getattr(tuned, k) for k in next(iter(tuned.candidates()))})
    mlflow.log_table(scores, "test_scores.json")
    return Scored(tuned, instances, scores)


def log_calibration(method: Method, test: list[LabelledMicrograph], folder: Path) -> None:
    """How far a probability can be believed on test: its error as `test/ece`, its bins as a table and a figure."""
    found = [calibration_counts(method.probability(m), m.mask) for m in track(test, "Checking probabilities")]
    counts = pd.concat(found).groupby("bin").sum()
    tracking.log_metrics({"ece": ece(counts)}, "test")
    mlflow.log_param("tuned.temperature", getattr(method, "temperature", None))
    mlflow.log_table(counts.reset_index(), "calibration.json")
    figures.save(figures.reliability(counts), folder / "figures" / "reliability.png")


def draw_gallery(test: list[LabelledMicrograph], unet: Scored, classes: pd.Series, folder: Path) -> None:
    """Test micrographs from the worst to the best Dice, with what was found and what the forest says of it."""
    shown = figures.typical(unet.scores)
    known = classes.index.get_level_values("micrograph")
    said = [classes.xs(test[i].name) if test[i].name in known else pd.Series(dtype=object) for i in shown]
    figure = figures.gallery([test[i] for i in shown], [unet.instances[i] for i in shown], said)
    figures.save(figure, folder / "figures" / "gallery.png")


def _tests(scored: dict[str, Scored]) -> dict[str, dict[str, float]]:
    """The U-Net against every other method, paired by test micrograph."""
    ours = scored["unet"].scores["dice"]
    return {n: paired_test(ours.to_numpy(), s.scores["dice"].to_numpy()) for n, s in scored.items() if n != "unet"}


def _log_results(
    results: pd.DataFrame, scored: dict[str, Scored], test: list[LabelledMicrograph], folder: Path
) -> None:
    dice = {name: s.scores["dice"].to_numpy() for name, s in scored.items()}
    figures.save(figures.comparison(dice, results), folder / "figures" / "comparison.png")
    write_table(folder / "comparison.csv", results)
    mlflow.log_artifact(str(folder / "comparison.csv"))
    mlflow.log_table(results.reset_index(), "comparison.json")
    parts = breakdown(scored["unet"].scores, pd.DataFrame([_condition(m) for m in test]), EDGES)
    figures.save(figures.breakdown(parts, "U-Net on test micrographs"), folder / "figures" / "breakdown.png")
    write_table(folder / "breakdown.csv", parts)
    mlflow.log_artifact(str(folder / "breakdown.csv"))


def _condition(micrograph: LabelledMicrograph) -> dict[str, Any]:
    """What a micrograph shows, and how it was taken."""
    facts = micrograph.facts
    return {
        "material": f"{facts['material'].iloc[0]}, {facts['structure'].iloc[0]}" if len(facts) else "no particle",
        "diameter_nm": facts["diameter_nm"].median() if len(facts) else np.nan,
        "dose_e_per_nm2": micrograph.metadata["dose_e_per_nm2"],
        "defocus_nm": abs(micrograph.metadata["defocus_nm"]),
        "pixel_size_nm": micrograph.pixel_size_nm,
    }


def _log_model(model: Path, example: LabelledMicrograph) -> None:
    image, params = example.image[None, :64, :64], {"pixel_size_nm": example.pixel_size_nm}
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"folder": str(model)},
        signature=mlflow.models.infer_signature(image, image, params),
        input_example=(image, params),
        pip_requirements=["hrtem_lab"],
    )


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True)
