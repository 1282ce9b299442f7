"""The pipeline of `train`: data, network, the methods beside it, particles, forest, MLflow."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LearningRateMonitor, ProgressBar, RichProgressBar
from pytorch_lightning.loggers import MLFlowLogger

from hrtem_lab.cli.build import build
from hrtem_lab.cli.config_keys import RESUME_KEYS, drop_machine_keys
from hrtem_lab.cli.progress import bar, console, quiet, track
from hrtem_lab.defects import Forest
from hrtem_lab.evaluation import breakdown, calibration_counts, ece, lead, score_masks, summarise
from hrtem_lab.figures import methods, micrographs, tables
from hrtem_lab.figures.style import save
from hrtem_lab.files import make_folder, write_json
from hrtem_lab.micrograph import InputError, IntArray, LabelledMicrograph
from hrtem_lab.paths import PACKAGE, workspace
from hrtem_lab.physics.manifest import differences
from hrtem_lab.pipelines.forest_evaluation import segmented, study
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.fit import checkpoints, fit, last_checkpoint, take_weights
from hrtem_lab.segmentation.method import Found, Method, any_particle
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.segmentation.processor import has_bfloat16
from hrtem_lab.segmentation.unet import UNet
from hrtem_lab.tracking import runs
from hrtem_lab.tracking.callbacks import ValidationImages
from hrtem_lab.tracking.models import find_model

EDGES = {
    "diameter_nm": (1, 2, 3, 5, 8, 13),
    "dose_e_per_nm2": (0, 1e4, 3e4, 1e5, 1e6),
    "defocus_nm": (0, 15, 40, 80, 150),
    "pixel_size_nm": (0, 0.03, 0.045, 0.065, 0.11),
}
"""Of the conditions that a score is broken down by; defocus by its amount."""

BEFORE = "before"
"""Of the methods: the model that the training began with, tuned as all the others are."""


@dataclass(frozen=True)
class Scored:
    """A tuned method and how it did on the test micrographs."""

    method: Method
    found: list[Found]
    scores: pd.DataFrame
    elsewhere: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Its scores on the micrographs of other kinds, by their name."""

    @property
    def instances(self) -> list[IntArray]:
        """Of each test micrograph."""
        return [found.instances for found in self.found]

    @cached_property
    def summary(self) -> dict[str, float]:
        """One number per metric, with intervals."""
        return summarise(self.scores)


def train(config: DictConfig) -> dict[str, float]:
    """Everything from simulation to the table of methods and the forest.

    Returns:
        The U-Net's metrics on the test micrographs and the forest's, as they are in MLflow.

    Raises:
        InputError: Too few specimens are held out, the output folder holds another training, or anything that is given
            is not right.
    """
    quiet()
    if config.data.validation < 2 or config.data.test < 1:
        raise InputError(
            f"data.validation is {config.data.validation}, data.test {config.data.test}; expected at least 2 specimens "
            "to tune and cross-validate on and 1 to score"
        )
    pl.seed_everything(config.seed, verbose=False)
    folder = output_folder(config)
    uri = runs.connect(config.name)
    tags = runs.provenance() | {"folder": str(folder)}
    with runs.run(folder.name, runs.multirun(), tags) as parent:
        runs.log_config(config, folder)
        data = simulated(config)
        log_data(config, data)

        test = data.micrographs("test")
        scored = score_methods(config, data, test, folder, parent)
        results = _compared({name: s.scores for name, s in scored.items()})
        tables.show_methods(results, "Test micrographs")
        _log_results(results, scored, test, folder)
        metrics = {f"test/{k}": v for k, v in scored["unet"].summary.items()} | _elsewhere(scored, folder)
        runs.log_metrics(metrics)

        if any("label" in m.ground_truth for m in test):
            with runs.run("forest", parent):
                learn = segmented(data, "validation", config.views, scored["unet"].method.find)
                found, classes = study(config, learn, zip(test, scored["unet"].found, strict=True), folder)
                metrics |= found
            tables.show_forest(metrics)
        else:
            classes = keep_forest(config, folder)
        draw_gallery(test, scored["unet"], classes, folder)
        write_json(folder / "metrics.json", metrics)
        mlflow.log_artifacts(str(folder / "figures"), "figures")
        _log_model(folder / "model", test[0])
    tables.show_next(folder, uri)
    return metrics


def simulated(config: DictConfig) -> SimulatedData:
    """The data of a configuration, their exit waves made where they are missing."""
    data: SimulatedData = build(config.data)
    with bar("Simulating exit waves") as move:
        data.simulate(move)
    return data


def log_data(config: DictConfig, data: SimulatedData) -> None:
    """Tell the active run what its data are: all that decides them, and who is on which side."""
    recipe = data.recipe | {"data": drop_machine_keys(plain(config.data), "data")}
    runs.log_data(type(data).__name__, recipe, data.split)


def output_folder(config: DictConfig) -> Path:
    """The folder of this run, made for it alone; one given in `output` that holds a checkpoint is gone on with."""
    if config.output:
        return make_folder(Path(config.output).absolute())
    begun = workspace() / "outputs" / config.name / time.strftime("%Y-%m-%d_%H-%M-%S")
    others = (begun.with_name(f"{begun.name}_{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([begun], others) if _made(folder))


def _made(folder: Path) -> bool:
    """Make a folder; False where another run, begun in the same second, was first."""
    make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def train_unet(config: DictConfig, data: SimulatedData, folder: Path, run_id: str, provenance: dict[str, str]) -> UNet:
    """Fit the network and return it with the weights of the epoch that `keep` names."""
    if last_checkpoint(folder / "checkpoints"):
        console.print(f"Going on with the training in {folder}", soft_wrap=True)
    shown = [RichProgressBar(), LearningRateMonitor(), ValidationImages()]
    try:
        unet, facts = fit_unet(config, data, folder, run_id, shown)
    except BaseException:
        console.print(f"Training stopped; the same command with output='{folder}' goes on from there", soft_wrap=True)
        raise
    runs.log_metrics(facts)
    return replace(unet, provenance=provenance)


def fit_unet(
    config: DictConfig, data: SimulatedData, folder: Path, run_id: str, callbacks: list[pl.Callback]
) -> tuple[UNet, dict[str, float]]:
    """Fit the network; its curves go to the MLflow run.

    Args:
        config: Of `train`.
        data: Simulated.
        folder: Of this training; it goes on from a checkpoint that is there.
        run_id: MLflow's.
        callbacks: Besides those that keep the weights.

    Returns:
        The network with the weights of the epoch that `keep` names, mixed with those of `start` by `kept_of_start`, and
        `parameters`, `train_seconds` and `best/val/dice`.

    Raises:
        InputError: `kept_of_start` is no share, there is nothing to keep, or the folder holds another training.
    """
    if not 0 <= config.kept_of_start < 1 or (config.kept_of_start and not config.start):
        raise InputError(
            f"kept_of_start={config.kept_of_start}, start={config.start}; expected a share from 0 to below 1, and "
            "above 0 only with a model that the training begins with"
        )
    _same_training(config, data, folder)
    module: SegmentationModule = build(config.model)
    begun = UNet.load(find_model(config.start)).net if config.start else None
    if begun is not None:
        take_weights(module.net, begun, config.start)
    kept = checkpoints(folder / "checkpoints")
    precision = config.trainer.precision
    if precision == "auto":
        precision = "bf16-mixed" if has_bfloat16() else "32-true"
    trainer: pl.Trainer = build(config.trainer)(
        precision=precision,
        logger=MLFlowLogger(run_id=run_id, tracking_uri=mlflow.get_tracking_uri(), log_model=False),
        callbacks=[kept, *callbacks, *map(build, config.get("callbacks", {}).values())],
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        default_root_dir=folder,
    )
    started = time.perf_counter()
    net = fit(trainer, module, data, folder / "checkpoints", config.keep)
    if begun is not None:
        take_weights(net, begun, config.start, config.kept_of_start)
    facts = {
        "parameters": float(sum(p.numel() for p in net.parameters())),
        "train_seconds": time.perf_counter() - started,
        "best/val/dice": np.nan if kept.best_model_score is None else float(kept.best_model_score),
    }
    return UNet(net=net, preprocessing=data.preprocessing), facts


def _same_training(config: DictConfig, data: SimulatedData, folder: Path) -> None:
    """Note in the folder what its checkpoints are learned from; refuse to go on from those of another training."""
    whole = drop_machine_keys(plain(config))
    known = {name: whole[name] for name in RESUME_KEYS if name in whole}
    recipe = known | {"labels": data.recipe.get("labelled"), "split": runs.digest(data.split)}
    note = folder / "training.json"
    if last_checkpoint(folder / "checkpoints") is None:
        write_json(note, {"recipe": recipe})
    elif note.is_file() and (changed := differences(json.loads(note.read_text(encoding="utf-8")), recipe)):
        raise InputError(
            f"output={folder} holds a training with other settings: {changed}; give another output=, with "
            f"start={folder} to begin with what it has learned"
        )


def score_methods(
    config: DictConfig, data: SimulatedData, test: list[LabelledMicrograph], folder: Path, parent: str
) -> dict[str, Scored]:
    """Train the U-Net and save it; tune it and the other methods on validation, score all on test."""
    validation = data.views("validation", config.tuning_views)
    elsewhere = data.elsewhere()
    if not any_particle(validation):
        console.print("No validation micrograph holds a particle: thresholds stay as they are, nothing tunes them")
    with runs.run("unet", parent) as child:
        unet = train_unet(config, data, folder, child, {"run": parent, **runs.provenance()})
        scored = {"unet": compare(unet, validation, test, elsewhere)}
        scored["unet"].method.save(folder / "model")  # type: ignore[attr-defined]
        log_calibration(scored["unet"], test, folder)
    others: dict[str, Method] = {method.name: method for method in map(build, config.get("methods", {}).values())}
    if config.start:
        others = {BEFORE: UNet.load(find_model(config.start))} | others
    for name, method in others.items():
        with runs.run(name, parent):
            scored[name] = compare(method, validation, test, elsewhere)
    return scored


def compare(
    method: Method,
    validation: list[LabelledMicrograph],
    test: list[LabelledMicrograph],
    elsewhere: dict[str, list[LabelledMicrograph]],
) -> Scored:
    """Tune on validation, score on test and elsewhere, log to the active run: the same for every method."""
    with console.status(f"Tuning {method.name} on {len(validation)} validation micrographs"):
        tuned = method.tune(validation)
    started = time.perf_counter()
    found = [tuned.find(m) for m in track(test, f"Testing {method.name}")]
    seconds = (time.perf_counter() - started) / max(len(test), 1)
    score = partial(score_masks, min_diameter_nm=tuned.min_diameter_nm)
    scores = score([f.instances for f in found], test)
    runs.log_metrics(summarise(score([tuned(m) for m in validation], validation)), "val")
    runs.log_metrics({**summarise(scores), "seconds_per_micrograph": seconds}, "test")
    mlflow.log_params({f"tuned.{k}": getattr(tuned, k) for k in next(iter(tuned.candidates()))})
    runs.log_table(scores, "test_scores.json")
    others = {where: score([tuned(m) for m in there], there) for where, there in elsewhere.items()}
    for where, there in others.items():
        runs.log_metrics(summarise(there), where)
    return Scored(tuned, found, scores, others)


def log_calibration(scored: Scored, test: list[LabelledMicrograph], folder: Path) -> None:
    """How far a probability can be believed on test: its error as `test/ece`, its bins as a table and a figure."""
    each = [calibration_counts(f.probability, m.mask) for f, m in zip(scored.found, test, strict=True)]
    counts = pd.concat(each).groupby("bin").sum()
    runs.log_metrics({"ece": ece(counts)}, "test")
    mlflow.log_param("tuned.temperature", getattr(scored.method, "temperature", None))
    runs.log_table(counts.reset_index(), "calibration.json")
    save(methods.reliability(counts), folder / "figures" / "reliability.png")


def draw_gallery(test: list[LabelledMicrograph], unet: Scored, classes: pd.Series, folder: Path) -> None:
    """Test micrographs from the worst to the best Dice, with what was found and what the forest says of it."""
    if not (shown := micrographs.typical(unet.scores)):
        return
    known = classes.index.get_level_values("micrograph")
    said = [classes.xs(test[i].name) if test[i].name in known else pd.Series(dtype=object) for i in shown]
    figure = micrographs.gallery([test[i] for i in shown], [unet.instances[i] for i in shown], said)
    save(figure, folder / "figures" / "gallery.png")


def keep_forest(config: DictConfig, folder: Path) -> pd.Series:
    """What stands in for a forest's training where labels are masks alone: that of the model begun with goes along.

    Returns:
        The classes of no particle.
    """
    forest = Forest.load(find_model(config.start)) if config.start else None
    if forest is not None:
        forest.save(folder / "model")
    fate = f"that of {config.start} is kept" if forest else "none is trained"
    console.print(f"Forest: the labels tell particles but no classes, {fate}", soft_wrap=True, highlight=False)
    return pd.Series(dtype=object, index=pd.MultiIndex.from_arrays([[], []], names=["micrograph", "particle"]))


def _compared(scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of methods from the scores of each, the U-Net against every other one paired by micrograph."""
    ours = scores["unet"]
    tests = {name: lead(ours, table) for name, table in scores.items() if name != "unet"}
    return tables.comparison({name: summarise(table) for name, table in scores.items()}, tests)


def _elsewhere(scored: dict[str, Scored], folder: Path) -> dict[str, float]:
    """Show and log the tables of methods on micrographs of other kinds; the U-Net's metrics there."""
    metrics: dict[str, float] = {}
    for where, table in scored["unet"].elsewhere.items():
        results = _compared({name: s.elsewhere[where] for name, s in scored.items()})
        tables.show_methods(results, f"{where.capitalize()} micrographs")
        _log_table(f"comparison_{where}", results.reset_index(), folder)
        metrics |= {f"{where}/{k}": v for k, v in summarise(table).items()}
    return metrics


def _log_table(name: str, table: pd.DataFrame, folder: Path) -> None:
    runs.log_csv(folder / f"{name}.csv", table)
    runs.log_table(table, f"{name}.json")


def _log_results(
    results: pd.DataFrame, scored: dict[str, Scored], test: list[LabelledMicrograph], folder: Path
) -> None:
    dice = {name: s.scores["dice"].to_numpy() for name, s in scored.items()}
    save(methods.comparison(dice, results), folder / "figures" / "comparison.png")
    _log_table("comparison", results.reset_index(), folder)
    parts = breakdown(scored["unet"].scores, pd.DataFrame([condition(m) for m in test]), EDGES)
    save(methods.breakdown(parts, "U-Net on test micrographs"), folder / "figures" / "breakdown.png")
    runs.log_csv(folder / "breakdown.csv", parts)


def condition(micrograph: LabelledMicrograph) -> dict[str, Any]:
    """What a micrograph shows, and how it was taken."""
    truth, taken = micrograph.ground_truth, micrograph.metadata
    material = f"{truth['material'].iloc[0]}, {truth['structure'].iloc[0]}" if len(truth) else "unknown"
    return {
        "material": material if micrograph.instances.any() else "no particle",
        "diameter_nm": truth["diameter_nm"].median() if len(truth) else np.nan,
        "dose_e_per_nm2": taken.get("dose_e_per_nm2", np.nan),
        "defocus_nm": abs(taken.get("defocus_nm", np.nan)),
        "pixel_size_nm": micrograph.pixel_size_nm,
    }


def _log_model(model: Path, example: LabelledMicrograph) -> None:
    image, params = example.image[None, :64, :64], {"pixel_size_nm": example.pixel_size_nm}
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(PACKAGE / "tracking" / "pyfunc.py"),
        artifacts={"folder": str(model)},
        signature=mlflow.models.infer_signature(image, image, params),
        input_example=(image, params),
        pip_requirements=["hrtem_lab"],
    )


def plain(node: Any) -> Any:
    """A configuration as dicts and lists."""
    return OmegaConf.to_container(node, resolve=True)
