"""The example notebook runs from its first cell to its last."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own packages
def test_the_notebook_runs_and_finds_the_particle():
    notebook = nbformat.read(EXAMPLES / "from_python.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    outputs = [cell.outputs[-1]["data"] for cell in notebook.cells if cell.cell_type == "code"]
    assert "equivalent_diameter_nm" in outputs[0]["text/plain"]
    assert "image/png" in outputs[1]
    left = ast.literal_eval(outputs[3]["text/plain"])
    assert left == {"found above": 0, "nm2": pytest.approx(256 * 128 * 0.02**2)}
