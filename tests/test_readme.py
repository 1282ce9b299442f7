"""What the documentation tells people to type is understood, its links and tables are right, and its site builds."""

import importlib.util
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted(PROJECT.glob("docs/**/*.md")),
    *sorted(PROJECT.glob("experiments/**/README.md")),
    *sorted(PROJECT.glob("examples/*.md")),
    *sorted(PROJECT.glob("models/*/README.md")),
    PROJECT / "findings" / "README.md",
]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS = sorted(
    {
        re.sub(r"\s+#.*", "", line).strip()
        for line in [
            *re.findall(r"python -m (hrtem_lab\.[^`\n|]+)", TEXT),
            *(f"hrtem_lab.{call}" for call in re.findall(r"\bhrtem-lab (\w[^`\n|]+)", TEXT)),
        ]
        if "--help" not in line and "<" not in line and "..." not in line
    }
)
TARGETS = sorted(set(re.findall(r"(?:^|`)(?:    )?make(?: [A-Z]+=\S+)* ([a-z]+)\b", TEXT, re.MULTILINE)))
INDEX_HOSTS = ("pypi.org", "pythonhosted.org", "download.pytorch.org", "anaconda.org", "index-url")


def load(script: str):
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(script, PROJECT / "docs" / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(command: str) -> list[str]:
    """A command as a shell reads it, without its own `--cfg`; of a grid (`seed=1,2,3 -m`), the first values."""
    call = [word for word in shlex.split(command) if word not in ("--cfg", "job")]
    if "-m" in call:
        call = [re.sub(r"=([^,\[]+),.*", r"=\1", word) for word in call if word != "-m"]
    return [*call, "--cfg", "job"]


def test_there_is_something_to_try():
    assert any("train" in command for command in COMMANDS)
    assert any("predict" in command for command in COMMANDS)
    assert {"demo", "test", "docs"} <= set(TARGETS)


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Compose a command in an empty folder, which it must leave empty, and give the configuration that it shows.

    It runs in this process, as `python -m` runs it: to start Python for each command takes many times as long.
    """

    def composed(call: list[str]) -> dict:
        folder = tmp_path / "empty"
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", call)
        monkeypatch.delitem(sys.modules, call[0], raising=False)
        handler = signal.getsignal(signal.SIGTERM)
        code: object = 0
        try:
            runpy.run_module(call[0], run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            code = stop.code
        finally:
            signal.signal(signal.SIGTERM, handler)
        shown = capsys.readouterr()
        assert not code, shown.err
        assert list(folder.iterdir()) == []
        return yaml.safe_load(shown.out)

    return composed


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_documentation_composes(command: str, compose):
    assert compose(words(command)).keys() & {"features", "data", "library", "output", "run", "folder", "host"}


def test_a_command_composes_in_a_process_of_its_own(tmp_path: Path):
    call = words(next(command for command in COMMANDS if "predict" in command))
    done = subprocess.run([sys.executable, "-m", *call], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "output" in yaml.safe_load(done.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_make_target_of_the_documentation_exists(target: str):
    done = subprocess.run(["make", "-n", "-C", str(PROJECT), target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_screen_holds_the_two_commands():
    first = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()[:25]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)


def test_the_readme_is_short():
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_every_file_that_the_documentation_links_to_is_there():
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_a_page_cites_public_sources_and_no_index(page: Path):
    text = page.read_text(encoding="utf-8")
    assert "../shared" not in text
    assert not [host for host in INDEX_HOSTS if host in text]


@pytest.mark.parametrize("page", load("tables").pages(), ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_tables_that_stand_on_several_pages_are_up_to_date(page: Path):
    text = page.read_text(encoding="utf-8")
    assert load("tables").fill(text) == text, "run python docs/tables.py"


def test_the_sample_has_a_calibration_and_no_other_file_is_taken_for_a_micrograph():
    from hrtem_lab.files import find_inputs, find_label, read

    inputs = find_inputs(PROJECT / "examples")
    assert list(inputs) == ["lb_au10nm_114"]
    assert find_label(inputs["lb_au10nm_114"]) == PROJECT / "examples" / "lb_au10nm_114_label.png"
    (micrograph,) = read(inputs["lb_au10nm_114"])
    assert (micrograph.image.shape, micrograph.pixel_size_nm) == ((256, 256), pytest.approx(0.02))


def test_the_example_of_the_python_api_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)  # the example saves a picture
    page = (PROJECT / "docs" / "python-api.md").read_text(encoding="utf-8")
    names = {"__name__": "example"}  # a page is read from above: later examples go on with earlier ones
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "python-api.md", "exec"), names)
    assert "equivalent_diameter_nm" in capsys.readouterr().out


def test_the_network_of_the_documentation_can_be_trained():
    """The file that shows how to add a network has what one in `conf/net` has."""
    import torch
    from omegaconf import OmegaConf

    from hrtem_lab.cli.build import build

    page = (PROJECT / "docs" / "train.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert text.splitlines()[0] == "# @package model.net"
    with torch.inference_mode():
        logits = build(OmegaConf.create(text)).eval()(torch.zeros(1, 1, 64, 64))
    assert logits.shape == (1, 2, 64, 64)


def test_the_commands_that_draw_the_picture_of_statistics_compose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose
):
    calls = []
    script = load("statistics")
    monkeypatch.setattr(script, "run", lambda command, *settings: calls.append([f"hrtem_lab.{command}", *settings]))
    with pytest.raises(FileNotFoundError):  # it goes on with pictures that nothing has drawn here
        script.main(tmp_path)
    assert [call[0] for call in calls][-1] == "hrtem_lab.statistics"
    for call in calls:
        assert compose([*call, "--cfg", "job"])["output"]


def test_the_picture_of_visibility_begins_with_a_fault_that_everybody_sees():
    image, instances, ground_truth = load("visibility").simulate_image()
    assert image.shape == instances.shape
    assert ground_truth["label"] == "fault"


def test_the_citation_names_the_software_and_the_paper():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["license"] == "GPL-3.0-or-later"
    assert [reference["doi"] for reference in citation["references"]] == ["10.1017/S1431927621000386"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    call = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_has_a_page_for_each_of_its_files(site: Path):
    for page in PAGES:
        if page != PROJECT / "README.md":
            name = page.relative_to(PROJECT).as_posix().removeprefix("docs/").replace("README.md", "index.md")
            assert (site / name).with_suffix(".html").is_file(), name


def test_the_site_loads_nothing_from_outside(site: Path):
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"(https?:)?//", page.read_text())
        assert not loaded, page
