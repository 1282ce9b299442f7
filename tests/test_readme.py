"""What the documentation tells people to type is understood."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted(PROJECT.glob("docs/*.md")),
    *sorted(PROJECT.glob("experiments/*/README.md")),
]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS = sorted(
    {
        re.sub(r"\s+#.*", "", line)
        for line in re.findall(r"python -m (hrtem_lab\.[^`\n]+)", TEXT)
        if "--help" not in line and "<" not in line
    }
)
TARGETS = sorted(
    set(re.findall(r"\bmake ([a-z]+)\b(?= |`|\n)", TEXT)) & {"demo", "test", "ui", "check", "clean", "lock"}
)


def test_there_is_something_to_try():
    assert any("train" in words for words in COMMANDS)
    assert any("predict" in words for words in COMMANDS)
    assert {"demo", "test"} <= set(TARGETS)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_documentation_composes(words: str, tmp_path: Path):
    call = [word for word in shlex.split(words) if word not in ("-m", "--cfg", "job")]
    done = subprocess.run(
        [sys.executable, "-m", *call, "--cfg", "job"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    # a grid (`seed=1,2,3 -m`) has no single configuration to show: its first value stands for it
    if "choice sweep" in done.stderr or "=1,2" in words:
        call = [re.sub(r"=(\w+),.*", r"=\1", word) for word in call]
        done = subprocess.run(
            [sys.executable, "-m", *call, "--cfg", "job"], capture_output=True, text=True, check=False, cwd=tmp_path
        )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout).keys() & {"features", "data", "library", "output"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_make_target_of_the_documentation_exists(target: str):
    done = subprocess.run(["make", "-n", "-C", str(PROJECT), target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_screen_holds_the_two_commands():
    first = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()[:25]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)


def test_every_file_that_the_documentation_links_to_is_there():
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
