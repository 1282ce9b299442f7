"""Arguments of a command line, before Hydra reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hrtem_lab.cli.config_keys import is_path
from hrtem_lab.saved_settings import current_key

VALUED_OPTIONS = (
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--experimental-rerun"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
)
"""Options of Hydra that the next argument may belong to."""

OPTIONS = (
    *VALUED_OPTIONS,
    *("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"),
    *("--shell-completion", "-sc"),
)
"""Every option of Hydra."""


def rename(argument: str) -> str:
    """Return an override with the present name of its key; any other argument stays what it is."""
    match = re.fullmatch(r"([+~]{0,2})([\w./@]+)(=.*|)", argument, re.DOTALL)
    return argument if match is None else match[1] + current_key(match[2]) + match[3]


def quote_path(argument: str, conf: Path) -> str:
    """Quote the value of an argument where it is a path, so that any file name the shell can pass is taken literally.

    The user's own quotes, `null`, and the name of a group's option stay what they are. `~/` becomes the home folder,
    since a shell leaves it alone behind a `=`. `${` loses the meaning of an interpolation.

    Args:
        argument: Argument such as `input=a (1).tif`.
        conf: Folder of the configuration.
    """
    match = re.fullmatch(r"(\+{0,2}([\w.]+)=)(.*)", argument, re.DOTALL)
    if match is None or not is_path(match[2]) or (conf / match[2]).is_dir():
        return argument
    value = match[3]
    if value == "null" or (len(value) > 1 and value[0] == value[-1] and value[0] in "'\""):
        return argument
    if value == "~" or value.startswith(("~/", f"~{os.sep}")):
        value = os.path.expanduser(value)
    return match[1] + quote(value)


def quote(value: str) -> str:
    """Quote a text so that Hydra and OmegaConf read it literally."""
    from hydra.core.override_parser.types import Quote, QuotedString

    # OmegaConf reads \${ as the two characters, and halves the backslashes before them
    literal = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + "\\${", value)
    return QuotedString(literal, Quote.double).with_quotes()


def split_options(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split arguments into Hydra's options, with their values, and overrides: its parser wants each in one piece."""
    options: list[str] = []
    overrides: list[str] = []
    for argument in arguments:
        if argument.startswith("-") or (options and options[-1] in VALUED_OPTIONS and "=" not in argument):
            options.append(argument)
        else:
            overrides.append(argument)
    return [option for option in options if option != "--"], overrides
