"""The paragraph on the methods of a run, for a publication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hrtem_lab.pipelines.open_method import name_models
from hrtem_lab.segmentation.split import STAGES

VERSION = "version."
"""Beginning of the tags that hold the versions of packages."""
SCORING = (
    "Dice is that of the particle class, averaged over micrographs; undefined ratios are left out. Intervals are 95 %, "
    "from a bootstrap over groups with expanded percentiles; leads are paired by micrograph and tested by permutations "
    "that flip whole groups, with Holm's correction. Fewer than six groups get no interval."
)
FOREST = (
    "A random forest learned the classes of particles that {network} cut from specimens it was not trained on; it was "
    "cross-validated by specimen in {folds} folds and scored on the particles of the test specimens."
)


def describe_methods(
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    made_by: Mapping[str, str],
    has_forest: bool = False,
    finished_trials: int = 0,
) -> str:
    """Write what was done, with versions and digests.

    Args:
        config: Configuration of `train`, `evaluate`, `forest` or `sweep`.
        data: Name, digests and sides of the data, as `hrtem_lab.pipelines.training_data.log_data` notes them.
        made_by: Tags of `hrtem_lab.tracking.provenance.provenance`.
        has_forest: Whether a forest was fitted.
        finished_trials: Number of trials of a search that were completed.
    """
    if "sweep" in config:
        return f"{_describe_search(config, finished_trials)} {_describe_software(made_by)}"
    sentences = [
        _describe_trainings(config),
        _describe_sides(data) if data else "",
        _describe_training(config),
        _describe_methods(config),
        SCORING if data and "tuning_views" in config else "",
        _describe_forest(config) if has_forest else "",
        _describe_software(made_by),
        f"Digests: data {data['data.digest']}, split {data['split.digest']}." if data else "",
    ]
    return " ".join(filter(None, sentences))


def _describe_search(config: Mapping[str, Any], finished_trials: int) -> str:
    """State what was searched for, and how."""
    sampler, pruner = (str(config[part]["_target_"]).rpartition(".")[2] for part in ("sampler", "pruner"))
    goals = ", ".join([*config["sweep"]["maximize"], *config["sweep"]["minimize"]])
    return (
        f"Settings were searched for {goals}; {finished_trials} of {config['n_trials']} trials were completed (Optuna, "
        f"{sampler}, {pruner}). Test micrographs were not used."
    )


def _describe_trainings(config: Mapping[str, Any]) -> str:
    """State of how many trainings numbers are means, where there are several."""
    if config.get("matrix"):
        return "A network was trained in each domain and scored on the test side of all of them, paired by micrograph."
    key = next((key for key in ("seeds", "group_folds") if config.get(key)), "")
    kind = {"seeds": "under other seeds", "group_folds": "on other folds of the groups"}.get(key, "")
    return f"Numbers are means of {config[key]} trainings {kind}; intervals over them are Student's." if key else ""


def _describe_sides(data: Mapping[str, Any]) -> str:
    """State how many specimens or micrographs are on which side."""
    unit = "simulated specimens" if data["name"] == "SimulatedData" else "labelled micrographs"
    train, validation, test = (data["sides"][stage] for stage in STAGES)
    if not train and not validation:
        return f"{test} {unit} were scored; nothing was learned from or tuned on them."
    sides = f"{train} {unit} were there to learn from, {validation} to tune on and {test} to score"
    return f"{sides}; no group is on two sides."


def _describe_training(config: Mapping[str, Any]) -> str:
    """State which network learned, and for how long."""
    model = config["model"]
    if not isinstance(model, Mapping):  # the path of one that was trained before
        return ""
    net, optimizer = model["net"], str(model["optimizer"]["_target_"]).rpartition(".")[2]
    kind = " with ".join(filter(None, [str(net["_target_"]).rpartition(".")[2], net.get("encoder_name")]))
    begun = f", begun with the weights of {config['start']}" if config["start"] else ""
    return (
        f"A network ({kind}) learned for {config['trainer']['max_epochs']} epochs of {config['data']['samples']} "
        f"images in batches of {config['data']['batch_size']} ({optimizer}){begun}."
    )


def _describe_methods(config: Mapping[str, Any]) -> str:
    """State which models were scored, and which methods besides the network were tuned."""
    names = ", ".join(config.get("methods") or {})
    tuned = f"Tuned on the validation side: {names}." if names else ""
    if "models" not in config:
        return tuned
    models = name_models(config["model"], config["models"] or {}, bool(names))
    scored = ", ".join(f"{name} ({model})" for name, model in models.items())
    return f"Scored: {scored}. {tuned}".strip() if scored else tuned


def _describe_forest(config: Mapping[str, Any]) -> str:
    """State what the forest learned from, and how it was scored."""
    model = config["model"]
    network = "the network" if isinstance(model, Mapping) else f"the network of {model or 'models/default'}"
    return FOREST.format(network=network, folds=config["folds"])


def _describe_software(made_by: Mapping[str, str]) -> str:
    """State the versions that were used."""
    versions = ", ".join(
        f"{name.removeprefix(VERSION)} {version}" for name, version in made_by.items() if name.startswith(VERSION)
    )
    return f"Software: {versions}, Python {made_by['python']}."
