"""The stand-in for a device refuses and counts what a GPU would refuse and wait for, and computes what a CPU does."""

import gc
import threading

import numpy as np
import pytest
import torch

from tests.far_device import FAR, far_device

OTHER = torch.device(FAR.type, 1)
MIXED = "Expected all tensors to be on the same device"


pytestmark = pytest.mark.usefixtures("far")


def on(device, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), device=device)


MADE = {
    "zeros": lambda: torch.zeros(3, device=FAR),
    "full": lambda: torch.full((2, 2), 3.0, device=FAR),
    "arange": lambda: torch.arange(5, device=FAR),
    "linspace": lambda: torch.linspace(0, 1, 4, device=FAR),
    "eye": lambda: torch.eye(3, device=FAR),
    "empty": lambda: torch.empty(2, 3, device=FAR),
    "tensor of numbers": lambda: torch.tensor([1.0, 2.0], device=FAR),
    "tensor of an array": lambda: torch.tensor(np.arange(3), device=FAR),
    "tensor of one number": lambda: torch.tensor(2.0, device=FAR),
    "to": lambda: torch.ones(2).to(FAR),
    "to with a dtype": lambda: torch.ones(2).to(FAR, torch.float64),
    "zeros_like": lambda: torch.zeros_like(on(FAR)),
    "new_zeros": lambda: on(FAR).new_zeros(2, 2),
    "a sum": lambda: on(FAR).sum(),
    "a view": lambda: on(FAR)[1:],
    "a matrix product": lambda: torch.eye(3, device=FAR) @ on(FAR),
    "a cat": lambda: torch.cat([on(FAR), on(FAR)]),
    "a scalar beside": lambda: 2.0 * on(FAR) + torch.tensor(1.0),
    "what is moved on": lambda: on(OTHER).to(FAR),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_what_is_made_on_it_or_from_it_is_on_it(make):
    assert make().device == FAR != torch.device("cpu")


NEAR = {
    "cpu": lambda: on(FAR).cpu(),
    "to": lambda: on(FAR).to("cpu", torch.float64),
    "an array": lambda: torch.from_numpy(np.arange(3)),
    "made there": lambda: torch.zeros_like(on(FAR), device="cpu"),
    "new there": lambda: on(FAR).new_ones(2, device="cpu"),
}


@pytest.mark.parametrize("make", NEAR.values(), ids=NEAR.keys())
def test_what_is_moved_or_made_off_it_is_on_the_cpu(make):
    found = make()
    assert found.device == torch.device("cpu")
    assert type(found) is torch.Tensor
    found.numpy()


def test_what_is_moved_is_a_copy():
    far = on(FAR)
    near = far.cpu()
    near.zero_()
    assert far.tolist() == [1.0, 2.0, 3.0]
    near.copy_(far)
    far.zero_()
    assert near.tolist() == [1.0, 2.0, 3.0]


REFUSED = {
    "a sum": lambda: on(FAR) + on("cpu"),
    "a sum with a scalar that is far": lambda: on("cpu") + on(FAR).sum(),
    "two near scalars": lambda: torch.addcmul(on(FAR), torch.tensor(1.0), torch.tensor(2.0)),
    "two far devices": lambda: on(FAR) * on(OTHER),
    "a scalar of another far device": lambda: on(FAR) * on(OTHER).sum(),
    "a matrix product": lambda: torch.eye(3) @ on(FAR),
    "a cat": lambda: torch.cat([on("cpu"), on(FAR)]),
    "a stack of scalars": lambda: torch.stack([torch.tensor(1.0), on(FAR).sum()]),
    "in place, from the CPU": lambda: on(FAR).add_(on("cpu")),
    "in place, to the CPU": lambda: on("cpu").mul_(on(FAR)),
    "in place, to a scalar of the CPU": lambda: torch.tensor(1.0).add_(on(FAR).sum()),
    "out": lambda: torch.add(on(FAR), 1.0, out=torch.zeros(3)),
    "clip into another": lambda: torch.clip(on("cpu"), 0, 1, out=torch.zeros(3, device=FAR)),
    "a far index of a near tensor": lambda: on("cpu")[torch.tensor([0, 1], device=FAR)],
    "gather with a near index": lambda: on(FAR).gather(0, torch.tensor([0])),
    "near values put at a far index": lambda: on(FAR).index_put_((torch.tensor([0, 1], device=FAR),), on("cpu", 1, 2)),
    "where": lambda: torch.where(on(FAR) > 1, on("cpu"), 0.0),
    "linear": lambda: torch.nn.functional.linear(on(FAR), torch.eye(3)),
}


@pytest.mark.parametrize("mix", REFUSED.values(), ids=REFUSED.keys())
def test_tensors_of_two_devices_are_refused(mix):
    with pytest.raises(RuntimeError, match=MIXED):
        mix()


TAKEN = {
    "a near scalar": (lambda device: on(device) * torch.tensor(2.0), [2.0, 4.0, 6.0]),
    "a near index": (lambda device: on(device)[torch.tensor([2, 0])], [3.0, 1.0]),
    "a near mask": (lambda device: on(device)[torch.tensor([True, False, True])], [1.0, 3.0]),
    "an index of numpy": (lambda device: on(device)[np.array([2, 0])], [3.0, 1.0]),
    "a far index": (lambda device: on(device)[torch.tensor([2, 0], device=device)], [3.0, 1.0]),
    "copy_": (lambda device: on(device).copy_(torch.zeros(3)), [0.0, 0.0, 0.0]),
    "fill_": (lambda device: on(device).fill_(torch.tensor(4.0)), [4.0, 4.0, 4.0]),
    "where": (lambda device: torch.where(on(device) > 1, on(device), torch.tensor(0.0)), [0.0, 2.0, 3.0]),
    "a slice": (lambda device: on(device)[:2].add_(1.0), [2.0, 3.0]),
    "sorting": (lambda device: on(device).sort(descending=True)[0], [3.0, 2.0, 1.0]),
}


@pytest.mark.parametrize(("take", "expected"), TAKEN.values(), ids=TAKEN.keys())
def test_what_a_gpu_takes_is_what_a_cpu_makes_of_it(take, expected):
    assert take(FAR).tolist() == take(torch.device("cpu")).tolist() == expected


def test_a_value_put_into_a_view_is_in_the_whole():
    whole = on(FAR)
    whole[1:][torch.tensor([False, True], device=FAR)] = 9.0
    whole.reshape(3, 1)[0] += 4.0
    assert whole.tolist() == [5.0, 2.0, 9.0]


UNREADABLE = {
    "numpy": lambda far: far.numpy(),
    "asarray": np.asarray,
    "array": np.array,
    "a function of numpy": np.sin,
    "memoryview": memoryview,
}


@pytest.mark.parametrize("read", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_it_has_no_memory_that_python_could_read(read):
    with pytest.raises(TypeError):
        read(on(FAR))


def test_a_generator_of_the_cpu_draws_nothing_on_it():
    with pytest.raises(RuntimeError, match="device type for generator"):
        torch.zeros(3, device=FAR).uniform_(generator=torch.Generator())


def test_it_multiplies_no_matrices_of_whole_numbers():
    whole = torch.ones(3, 3, dtype=torch.int64, device=FAR)
    with pytest.raises(RuntimeError, match="not implemented"):
        whole @ whole
    assert (whole * whole).sum().item() == 9


def test_gradients_are_those_of_the_cpu_and_on_it():
    def slopes(device):
        weights = on(device).requires_grad_()
        (torch.sin(weights * torch.eye(3, device=device)).sum(0)[1:] ** 2).sum().backward()
        (other,) = torch.autograd.grad((weights**3).sum(), weights)
        return weights.grad, other

    for found, expected in zip(slopes(FAR), slopes(torch.device("cpu")), strict=True):
        assert found.device == FAR
        torch.testing.assert_close(found.cpu(), expected)


def test_a_gradient_is_where_its_parameter_is():
    weights = on(FAR).requires_grad_()
    with pytest.raises(RuntimeError, match=r"assign.* a gradient"):
        weights.grad = on("cpu")
    weights.grad = on(FAR)


def test_views_count_once(far):
    whole = torch.zeros(1000, device=FAR)
    parts = [whole[:10], whole.reshape(10, 100), whole.detach()]
    assert far.alive == 4000
    del whole
    assert far.alive == 4000
    parts.clear()
    assert (far.alive, far.peak) == (0, 4000)


def test_what_autograd_keeps_counts(far):
    weights = torch.zeros(1000, device=FAR, requires_grad=True)
    error = weights.sin().exp().sum()
    assert far.alive == 8004  # the parameter, of which the sine keeps nothing else, what exp gave, and the sum
    error.backward()
    assert far.alive == 8004  # the gradient in place of what exp gave
    del error, weights
    gc.collect()
    assert far.alive == 0


def test_more_than_the_limit_is_refused_as_memory_is(far):
    far.limit = 5000
    held = torch.zeros(1000, device=FAR)
    with pytest.raises(torch.OutOfMemoryError):
        held + 1.0
    assert (far.alive, far.peak) == (4000, 4000)


WAITING = {
    "item": lambda far: far[0].item(),
    "float": lambda far: float(far[0]),
    "bool": lambda far: bool(far[0]),
    "a branch": lambda far: 1 if (far > 0).all() else 0,
    "tolist": lambda far: far.tolist(),
    "cpu": lambda far: far.cpu(),
    "to": lambda far: far.to("cpu"),
    "copy_": lambda far: torch.zeros(3).copy_(far),
    "nonzero": lambda far: far.nonzero(),
    "an index by a mask": lambda far: far[far > 1],
    "an index that is a scalar": lambda far: far[torch.tensor(1, device=FAR)],
    "equal": lambda far: torch.equal(far, far),
}


@pytest.mark.parametrize("wait", WAITING.values(), ids=WAITING.keys())
def test_what_waits_for_it_is_counted(far, wait):
    tensor = on(FAR)
    far.waits.clear()
    wait(tensor)
    assert far.waits.total() == 1
    assert next(iter(far.waits)).endswith("test_far_device.py:<lambda>")


def test_what_it_does_by_itself_is_not(far):
    tensor = on(FAR)
    (tensor[1:] * 2.0).clamp(0, 1).sum()
    tensor[torch.tensor([0, 1], device=FAR)] = 0.0
    tensor.masked_fill_(tensor > 1, 0.0)
    torch.where(tensor > 1, tensor, 0.0).sort()
    assert not far.waits
    assert far.uploads.total() == 2  # of numbers and of an index


def test_threads_share_it(far):
    found = []

    def work():
        found.append(torch.ones(3, device=FAR) + on(FAR))
        with pytest.raises(RuntimeError, match=MIXED):
            found[0] + torch.ones(3)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0].tolist() == [2.0, 3.0, 4.0]
    assert far.waits.total() == 1


def test_it_is_there_as_long_as_it_is_open():
    with pytest.raises(RuntimeError, match="there already"), far_device():
        pass
    assert on(FAR).device == FAR


def test_the_cpu_is_as_it_was():
    tensor = torch.ones(3, requires_grad=True)
    (tensor * 2).sum().backward()
    assert type(tensor.grad) is torch.Tensor
    assert tensor.detach().numpy().sum() == 3
