"""Shows how far long work is: a bar on a terminal, a line for each stage elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from worlds.world import OnProgress
from worlds.world import Progress as Step


@contextmanager
def shown(console: Console) -> Iterator[OnProgress]:
    """Yield what to tell of progress; the stages and how long each took stay on the screen."""
    bars = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=console,
    )
    stages: dict[str, TaskID] = {}

    def on_progress(step: Step) -> None:
        stage, _, detail = step.stage.partition(": ")
        if stage not in stages:
            for task in bars.tasks:
                bars.update(task.id, total=1.0, completed=1.0)
            stages[stage] = bars.add_task(stage, total=1.0)
            if not console.is_terminal:
                console.print(f"{stage} ...")
        description = f"{stage}: {detail}" if detail else stage
        # Without a share of the work the bar pulses rather than stand at nothing.
        total = 1.0 if step.done else None
        bars.update(stages[stage], description=description, completed=step.done, total=total)

    if not console.is_terminal:
        yield on_progress
        return
    with bars:
        yield on_progress
        for task in bars.tasks:
            bars.update(task.id, total=1.0, completed=1.0)
