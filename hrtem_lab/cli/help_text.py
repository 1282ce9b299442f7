"""The answer to `--help`: how to call a command, its experiments, its settings and the options of its groups."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from hrtem_lab.cli.experiments import experiments, opening_comment


def text(doc: str, config_name: str, conf: Path) -> str:
    """Compose the help of a command.

    The explanation of a setting is the comment behind it, or above it, in the command's file. An experiment is listed
    where its opening comment, the lab-book entry, names this command or names none.

    Args:
        doc: Docstring of the command's main.
        config_name: File of `conf`, without suffix, that holds the command's settings.
        conf: Folder of the configuration.
    """
    call = f"python -m hrtem_lab.{config_name}"
    file = conf / f"{config_name}.yaml"
    experiment_lines = _experiments(conf, call)
    settings = _settings(file)
    needed = " ".join(key.replace("???", "...") for key in settings if key.endswith("=???"))
    example = "quickstart" if "quickstart" in experiment_lines else next(iter(experiment_lines), None)
    start = needed or (f"+experiment={example}" if example else "KEY=VALUE")
    forms = {
        f"{call} {start}": "",
        f"{call} {start} --cfg job": "show the whole configuration and stop",
        f"{call} {start} KEY=1,2 -m": "run once for each value",
    }
    sections = [
        inspect.cleandoc(doc),
        "\n".join(opening_comment(file)) if file.exists() else "",
        _table("Usage", forms),
        _table("Experiments (+experiment=NAME)", experiment_lines),
        _table(f"Settings (KEY=VALUE; conf/{config_name}.yaml)", settings),
        _table("Groups (GROUP=OPTION; the files of conf/GROUP; * is the default)", _groups(file)),
    ]
    return "\n\n".join(section for section in sections if section)


def _experiments(conf: Path, call: str) -> dict[str, str]:
    """Name -> first line of the comment, for every experiment of a command."""
    lines = {}
    for name, line in experiments(conf).items():
        entry = " ".join(opening_comment(conf / "experiment" / f"{name}.yaml"))
        if call in entry or "python -m" not in entry:
            lines[name] = line
    return lines


def _settings(file: Path) -> dict[str, str]:
    """`key=value` -> comment, for every single value at the top of a file."""
    settings: dict[str, str] = {}
    above = ""
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        if match := re.fullmatch(r"(\w+): +([^#\s].*?)(?:\s+#\s*(.*))?", line):
            settings[f"{match[1]}={match[2]}"] = match[3] or above
        above = line.lstrip("# ") if line.startswith("#") else ""
    return settings


def _groups(file: Path) -> dict[str, str]:
    """Group -> its options, the chosen one starred, for every group in a file's defaults list."""
    from omegaconf import DictConfig, OmegaConf

    groups: dict[str, str] = {}
    content = OmegaConf.load(file) if file.exists() else OmegaConf.create()
    for entry in OmegaConf.select(content, "defaults", default=()):
        for key, chosen in entry.items() if isinstance(entry, DictConfig) else []:
            group = str(key).split()[-1].split("@")[0].lstrip("/")
            options = sorted(option.stem for option in (file.parent / group).glob("*.yaml"))
            default = [chosen] if isinstance(chosen, str | None) else list(chosen)
            if options and group != "experiment":
                groups[group] = ", ".join(f"{option}*" if option in default else option for option in options)
    return groups


def _table(title: str, rows: dict[str, str]) -> str:
    """A titled list in two columns; nothing where there are no rows."""
    width = max(map(len, rows), default=0)
    lines = [f"  {key:{width}}  {value}".rstrip() for key, value in rows.items()]
    return "\n".join([f"{title}:", *lines]) if rows else ""
