"""A view of the runs of a comparison that MLflow's pages open by a link: the columns and the bar charts that matter."""

from __future__ import annotations

import json
from typing import Any

import mlflow

from hrtem_lab.tracking.runs import Run

COLUMNS = ("dice", "lead", "lead_p_holm", "object_f1", "size_bias_nm")
"""Metrics that are columns; MLflow shows them in the order of the alphabet."""
CHARTS = ("dice", "object_f1")
"""Metrics that are bar charts, in order."""
SHARED_VIEW = "mlflow.sharedViewState."
"""Beginning of the tag of an experiment under which MLflow keeps a view that was shared."""


def store_comparison_view(run: Run, set_name: str = "test") -> str:
    """Store a view of the child runs of a run with its experiment.

    Args:
        run: Parent run, MLflow's active one.
        set_name: Name of the set of micrographs whose metrics are shown.

    Returns:
        The place of the view below the address of the server, such as `#/experiments/1/runs?viewStateShareKey=...`.
    """
    active = mlflow.active_run()
    assert active is not None, "the parent run is active while its methods are scored"
    experiment_id = active.info.experiment_id
    key = f"comparison-{run.id[:12]}"
    state = json.dumps(view_state(run.id, set_name))
    run.send("experiment_tag", experiment_id=experiment_id, key=f"{SHARED_VIEW}{key}", value=state)
    place = f"#/experiments/{experiment_id}/runs?viewStateShareKey={key}"
    run.set_tags({"comparison.view": place})
    return place


def newest_view() -> tuple[str, str] | None:
    """Places of the view that was stored last in the current store, and of its run's report; None without a view."""
    found = mlflow.search_runs(
        search_all_experiments=True,
        filter_string="tags.`comparison.view` LIKE '#%'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    if not found:
        return None
    run = found[0].info
    report = f"#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/report.html"
    return str(found[0].data.tags["comparison.view"]), report


def view_state(run_id: str, set_name: str) -> dict[str, Any]:
    """State of MLflow's page of runs: the child runs of a run, the best first, their metrics, and charts of them."""
    charts = [
        {
            "type": "BAR",
            "uuid": f"{set_name}-{metric}",
            "metricSectionId": set_name,
            "isGenerated": False,
            "deleted": False,
            "runsCountToCompare": 20,
            "metricKey": f"{set_name}/{metric}",
        }
        for metric in CHARTS
    ]
    return {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{run_id}'",
        "orderByKey": f"metrics.`{set_name}/dice`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [f"metrics.`{set_name}/{metric}`" for metric in COLUMNS],
        "runsExpanded": {run_id: True},
        "runsPinned": [],
        "runsHidden": [],
        "runsHiddenMode": "FIRST_20_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,  # or MLflow sorts the sections by name, and its own come first
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "hideEmptyCharts": True,
        "compareRunCharts": charts,
        "compareRunSections": [{"uuid": set_name, "name": "Comparison", "display": True, "isReordered": True}],
    }
