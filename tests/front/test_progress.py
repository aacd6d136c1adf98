"""What a fit shows, to whom, and what becomes of an interrupted one."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import xr_inr
from xr_inr import Progress
from xr_inr.core.monitor import Monitor
from xr_inr.exceptions import DependencyError, RequestError
from xr_inr.progress import FitDisplay, in_notebook, offer_best

from .helpers import make_scene, smooth

AT_HALF = Progress("fit", 500, 1000, 41.237)

SIREN = {"bpppb": 16.0, "model": "siren", "device": "cpu"}
"""What is asked for where the very iterations count."""


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self):
        return True


def watch(monkeypatch):
    """Make stderr and stdin those of a terminal; return what is shown.

    Not a fixture: pytest's own capture takes the streams back before a test is called.
    """
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdin", Terminal())
    return stream


def look_away(monkeypatch):
    """Make stderr and stdin those of a process nobody looks at; return what is shown."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return stream


def show(progress, fits=1):
    with FitDisplay(progress, fits) as display:
        for _ in range(fits):
            monitor = display.next_fit("reflectance")
            monitor.report(Progress("search 3 x 10", 1, 40, 20.0))
            monitor.report(Progress("fit", 500, 1000, 41.237))
            monitor.note("3 x 10 kept")


# The bar


@pytest.mark.parametrize("progress", [None, True], ids=["by default", "asked for"])
def test_terminal_shows_a_bar(progress, monkeypatch):
    terminal = watch(monkeypatch)
    show(progress)
    shown = terminal.getvalue()

    assert "reflectance: fit" in shown
    assert "41.24 dB" in shown
    assert "500/1000" in shown
    assert "3 x 10 kept\n" in shown


def test_bar_says_which_of_several_fits_it_shows(monkeypatch):
    terminal = watch(monkeypatch)
    show(None, fits=3)

    assert "reflectance 1/3: fit" in terminal.getvalue()
    assert "reflectance 3/3: fit" in terminal.getvalue()


def test_bar_is_shown_elsewhere_only_when_asked_for(monkeypatch):
    pipe = look_away(monkeypatch)
    show(None)
    assert not pipe.getvalue()

    show(True)
    assert "41.24 dB" in pipe.getvalue()


@pytest.mark.parametrize("progress", [False, lambda _: None], ids=["False", "a callable"])
def test_terminal_shows_nothing_when_the_caller_does_not_want_a_bar(progress, monkeypatch):
    terminal = watch(monkeypatch)
    show(progress)

    assert not terminal.getvalue()


def test_bar_is_shown_in_a_notebook(monkeypatch):
    pipe = look_away(monkeypatch)
    monkeypatch.setattr("xr_inr.progress.in_notebook", lambda: True)
    show(None)

    assert "41.24 dB" in pipe.getvalue()


@pytest.mark.parametrize("stream", ["stderr", "stdin"])
def test_process_without_streams_is_nobody_to_show_or_ask(monkeypatch, stream):
    monkeypatch.setattr(sys, stream, None)
    show(None)

    assert offer_best("reflectance", AT_HALF) is False


def test_bar_without_tqdm_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(DependencyError, match=r"needs tqdm: pip install 'xr-inr\[fit\]'"):
        FitDisplay(True, 1)


def test_terminal_without_tqdm_shows_nothing_when_nobody_asked_for_a_bar(monkeypatch):
    terminal = watch(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    show(None)

    assert not terminal.getvalue()


@pytest.mark.parametrize("progress", ["bar", 1, []], ids=repr)
def test_anything_else_is_refused(progress):
    with pytest.raises(RequestError, match=r"progress must be True, False, None or a callable. Got"):
        FitDisplay(progress, 1)


def test_fit_on_a_terminal_shows_its_bar_and_leaves_the_search(scene, monkeypatch):
    terminal = watch(monkeypatch)
    scene.inr.compress(**SIREN)

    assert "reflectance: fit" in terminal.getvalue()
    assert " kept: " in terminal.getvalue()


# The callable


def test_callable_is_given_every_iteration(scene):
    seen = []
    scene.inr.compress(**SIREN, progress=seen.append)

    assert all(isinstance(progress, Progress) for progress in seen)
    assert [progress.iteration for progress in seen] == list(range(1, 9))
    assert {progress.iterations for progress in seen} == {8}
    assert [progress.psnr for progress in seen] == sorted(progress.psnr for progress in seen)


def test_callable_is_given_the_sweeps_of_a_latent_model(scene):
    seen = []
    scene.inr.compress(bpppb=5.0, device="cpu", progress=seen.append)

    assert seen
    assert all(isinstance(progress, Progress) for progress in seen)
    assert [progress.iteration for progress in seen] == sorted(progress.iteration for progress in seen)
    assert all(progress.iteration <= progress.iterations for progress in seen)


def test_callable_is_given_every_chunk(scene):
    seen = []
    scene.inr.compress(chunks={"x": 5}, **SIREN | {"bpppb": 32.0}, progress=seen.append)

    assert [progress.iteration for progress in seen] == [*range(1, 9), *range(1, 9)]


def test_callable_is_given_the_fit_of_an_array():
    seen = []
    xr_inr.encode(smooth((5, 7, 9)), **SIREN, progress=seen.append)

    assert len(seen) == 8


def test_error_in_a_callable_ends_the_fit(scene):
    def broken(progress):
        raise LookupError(progress.iteration)

    with pytest.raises(LookupError, match="1"):
        scene.inr.compress(**SIREN, progress=broken)


# Notebooks

SHELLS = {
    "no IPython": (None, False),
    "IPython on a terminal": ({"TerminalIPythonApp": {}}, False),
    "a kernel": ({"IPKernelApp": {}}, True),
}


@pytest.mark.parametrize(("config", "expected"), SHELLS.values(), ids=SHELLS.keys())
def test_notebook_is_told_by_its_kernel(monkeypatch, config, expected):
    shell = None if config is None else SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    assert in_notebook() is expected


def test_process_that_has_not_loaded_ipython_is_no_notebook(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)

    assert in_notebook() is False


# Interrupts


def answering(answer, asked):
    def answers(question):
        asked.append(question)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return answers


ANSWERS = {
    "Enter": ("", True),
    "y": ("y", True),
    "Yes": (" Yes ", True),
    "n": ("n", False),
    "anything else": ("what?", False),
    "end of input": (EOFError(), False),
    "Ctrl-C again": (KeyboardInterrupt(), False),
}


@pytest.mark.parametrize(("answer", "kept"), ANSWERS.values(), ids=ANSWERS.keys())
def test_person_decides_what_becomes_of_an_interrupted_fit(monkeypatch, answer, kept):
    watch(monkeypatch)
    asked = []
    monkeypatch.setattr("builtins.input", answering(answer, asked))

    assert offer_best("reflectance 1/2", AT_HALF) is kept
    (question,) = asked
    assert question.startswith("\nreflectance 1/2: interrupted after 500 of 1,000 iterations. ")
    assert question.endswith("Keep the best so far, 41.24 dB, and go on? [Y/n] ")


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch):
    look_away(monkeypatch)
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked"))

    assert offer_best("reflectance", AT_HALF) is False


def interrupt_at(iteration):
    def report(progress):
        if progress.iteration == iteration:
            raise KeyboardInterrupt

    return report


def test_interrupt_ends_a_fit_that_nobody_watches(scene, monkeypatch):
    look_away(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        scene.inr.compress(**SIREN, progress=interrupt_at(5))


def test_interrupted_fit_is_dropped_when_the_person_says_no(scene, monkeypatch):
    watch(monkeypatch)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(KeyboardInterrupt):
        scene.inr.compress(**SIREN, progress=interrupt_at(5))


def test_best_of_an_interrupted_fit_is_kept_when_the_person_says_yes(scene, monkeypatch):
    whole = scene.inr.compress(**SIREN)
    watch(monkeypatch)
    asked = []
    monkeypatch.setattr("builtins.input", answering("y", asked))
    kept = scene.inr.compress(**SIREN, progress=interrupt_at(5))

    assert len(asked) == 1
    assert "after 5 of 8 iterations" in asked[0]
    assert kept.inr.nbytes == whole.inr.nbytes
    assert np.isfinite(kept.inr.report.psnr)
    assert kept.shape == kept.load().shape


def test_chunks_after_an_interrupted_one_are_fitted(scene, monkeypatch):
    watch(monkeypatch)
    seen = []

    def report(progress):
        seen.append(progress.iteration)
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", lambda _: "y")
    kept = scene.inr.compress(chunks={"x": 5}, **SIREN | {"bpppb": 32.0}, progress=report)

    assert seen == [1, 2, 3, *range(1, 9)]
    assert kept.inr.report.chunks == 2


def test_chunks_before_an_interrupted_one_are_kept_with_it(monkeypatch):
    watch(monkeypatch)
    questions = []
    monkeypatch.setattr("builtins.input", answering("y", questions))
    ds = xr.Dataset({"first": make_scene(), "second": make_scene(seed=1)})
    seen = []

    def report(progress):
        seen.append(progress)
        if len(seen) == 12:
            raise KeyboardInterrupt

    kept = ds.inr.compress(**SIREN, progress=report)

    assert list(kept.inr.report) == ["first", "second"]
    assert questions[0].startswith("\nsecond 2/2: interrupted")


def test_monitor_that_nobody_gave_is_silent():
    silent = Monitor()
    silent.report(AT_HALF)
    silent.note("line")

    assert silent.keep_best(AT_HALF) is False
