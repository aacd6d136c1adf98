"""Programs that are captured: what runs, what is captured, and when. The device is a stand-in where there is none."""

import contextlib
import types

import pytest
import torch

from xr_inr.core.captured import Captured

CUDA = torch.device("cuda", 0)


class Graph:
    """Does again what was done while it was captured."""

    def __init__(self):
        self.program = None

    def replay(self):
        self.program()


@pytest.fixture
def device(monkeypatch):
    """Return a stand-in for a CUDA device, which tells what is done on it."""
    told = types.SimpleNamespace(done=[], refused=None, present=None)

    class Stream:
        def __init__(self, _device):
            told.done.append("stream")

        def wait_stream(self, _other):
            told.done.append("wait")

    @contextlib.contextmanager
    def capture(graph, *, stream, capture_error_mode):
        assert isinstance(stream, Stream)
        assert capture_error_mode == "thread_local"
        told.done.append("capture")
        if told.refused is not None:
            raise told.refused
        graph.program = told.program
        told.capturing = True
        yield
        told.capturing = False

    told.capturing = False
    present = Stream(CUDA)
    told.done.clear()
    for name, stand_in in {
        "CUDAGraph": Graph,
        "Stream": Stream,
        "current_stream": lambda _device: present,
        "stream": contextlib.nullcontext,
        "device": contextlib.nullcontext,
        "graph": capture,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    return told


def runs_of(device, count):
    """Run a program that counts its runs, and return how many there were after each."""
    found, total = [], [0]

    def program():
        if not device.capturing:
            total[0] += 1

    device.program = program
    captured = Captured(CUDA)
    for _ in range(count):
        captured.run(program)
        found.append(total[0])
    return found


def test_every_run_runs_once_whether_captured_or_not(device):
    assert runs_of(device, 7) == [1, 2, 3, 4, 5, 6, 7]


def test_a_program_is_captured_once_after_it_ran_a_few_times_on_the_stream_of_the_capture(device):
    runs_of(device, 7)
    assert device.done == ["stream", *["wait", "wait"] * 3, "capture"]


def test_a_program_that_cannot_be_captured_goes_on_and_says_so(device):
    device.refused = RuntimeError("operation not permitted when stream is capturing")
    with pytest.warns(RuntimeWarning, match=r"without a captured CUDA graph: operation not permitted"):
        assert runs_of(device, 7) == [1, 2, 3, 4, 5, 6, 7]
    assert device.done.count("capture") == 1


def test_a_lack_of_memory_while_capturing_is_not_hidden(device):
    device.refused = torch.OutOfMemoryError("injected")
    with pytest.raises(torch.OutOfMemoryError, match="injected"):
        runs_of(device, 4)


@pytest.mark.parametrize(("where", "allowed"), [(torch.device("cpu"), True), (CUDA, False)], ids=["cpu", "forbidden"])
def test_nothing_is_captured_elsewhere_or_where_it_may_not_be(device, where, allowed):
    found = []
    captured = Captured(where, allowed=allowed)
    for number in range(6):
        captured.run(lambda number=number: found.append(number))
    assert found == list(range(6))
    assert device.done == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_a_graph_on_a_gpu_does_what_its_program_does():
    values, rate = torch.zeros(5, device="cuda"), torch.zeros((), device="cuda")
    captured = Captured(values.device)
    for number in range(8):
        rate.fill_(float(number))
        captured.run(lambda: values.add_(rate))
    assert values.tolist() == [28.0] * 5
