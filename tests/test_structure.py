"""The structure of the package: who imports whom, what the configuration names, and what may not be there at all."""

import ast
import importlib
import importlib.metadata
import inspect
import itertools
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "hrtem_lab"
CONF = PROJECT / "conf"

CONCEPTS = {
    "micrograph",
    "paths",
    "interrupts",
    "progress",
    "fingerprint",
    "atomic_write",
    "image",
    "saved_settings",
    "particle_facts",
    "plural",
    "processes",
    "void",
}
"""Small modules that every subpackage may use."""
GROUND = CONCEPTS | {"files", "physics", "particles", "evaluation"}
LEARNING = GROUND | {"segmentation", "defects"}
ALLOWED_IMPORTS: dict[str, set[str]] = {
    # importer -> subpackages that it may import, and libraries that only some may; the longest name that fits counts
    **{name: {"micrograph"} for name in CONCEPTS},
    "processes": {"micrograph", "interrupts", "paths", "progress", "distributed"},
    "files": CONCEPTS | {"PIL", "h5py", "pycocotools", "roifile", "rsciio", "tifffile", "zarr"},
    "physics": CONCEPTS | {"abtem", "ase", "distributed", "zarr"},
    "physics.microscope": CONCEPTS | {"torch"},
    "particles": CONCEPTS,
    "evaluation": CONCEPTS,
    "segmentation": GROUND | {"PIL", "torch"},
    "segmentation.classical": GROUND | {"sklearn"},
    "defects": GROUND | {"sklearn"},
    "analysis": LEARNING | {"distributed"},
    "cli": {"hydra", "omegaconf"} | CONCEPTS,
    "figures": LEARNING | {"analysis", "matplotlib", "jinja2"},
    "tracking": LEARNING | {"analysis", "mlflow"},
    "pipelines": LEARNING | {"analysis", "figures", "tracking", "cli", "omegaconf"},
    "service": LEARNING | {"analysis", "figures", "tracking", "cli", "omegaconf", "fastapi", "starlette", "uvicorn"},
    "service.mlflow_model": LEARNING | {"mlflow"},
    "service.mlflow_export": LEARNING | {"tracking", "cli", "omegaconf", "mlflow"},
    "search": LEARNING | {"figures", "tracking", "pipelines", "cli", "optuna", "omegaconf"},
    "__init__": {"analysis", "figures", "files", "micrograph"},
    "a command": {"cli", "pipelines", "search", "service", "omegaconf"},
}
EMPTY_NAMES = {"utils", "helpers", "common", "base", "core", "misc"}

INDIRECTLY_USED = {
    "imagecodecs": "tifffile decompresses with it",
    "safetensors": "segmentation-models-pytorch writes and reads weights with it",
    "sparse": "RosettaSciIO reads spectrum images with it",
    "torchvision": "segmentation-models-pytorch runs its compiled operators",
    "cmaes": "Optuna's sampler of this name calls it",
    "plotly": "Optuna draws its pages with it",
}
"""Dependencies that no line of the package imports, and who needs them."""
BROUGHT_ALONG = {
    "contourpy": "matplotlib draws contours with it and brings the one it fits",
    "omegaconf": "hydra-core brings the one it fits",
    "requests": "pooch brings the one it fits",
    "starlette": "FastAPI is built on it and brings the one it fits",
    "platformdirs": "pooch brings it, and keeps its files where it says",
    "sqlalchemy": "Optuna and MLflow bring the one they fit",
    "yaml": "OmegaConf brings the one it fits",
}
"""Packages that are imported and no dependency of ours, and who brings them."""


def module_name(file: Path) -> str:
    """The dotted name of a module below the package."""
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


def subpackage(module: str) -> str:
    """The entry of ALLOWED_IMPORTS that a module belongs to."""
    parents = [module[: len(name)] for name in ALLOWED_IMPORTS if module == name or module.startswith(f"{name}.")]
    return max(parents, key=len, default="a command")


def imports(source: str, module: str = "") -> Iterator[str]:
    """Every module that a source imports, be it inside a function or for its types only, as an absolute name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield ".".join(["hrtem_lab", *module.split(".")[: -node.level], *filter(None, [node.module])])
        elif isinstance(node, ast.ImportFrom) and node.module == "hrtem_lab":
            yield from (f"hrtem_lab.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def forbidden_imports(source: str, module: str) -> list[str]:
    """Imports of a module that ALLOWED_IMPORTS does not allow."""
    kept = set().union(*ALLOWED_IMPORTS.values())
    importer = subpackage(module)
    found = []
    for name in imports(source, module):
        top, _, below = name.partition(".")
        target = subpackage(below) if top == "hrtem_lab" and below else top
        allowed = ALLOWED_IMPORTS[importer] | {importer.split(".")[0]}
        restricted = (top == "hrtem_lab" and below != "") or target in kept
        if restricted and target not in allowed and target.split(".")[0] not in allowed:
            found.append(f"{module} ({importer}) imports {name}")
    return found


MODULES = sorted(PACKAGE.rglob("*.py"))
FILES = sorted(CONF.rglob("*.yaml"))


@pytest.mark.parametrize("file", MODULES, ids=module_name)
def test_a_module_imports_only_what_its_subpackage_may(file: Path) -> None:
    assert forbidden_imports(file.read_text(encoding="utf-8"), module_name(file)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("files.read", "import torch"),
        ("physics.specimen", "def f():\n    from torch import nn"),
        ("physics.microscope", "import zarr"),
        ("particles.measure", "from hrtem_lab.files import read"),
        ("particles.measure", "from hrtem_lab import files"),
        ("particles.measure", "from ..files import read"),
        ("segmentation.network_segmenter", "import hrtem_lab.defects.forest"),
        ("defects.forest", "from matplotlib import pyplot"),
        ("evaluation.counts", "from hrtem_lab.cli.command import build"),
        ("pipelines.train", "import sklearn.ensemble"),
        ("cli.command", "import hrtem_lab.train"),
        ("train", "from hrtem_lab.segmentation import unet"),
        ("train", "import mlflow"),
    ],
)
def test_a_forbidden_import_is_seen(module: str, source: str) -> None:
    assert forbidden_imports(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("physics.microscope", "import torch\nfrom hrtem_lab.physics.specimen import Range"),
        ("physics.image_simulator", "from hrtem_lab.physics import microscope"),
        ("pipelines.train", "from . import forest\nfrom hrtem_lab.defects import Forest"),
        ("train", "from hrtem_lab.cli.command import command\nimport hrtem_lab"),
        ("particles.measure", "import numpy, scipy\nfrom hrtem_lab.micrograph import Micrograph"),
    ],
)
def test_an_allowed_import_is_none(module: str, source: str) -> None:
    assert forbidden_imports(source, module) == []


def imported_modules(source: str, module: str, names: Iterable[str]) -> set[str]:
    """Those of `names` that a source imports; `from a import b` is of `a.b` where that is a module."""
    found = {name for name in imports(source, module) if name in names}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside.intersection(names)
            if inside.issubset(names):
                found.discard(node.module)
    return found


def test_no_import_leads_back_to_where_it_came_from() -> None:
    names = {f"hrtem_lab.{module_name(file)}".removesuffix(".__init__"): file for file in MODULES}
    graph = {
        name: imported_modules(file.read_text(encoding="utf-8"), module_name(file), names) - {name}
        for name, file in names.items()
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_no_module_has_an_empty_name() -> None:
    assert [file for file in PACKAGE.rglob("*") if file.stem in EMPTY_NAMES] == []


def test_what_is_imported_is_a_dependency_and_the_other_way_round() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["onnx"] + extras["fast"] + extras["serve"]
    declared = {re.split(r"[^\w-]", line)[0] for line in lines}
    named = [name for file in MODULES for name in imports(file.read_text(encoding="utf-8"), module_name(file))]
    named += [
        node["_target_"] for file in FILES for _, node in targets(yaml.safe_load(file.read_text(encoding="utf-8")))
    ]
    distributions = importlib.metadata.packages_distributions()
    used = {}
    for top in {name.partition(".")[0] for name in named} - {"hrtem_lab"}:
        if owners := {re.sub("[-_.]+", "-", owner).lower() for owner in distributions.get(top, ())}:
            used[top] = owners
    unused = declared - set().union(*used.values()) - INDIRECTLY_USED.keys()
    undeclared = {top for top, owners in used.items() if not owners & declared} - BROUGHT_ALONG.keys()
    assert (unused, undeclared) == (set(), set())


def test_no_file_is_too_big_for_git() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [PROJECT / name for name in listed.stdout.decode().split("\0") if name]
    assert [str(file) for file in files if file.is_file() and file.stat().st_size > 12e6] == []


# The configuration

COMMANDS = sorted(CONF.glob("*.yaml"))
CONTROL = {"_target_", "_partial_", "_args_", "_convert_", "_recursive_"}


def name(file: Path) -> str:
    return str(file.relative_to(CONF).with_suffix(""))


def targets(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node with a `_target_`, and where it is."""
    items: Iterable[tuple[Any, Any]] = enumerate(node) if isinstance(node, list) else ()
    if isinstance(node, dict):
        items = node.items()
        if "_target_" in node:
            yield where or "top", node
    for key, value in items:
        yield from targets(value, f"{where}.{key}".lstrip("."))


def refused(node: dict[str, Any], whole: bool) -> str | None:
    """Why the target of a node does not take its keys; `whole`: they also have to be all that it needs."""
    target = get_object(node["_target_"])
    if not callable(target):
        return f"{node['_target_']} cannot be called"
    keys = {key: value for key, value in node.items() if key not in CONTROL}
    try:
        signature = inspect.signature(target)
    except ValueError:  # some classes written in C have none
        return None
    bind = signature.bind if whole and not node.get("_partial_") else signature.bind_partial
    try:
        bind(*node.get("_args_", ()), **keys)
    except TypeError as error:
        return f"{node['_target_']}: {error}"
    return None


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_target_takes_the_keys_of_its_file(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content.pop("defaults", None)  # for Hydra
    assert [why for where, node in targets(content) if (why := refused(node, whole=False))] == []


def choices(command: Path) -> list[str]:
    """Every option of every group in a command's defaults, and every experiment that is for this command."""
    found: list[str] = []
    for entry in (yaml.safe_load(command.read_text(encoding="utf-8")) or {}).get("defaults", []):
        for key, chosen in entry.items() if isinstance(entry, dict) else ():
            key = key.split()[-1].lstrip("/")
            options = [file.stem for file in sorted((CONF / key.split("@")[0]).glob("*.yaml"))]
            found += [f"{key}=[{option}]" if isinstance(chosen, list) else f"{key}={option}" for option in options]
    for file in sorted((CONF / "experiment").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        named = set(re.findall(r"python -m hrtem_lab\.(\w+)", text))
        found += [f"+experiment={file.stem}"] if not named or command.stem in named else []
    return found


def composed(command: str, *overrides: str) -> Any:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(command, overrides=list(overrides))
    return plain(config)


def value(node: DictConfig, key: str) -> Any:
    try:
        return OmegaConf.select(node, key, throw_on_missing=False)
    except InterpolationToMissingValueError:
        return None


def plain(node: Any) -> Any:
    """A configuration as dicts and lists; what is missing or refers to what is missing becomes None."""
    if isinstance(node, DictConfig):
        return {key: plain(value(node, str(key))) for key in node}
    if isinstance(node, ListConfig):
        return [plain(value) for value in node]
    return node


@pytest.mark.parametrize(
    ("command", "override"),
    [(file.stem, override) for file in COMMANDS for override in ("", *choices(file))],
    ids=lambda value: value or "as it is",
)
def test_every_composed_target_has_what_it_needs(command: str, override: str) -> None:
    config = composed(command, *filter(None, [override]))
    assert [f"{where}: {why}" for where, node in targets(config) if (why := refused(node, whole=True))] == []


@pytest.mark.parametrize(
    ("node", "whole", "fine"),
    [
        ({"_target_": "difflib.SequenceMatcher", "a": "x"}, True, True),
        ({"_target_": "difflib.SequenceMatcher", "c": "x"}, False, False),
        ({"_target_": "difflib.get_close_matches", "word": "x"}, False, True),
        ({"_target_": "difflib.get_close_matches", "word": "x"}, True, False),
        ({"_target_": "difflib.get_close_matches", "word": "x", "_partial_": True}, True, True),
        ({"_target_": "difflib.get_close_matches", "_args_": ["x", []], "n": 1}, True, True),
        ({"_target_": "string.digits"}, False, False),
    ],
)
def test_a_key_that_does_not_fit_is_seen(node: dict[str, Any], whole: bool, fine: bool) -> None:
    assert (refused(node, whole) is None) is fine


@pytest.mark.parametrize("file", sorted((CONF / "experiment").glob("*.yaml")), ids=name)
def test_an_experiment_opens_with_its_entry_in_the_lab_book(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not re.match(r"#\s*@package", line)]
    assert lines[0].startswith("# ")
    assert len(lines[0]) > 20
    entry = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
    assert f"+experiment={file.stem}" in entry, (
        "the entry has to say the command; --help lists it under that command only"
    )


SCRIPTS = sorted([*(PROJECT / "experiments").rglob("*.py"), *(PROJECT / "benchmarks").rglob("*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.relative_to(PROJECT)))
def test_what_a_script_imports_from_the_package_is_there(script: Path) -> None:
    nodes = ast.walk(ast.parse(script.read_text(encoding="utf-8")))
    taken = [node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hrtem_lab")]
    for node in taken:
        module = importlib.import_module(str(node.module))
        assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
