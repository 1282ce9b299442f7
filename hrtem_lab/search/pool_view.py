"""Terminal display while workers run trials: the state of the study, and a line for each worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from hrtem_lab.cli.progress import console
from hrtem_lab.search.messages import EpochEnded, TrialEnded, TrialStarted, WorkerMessage
from hrtem_lab.search.study import SharedStudy

UNSCORED = {"PRUNED": "pruned", "FAIL": "failed"}
"""State of a trial without a result -> how it is shown."""


class PoolView(Progress):
    """Live display of a worker pool; use it as a context manager.

    Args:
        objective_names: Names of the objectives.
        n_trials: Number of trials that the study needs.
    """

    def __init__(self, objective_names: Sequence[str], n_trials: int) -> None:
        self.objective_names, self.n_trials = objective_names, n_trials
        self.study_status = ""
        self.trial_seconds: list[float] = []
        self._task_ids: dict[int, TaskID] = {}
        super().__init__(  # which renders for the first time
            TextColumn("worker {task.fields[worker]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[status]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=4,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Render the line of the study above those of the workers."""
        yield Text(self.study_status, no_wrap=True, overflow="ellipsis")
        yield self.make_tasks_table(self.tasks)

    def add_worker(self, worker: int) -> None:
        """Show a worker that starts."""
        self._task_ids[worker] = self.add_task("starting", total=None, worker=worker, status="")

    def remove_worker(self, worker: int) -> None:
        """Show a worker no longer."""
        self.remove_task(self._task_ids.pop(worker))

    def show_message(self, worker: int, message: WorkerMessage) -> None:
        """Show what a worker reports."""
        task = self._task_ids[worker]
        match message:
            case TrialStarted():
                self.reset(task, description=f"trial {message.trial}", worker=worker, status="")
            case EpochEnded():
                value = "" if message.value is None else f", {self.objective_names[0]} {message.value:.4f}"
                status = f"epoch {message.epoch}/{message.n_epochs}{value}"
                # one step more than epochs: the bar is full, and the clock stops, when the trial has been scored, too
                self.update(task, completed=message.epoch, total=message.n_epochs + 1, status=status)
            case TrialEnded():
                self.trial_seconds.append(message.seconds)
                result = self._format(message.values) if message.values else UNSCORED[message.state]
                self.reset(task, description="waiting", worker=worker, status="")
                console.print(f"trial {message.trial}: {result}, {message.seconds:.0f} s", highlight=False)

    def show_study(self, study: SharedStudy) -> None:
        """Show the state of the study: trials that are done, the best one, and the time left."""
        finished, n_failures = study.finished_trials(), study.n_failures()
        n_pruned = sum(trial.state.name == "PRUNED" for trial in finished)
        parts = [f"{len(finished)} of {self.n_trials} trials done"]
        parts += [f"{n_pruned} pruned"] if n_pruned else []
        parts += [f"{n_failures} failed"] if n_failures else []
        if best := study.best_trials():
            label = f"{len(best)} on the Pareto front, one" if len(best) > 1 else "best"
            parts.append(f"{label} {self._format(best[0].values)} (trial {best[0].number})")
        n_left = self.n_trials - len(finished)
        if n_left > 0 and self.trial_seconds and self._task_ids:
            mean_seconds = sum(self.trial_seconds) / len(self.trial_seconds)
            seconds_left = n_left * mean_seconds / len(self._task_ids)
            parts.append(f"about {format_minutes(seconds_left)} left")
        self.study_status = ", ".join(parts)

    def _format(self, values: Sequence[float]) -> str:
        pairs = zip(self.objective_names, values, strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in pairs)


def format_minutes(seconds: float) -> str:
    """Format a duration in hours and minutes, such as `1 h 5 min`."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
