"""The words of a command line, before Hydra reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hrtem_lab.cli.config_keys import is_path

VALUED_OPTIONS = (
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--experimental-rerun"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
)
"""Options of Hydra that the next word may belong to."""

OPTIONS = (
    *VALUED_OPTIONS,
    *("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"),
    *("--shell-completion", "-sc"),
)
"""Every option of Hydra."""


def quoted(word: str, conf: Path) -> str:
    """A word, its value quoted where it is a path: any file name that the shell can pass is then taken as it is.

    Quotes of the user's own, `null`, and the name of a group's option stay what they are. `~/` becomes the home folder,
    since a shell leaves it alone behind a `=`. `${` loses the meaning of an interpolation.
    """
    match = re.fullmatch(r"(\+{0,2}([\w.]+)=)(.*)", word, re.DOTALL)
    if match is None or not is_path(match[2]) or (conf / match[2]).is_dir():
        return word
    value = match[3]
    if value == "null" or (len(value) > 1 and value[0] == value[-1] and value[0] in "'\""):
        return word
    if value == "~" or value.startswith("~/"):
        value = os.path.expanduser(value)
    return match[1] + quote(value)


def quote(value: str) -> str:
    """Text as Hydra and OmegaConf read it literally."""
    from hydra.core.override_parser.types import Quote, QuotedString

    # OmegaConf reads \${ as the two characters, and halves the backslashes before them
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", value)
    return QuotedString(literal, Quote.double).with_quotes()


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Options of Hydra, with what belongs to them, and the overrides; Hydra's parser wants each kind in one piece."""
    options: list[str] = []
    overrides: list[str] = []
    for word in words:
        if word.startswith("-") or (options and options[-1] in VALUED_OPTIONS and "=" not in word):
            options.append(word)
        else:
            overrides.append(word)
    return [option for option in options if option != "--"], overrides
