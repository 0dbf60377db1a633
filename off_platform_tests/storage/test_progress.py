"""What a person reads about how far the work is."""

import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from off_platform.cli.progress_bar import BarDisplay, terminal_display
from off_platform.storage import progress
from off_platform.storage.progress import LogDisplay, Tally


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        """Starts at some moment."""
        self.now = 1000.0

    def monotonic(self) -> float:
        """The moment, in seconds."""
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all that is shown."""
    stopped = Clock()
    monkeypatch.setattr(progress, "time", stopped)
    return stopped


def tally_after(seconds: float, **values: int | str | None) -> Tally:
    """A tally that was started so long ago."""
    return Tally(started=progress.time.monotonic() - seconds, **values)  # type: ignore[arg-type]


def test_a_sentence_says_how_much_how_fast_and_how_long() -> None:
    tally = tally_after(10, total=4000)
    for _ in range(1000):
        tally.add("fetched", 25_000)
    assert tally.sentence() == "1,000 of 4,000 objects, 25.0 MB, 100 objects/s, 30 s left"


def test_a_sentence_names_failures_only() -> None:
    tally = tally_after(1)
    for end in ["fetched", "missing", "corrupt", "missing", "unchanged"]:
        tally.add(end, 1)
    assert tally.sentence() == "5 objects, 5 bytes, 5 objects/s; 1 corrupt, 2 missing"


def test_nothing_is_estimated_before_anything_is_known() -> None:
    assert tally_after(5, total=10).seconds_left is None
    assert tally_after(5, done=3).seconds_left is None
    assert tally_after(5, total=10).sentence() == "0 of 10 objects"


def test_slow_work_is_counted_by_the_minute() -> None:
    tally = tally_after(30, total=4, unit="imports", done=1)
    assert tally.sentence() == "1 of 4 imports, 2 imports/min, 1 min 30 s left"


def test_more_than_the_total_takes_no_negative_time() -> None:
    assert tally_after(5, total=10, done=12).seconds_left == 0


def test_other_things_than_objects_are_counted_too() -> None:
    tally = tally_after(2, total=400, unit="bytes", done=200)
    assert tally.sentence() == "200 of 400 bytes, 100 bytes/s, 2 s left"


def test_a_tally_of_this_very_moment_has_a_rate() -> None:
    tally = Tally()
    tally.add("fetched", 1)
    assert tally.rate > 0


def test_the_log_gets_a_line_every_few_seconds(clock: Clock) -> None:
    lines: list[str] = []
    display, tally = LogDisplay(lines.append, every=0.1), Tally()
    for _ in range(350):
        clock.now += 0.001
        tally.add("fetched", 1)
        display.show(tally)
    assert len(lines) == 3
    assert all(" objects/s" in line for line in lines)


def test_the_log_is_quiet_about_short_work() -> None:
    lines: list[str] = []
    LogDisplay(lines.append).show(Tally(total=1, done=1))
    assert lines == []


def test_the_bar_shows_the_tally_and_always_its_end() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Progress(TextColumn("{task.fields[detail]}"), console=console) as progress:
        task = progress.add_task("Set", total=None, detail="")
        display = BarDisplay(progress, task)
        for done in range(501):
            display.show(Tally(total=500, done=done))
        shown = progress.tasks[0]
        assert (shown.completed, shown.total) == (500, 500)
        assert shown.fields["detail"].startswith("500 of 500 objects")


def test_where_nobody_looks_lines_go_to_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogDisplay.__init__, "__defaults__", (0.0,))
    with terminal_display("Set milk") as display:
        display.show(tally_after(1, total=2, done=1))
    assert capsys.readouterr().err == "Set milk: 1 of 2 objects, 1 objects/s, 1 s left\n"


def test_at_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with terminal_display("Set milk") as display:
        assert isinstance(display, BarDisplay)
        display.show(tally_after(1, total=2, done=2))
    assert "Set milk" in terminal.getvalue()
    assert "2 of 2 objects" in terminal.getvalue()
