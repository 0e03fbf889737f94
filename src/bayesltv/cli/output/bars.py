"""Progress bars on stderr, which show themselves only in a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from bayesltv.cli.manner import is_quiet
from bayesltv.jobs.asked import Listeners
from bayesltv.languages.language import tr

WIDTH = 18
"""Of the bar itself: with a million customers to count the line fits 80 columns."""


class Count(ProgressColumn):
    """How many are done, and of how many once that is known; nothing before the first."""

    def render(self, task: Task) -> Text:
        """Return "1,200 of 5,000 customers", "1,200 rows", or nothing."""
        what = task.fields["what"]
        if task.total is not None:
            return Text(
                tr(
                    "{done:,} of {total:,} {what}",
                    done=int(task.completed),
                    total=int(task.total),
                    what=tr(what),
                )
            )
        return Text(f"{int(task.completed):,} {tr(what)}" if task.completed else "")


@contextmanager
def scoring_bar() -> Iterator[Listeners]:
    """Yield those who tell a bar how far the rows and the customers are."""
    with _bar(tr("reading"), "rows") as (progress, task):
        yield Listeners(
            lambda rows: progress.update(task, advance=rows),
            lambda total: progress.reset(
                task, total=total, completed=0, description=tr("scoring"), what="customers"
            ),
            lambda done: progress.update(task, advance=done),
        )


@contextmanager
def summary_bar() -> Iterator[Callable[[int], None]]:
    """Yield what tells a bar of customers that were summarized."""
    with _bar(tr("reading the log"), "customers") as (progress, task):
        yield lambda done: progress.update(task, advance=done, description=tr("summarizing"))


@contextmanager
def _bar(title: str, what: str, console: Console | None = None) -> Iterator[tuple[Progress, TaskID]]:
    stderr = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(WIDTH), Count(), TimeRemainingColumn())
    is_off = is_quiet() or not stderr.is_terminal
    with Progress(*columns, console=stderr, disable=is_off, transient=True) as progress:
        yield progress, progress.add_task(title, total=None, what=what)
