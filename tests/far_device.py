"""A device that is none: tensors with a memory of their own, as torch sees them, on a machine without a GPU.

`FAR` is of a type of device that torch knows and nothing drives. A tensor on it keeps its numbers in a tensor of the
CPU that nobody else sees. So torch itself says what it says of a GPU: where a tensor is, and that a gradient must be
where its parameter is. What else a GPU would refuse is refused here: operations on tensors of two devices, and arrays
of numpy. Tensors carry this themselves, in every thread and through autograd.

What it is not: what is brought here lies row by row, whatever its strides were, which torch sees to for types of device
that it takes for strange; and it has neither streams nor graphs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import torch

FAR = torch.device("lazy", 0)
"""The first of them; those of other indices are as far from it as from the CPU."""

_CPU = torch.device("cpu")
_aten = torch.ops.aten
_TRANSFERS = {_aten.copy_.default, _aten._to_copy.default}
_INDEXED = {_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_}
_FILLED = {_aten.fill_, _aten.masked_fill, _aten.masked_fill_}
_PRODUCTS = {_aten.mm, _aten.bmm, _aten.addmm, _aten.baddbmm, _aten.mv, _aten.addmv, _aten.dot}
_WAITING = {
    _aten._local_scalar_dense: "item",
    _aten.nonzero: "nonzero",
    _aten.masked_select: "masked_select",
    _aten._unique2: "unique",
    _aten.equal: "equal",
    _aten.linalg_matrix_exp: "matrix_exp",
    _aten._linalg_eigh: "eigh",
    _aten._linalg_solve_ex: "solve",
}
"""What waits for a GPU: shapes or branches hang on numbers that it is still working out."""


class Far:
    """What is held on all far devices, and how often a program waited for them."""

    def __init__(self) -> None:
        self.alive = 0
        """Bytes of storages that are held; a storage counts once, whatever number of views it has."""

        self.peak = 0
        """Most bytes held at once; set it to `alive` to begin anew."""

        self.limit: int | None = None
        """Bytes of which no more can be held: then what a GPU raises is raised."""

        self.waits: Counter[str] = Counter()
        """How often a program waited for a device, by what and where; `clear` it to begin anew."""

        self.uploads: Counter[str] = Counter()
        """How often something was copied from the CPU, by where."""

        self._storages: set[int] = set()
        self._lock = threading.RLock()

    def hold(self, storage: torch.UntypedStorage) -> None:
        """Count a storage for as long as it is held."""
        size, number = storage.nbytes(), storage._cdata
        with self._lock:
            if number in self._storages:
                return
            if self.limit is not None and self.alive + size > self.limit:
                raise torch.OutOfMemoryError(f"{FAR} lacks memory: {self.alive} + {size} of {self.limit} bytes")
            self._storages.add(number)
            self.alive += size
            self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._let_go, number, size).atexit = False

    def _let_go(self, number: int, size: int) -> None:
        with self._lock:
            self._storages.discard(number)
            self.alive -= size


_present: Far | None = None


class FarTensor(torch.Tensor):
    """A tensor on a far device."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near: torch.Tensor, device: torch.device) -> Self:
        if _present is None:
            raise RuntimeError(f"{device} is not there: no far_device() is open")
        found: Self = torch.Tensor._make_wrapper_subclass(
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=torch.device(device.type, device.index or 0),
        )
        found._near = near
        found._storage = near.untyped_storage()  # what is counted lives as long as a tensor of it
        _present.hold(found._storage)
        return found

    _near: torch.Tensor
    _storage: torch.UntypedStorage

    @classmethod
    def __torch_dispatch__(cls, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do on the CPU what a far device is asked for, if it could."""
        kwargs = kwargs or {}
        leaves: list[Any] = []
        near = [_each(_brought_near, arg, leaves) for arg in args]
        named = {name: _each(_brought_near, value, leaves) for name, value in kwargs.items()}
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        asked = kwargs.get("device")
        _check(func, tensors, args)
        _check_kind(func, tensors)
        _count(func, tensors, args, asked)
        target = asked or next((one.device for one in tensors if isinstance(one, FarTensor)), _CPU)
        _check_generators(func, leaves, target)
        own = {id(leaf._near): leaf for leaf in tensors if isinstance(leaf, FarTensor)}
        found = func(*near, **named)
        for tensor in own.values():
            if tensor.shape != tensor._near.shape or tensor.stride() != tensor._near.stride():
                raise NotImplementedError(f"{func} changed the shape of a tensor in place, which no far tensor can")

        def far(one: Any) -> Any:
            if not isinstance(one, torch.Tensor) or target == _CPU:
                return one
            return own[id(one)] if id(one) in own else FarTensor(one, target)

        return _each(far, found, [])

    def numpy(self, *, force: bool = False) -> Any:
        """Refuse to share memory that is not there; torch says something else of tensors of a class of their own."""
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() first.")

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        """Return nested lists, as every tensor does; torch refuses those that are of a class of their own."""
        return self.cpu().tolist()


def _each(change: Callable[[Any], Any], value: Any, seen: list[Any]) -> Any:
    """Return a value, or all in lists and tuples, as changed; all there is stands in `seen` then."""
    if isinstance(value, list | tuple):
        return type(value)([_each(change, part, seen) for part in value])
    seen.append(value)
    return change(value)


def _brought_near(leaf: Any) -> Any:
    if isinstance(leaf, torch.device):
        return _CPU
    return leaf._near if isinstance(leaf, FarTensor) else leaf


def _check(func: Any, tensors: list[torch.Tensor], args: Any) -> None:
    """Refuse an operation on tensors of two devices, but for what a GPU takes."""
    if len({one.device for one in tensors}) < 2 or func in _TRANSFERS:
        return
    near = [one for one in tensors if not isinstance(one, FarTensor)]
    far = {one.device for one in tensors if isinstance(one, FarTensor)}
    packet = func.overloadpacket
    if packet in _INDEXED:
        # Indices may be near. They are all between the tensor that is indexed and what is put there.
        strict = [args[0], *args[2:3]]
        near = [one for one in strict if isinstance(one, torch.Tensor) and not isinstance(one, FarTensor)]
        taken = args[0].device in far and all(one.dim() == 0 for one in near)
    elif torch.Tag.pointwise in func.tags or packet in _FILLED:
        taken = not any(one.dim() or one is _written(func, args) for one in near)
        taken = taken and (len(near) < 2 or packet is _aten.where)
    else:
        taken = False
    if len(far) > 1 or not taken:
        seen = ", ".join(f"{tuple(one.shape)} on {one.device}" for one in tensors)
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} was given {seen}")


def _check_kind(func: Any, tensors: list[torch.Tensor]) -> None:
    """Refuse products of matrices of whole numbers, for which GPUs have no kernels."""
    if func.overloadpacket in _PRODUCTS and not all(one.is_floating_point() for one in tensors):
        kinds = ", ".join(str(one.dtype) for one in tensors)
        raise RuntimeError(f"{func} is not implemented on {FAR.type} devices for {kinds}")


def _written(func: Any, args: Any) -> Any:
    """Return the tensor that an operation in place changes; None of others."""
    first = func._schema.arguments[0].alias_info
    return args[0] if first is not None and first.is_write else None


def _check_generators(func: Any, leaves: list[Any], target: torch.device) -> None:
    generators = [leaf for leaf in leaves if isinstance(leaf, torch.Generator)]
    if target != _CPU and generators:
        raise RuntimeError(f"Expected a {target.type!r} device type for generator of {func} but found 'cpu'")


def _count(func: Any, tensors: list[torch.Tensor], args: Any, asked: torch.device | None) -> None:
    """Count what waits for a far device, and what is copied to one."""
    assert _present is not None
    packet, name = func.overloadpacket, None
    if func in _TRANSFERS:
        target, source = (args[0].device, args[1].device) if func is _aten.copy_.default else (asked, args[0].device)
        if target is None or target == source:
            return
        if source == _CPU:
            _present.uploads[_place()] += 1
        elif target == _CPU:
            name = "copy"
    elif packet in _INDEXED:
        indices = [one for one in args[1] if one is not None]
        if any(one.dtype in (torch.bool, torch.uint8) and isinstance(one, FarTensor) for one in indices):
            name = "index by a mask"
        elif not all(isinstance(one, FarTensor) for one in indices):
            _present.uploads[_place()] += 1
    elif packet is _aten.repeat_interleave and func is not _aten.repeat_interleave.self_int:
        name = "repeat_interleave"
    else:
        name = _WAITING.get(packet)
    if name is not None and any(isinstance(one, FarTensor) for one in tensors):
        _present.waits[f"{name} in {_place()}"] += 1


def _place() -> str:
    """Return where in the program under test, or else in its test, an operation was asked for."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and (
        frame.f_code.co_filename == __file__ or "torch" in Path(frame.f_code.co_filename).parts
    ):
        frame = frame.f_back
    if frame is None:
        return "another thread"
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}"


def _factory(name: str) -> Callable[..., torch.Tensor]:
    """Return what makes a tensor of nothing."""
    packet, _, overload = name.partition(".")
    func = getattr(getattr(_aten, packet), overload or "default")

    def make(*args: Any, device: torch.device, **kwargs: Any) -> torch.Tensor:
        _check_generators(func, list(kwargs.values()), device)
        return FarTensor(func(*args, device=_CPU, **kwargs), device)

    return make


def _copy_from(source: torch.Tensor, target: torch.Tensor, _non_blocking: bool = False) -> torch.Tensor:
    """Copy what `torch.tensor` was given, which torch does past all classes of tensors."""
    _count(_aten.copy_.default, [target, source], (target, source), None)
    _brought_near(target).copy_(_brought_near(source))
    return target


_FACTORIES = (
    "empty.memory_format",
    "empty_strided",
    "arange",
    "arange.start",
    "arange.start_step",
    "eye",
    "eye.m",
    "linspace",
    "randperm",
    "randperm.generator",
)
"""What all others that make tensors begin with, and what would change the size of what it began with."""

_KERNELS = {name: _factory(name) for name in _FACTORIES} | {"_copy_from": _copy_from}
"""All other operations come to `FarTensor`, since they are given tensors that there are."""


@contextlib.contextmanager
def far_device() -> Iterator[Far]:
    """Let there be far devices, for all threads."""
    global _present  # noqa: PLW0603 - torch knows one of a type as well
    if _present is not None:
        raise RuntimeError("far devices are there already")
    library = torch.library.Library("aten", "IMPL")
    for name, kernel in _KERNELS.items():
        library.impl(name, kernel, FAR.type.capitalize())
    _present = Far()
    try:
        yield _present
    finally:
        _present = None
        library._destroy()
