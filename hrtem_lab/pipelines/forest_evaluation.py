"""The study of the forest: fitted on held-out specimens, scored on others, beside what it has to be better than."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import track
from hrtem_lab.defects import (
    Costs,
    Features,
    Forest,
    Recipe,
    Reference,
    confusion,
    cross_validate,
    decide,
    family_importance,
    fault_chance,
    fault_curves,
    particle_rows,
    reliability,
    risk_coverage,
    score,
    stacked,
)
from hrtem_lab.evaluation import paired_test
from hrtem_lab.figures import forest as figures
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import UNCERTAIN, LabelledMicrograph
from hrtem_lab.particles import FEATURE_FAMILIES
from hrtem_lab.segmentation.data import Stage, TrainingData
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.runs import Run

Segmented = tuple[LabelledMicrograph, Segmentation]
Tables = dict[str, pd.DataFrame]
OWN, TRUE_MASKS = "forest", "true_masks"


def segmented(
    data: TrainingData, stage: Stage, views: int, segment: Callable[[LabelledMicrograph], Segmentation]
) -> Iterator[Segmented]:
    """Micrographs of a stage and what a segmenter finds in them, `views` of each specimen, one view in memory."""
    for view in range(views):
        for micrograph in track(data.micrographs(stage, view), f"Cutting particles, view {view + 1} of {views}"):
            yield micrograph, segment(micrograph)


def study(
    config: DictConfig, learn: Iterable[Segmented], test: Iterable[Segmented], folder: Path, run: Run
) -> tuple[dict[str, float], pd.Series]:
    """Fit the forest, save it in `model`, score it and the references, and write figures and tables.

    Args:
        config: With `features`, `forest`, `references`, `folds` and `seed`.
        learn: Micrographs with what a network that never saw their specimens found in them.
        test: The same of other specimens, for the score alone.
        folder: Folder of the run.
        run: Run that metrics and tables are logged to.

    Returns:
        The metrics, and the class of every test particle.
    """
    features = build(config.features)
    recipe: Recipe = build(config.forest)
    references: dict[str, Reference] = {name: build(node) for name, node in config.get("references", {}).items()}
    sets = {OWN: features} | {name: r.features for name, r in references.items() if r.features}
    tables, unseen = describe(learn, sets), describe(test, sets | {TRUE_MASKS: features})
    table, particles = tables[OWN], unseen[OWN]

    crossed = cross_validate(recipe.fit, table, config.folds, config.seed)
    forest: Forest = recipe.fit(table)
    forest.save(folder / "model")
    given = forest.probabilities(particles)
    classes = forest.classes(given)
    answered = classes != UNCERTAIN
    of_truth = unseen[TRUE_MASKS]
    metrics: dict[str, float] = {}
    for stage, rows, probabilities in (
        ("cv", table, crossed),
        ("test", particles, given),
        (TRUE_MASKS, of_truth, forest.probabilities(of_truth)),
        ("answered", particles[answered], given[answered]),
    ):
        values = score(rows["label"], probabilities, rows["group"], forest.costs)
        metrics |= {f"{stage}/{name}": value for name, value in values.items()}
    metrics |= {"test/coverage": float(answered.mean()), "least_confidence": forest.least_confidence}
    metrics |= {"oob_accuracy": forest.oob_accuracy, "bytes": float(_size(folder / "model"))}
    for name, reference in references.items():
        metrics |= _compared(name, reference, tables, unseen, crossed, given, recipe, config)
    run.log_metrics(metrics)
    _draw(forest, table, crossed, particles, given, folder, run)
    compared = {"": "forest"} | {f"{name}/": name.replace("_", " ") for name in references}
    save(figures.references(metrics, compared), folder / "figures" / "references.png")
    rows = particles.join(given.add_prefix("p_")).assign(**{"class": classes})
    for name, content in (("forest_table", table), ("test_particles", rows)):
        run.log_csv(folder / f"{name}.csv", content)
    return {f"forest/{k}": v for k, v in metrics.items()}, classes


def describe(segmented: Iterable[Segmented], sets: dict[str, Features]) -> Tables:
    """The particle table under every feature set; `TRUE_MASKS` is that of the true particles, as if all were found."""
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in sets}
    for micrograph, found in segmented:
        for name, features in sets.items():
            cut = micrograph.instances if name == TRUE_MASKS else found.instances
            rows[name].append(particle_rows(micrograph, cut, found.probabilities, features))
    return {name: stacked(tables) for name, tables in rows.items()}


def _compared(
    name: str,
    reference: Reference,
    tables: Tables,
    unseen: Tables,
    crossed: pd.DataFrame,
    given: pd.DataFrame,
    recipe: Recipe,
    config: DictConfig,
) -> dict[str, float]:
    """A reference in the same folds and on the same test particles, and the forest's lead, paired by specimen."""
    of = name if reference.features else OWN
    table, particles = tables[of], unseen[of]
    costs, rival = recipe.costs, reference.recipe
    own_crossed = cross_validate(rival.fit, table, config.folds, config.seed)
    own_given = rival.fit(table).probabilities(particles)
    metrics: dict[str, float] = {}
    for stage, rows, ours, theirs in (("cv", table, crossed, own_crossed), ("test", particles, given, own_given)):
        values = score(rows["label"], theirs, costs=rival.costs)
        metrics |= {f"{stage}/{name}/{k}": v for k, v in values.items() if k in SHOWN}
        lead = paired_test(_right_by_specimen(rows, ours, costs), _right_by_specimen(rows, theirs, rival.costs))
        metrics |= {f"{stage}/lead_over_{name}{end}": lead[k] for k, end in LEAD.items()}
    return metrics


SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "fault_f1", "ece")
LEAD = {"difference": "", "low": "_low", "high": "_high", "p": "_p"}


def _right_by_specimen(table: pd.DataFrame, probabilities: pd.DataFrame, costs: Costs) -> Any:
    """Share of right answers of each specimen, (specimens,)."""
    right = decide(probabilities, costs)["class"].to_numpy() == table["label"].to_numpy()
    return pd.Series(right.astype(float)).groupby(table["group"].to_numpy()).mean().to_numpy()


def _draw(
    forest: Forest,
    table: pd.DataFrame,
    crossed: pd.DataFrame,
    particles: pd.DataFrame,
    given: pd.DataFrame,
    folder: Path,
    run: Run,
) -> None:
    """The figures, and as tables what they show."""
    curves = {"cv": (table["label"], crossed), "test": (particles["label"], given)}
    for name, (labels, guesses) in curves.items():
        figure = figures.confusion(confusion(labels, guesses, forest.costs), f"Random forest, {name}")
        save(figure, folder / "figures" / f"confusion_{name}.png")
    by_family = family_importance(forest, particles, FEATURE_FAMILIES)
    chance = fault_chance(particles, decide(given, forest.costs)["class"], EDGES)
    risk = {name: risk_coverage(*pair, forest.costs) for name, pair in curves.items()}
    counts = {name: reliability(*pair, forest.costs) for name, pair in curves.items()}
    drawn = {
        "fault_curves": figures.fault_curves({name: fault_curves(*pair) for name, pair in curves.items()}),
        "forest_reliability": figures.reliability(counts),
        "risk_coverage": figures.risk_coverage(risk, forest.least_confidence),
        "importance": figures.importance(by_family),
        "fault_chance": figures.fault_chance(chance),
    }
    for name, figure in drawn.items():
        save(figure, folder / "figures" / f"{name}.png")
    run.log_table(by_family.reset_index(), "importance.json")
    run.log_csv(folder / "fault_chance.csv", chance)


EDGES = {
    "true_fault_snr": (0, 3, 5, 7, 10, 20, 1e3),
    "true_plane_tilt_deg": (0, 2, 5, 10, 20, 45, 90),
    "dose_e_per_nm2": (0, 2e4, 5e4, 1e5, 1e6),
    "true_diameter_nm": (0, 2, 3, 5, 8, 20),
}
"""Of the conditions that the chance to find a fault is broken down by."""


def _size(model: Path) -> int:
    return sum(path.stat().st_size for path in model.glob("forest.*"))
