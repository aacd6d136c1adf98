# What the compiled module offers: the headers beside it say what each function does.
#
# Buffers are C-contiguous, in native byte order; what is written comes last, but for `state`, which is uint64 (code,
# range, position) in `words` of uint32. Functions that read a stream return DONE, or what is wrong with it.

from typing import NewType

from typing_extensions import Buffer

DONE: int
INVALID_STREAM: int
TOO_LARGE: int
LATENT_TOO_LARGE: int

Laws = NewType("Laws", object)

# (128, 28) uint32: where each column of each row begins.
def laws(left: Buffer, /) -> Laws: ...

# All int32, of one length.
def take(state: Buffer, words: Buffer, laws: Laws, scales: Buffer, means: Buffer, values: Buffer, /) -> int: ...

# All int32, (components, latents of each), but `states`, (components,). Half indices and means are overwritten.
def take_fine(
    state: Buffer,
    words: Buffer,
    laws: Laws,
    fine_from: int,
    half_indices: Buffer,
    means: Buffer,
    states: Buffer,
    latents: Buffer,
    /,
) -> int: ...

# int64: (3, columns), and (rows, columns).
def read_columns(state: Buffer, words: Buffer, laws: Laws, weights: Buffer, levels: Buffer, /) -> int: ...

# int64: (3, columns), (rows, columns); int32: what they are in the order of the stream, scale indices and means; int64:
# (rows + columns - 1,) how many each call of a decoder would take.
def tell_columns(
    weights: Buffer, levels: Buffer, values: Buffer, scale_indices: Buffer, means: Buffer, sizes: Buffer, /
) -> int: ...

# float64 `targets` (rows, columns), `steps` (columns,), `below` (columns, columns), `shares` (columns,) and `worth`
# (rows,); float32 `bits` (128, 27); int64 `weights` (3, columns), `plain` (rows, columns), `grown` (rows,) and `levels`
# (rows, columns).
def round_columns(
    targets: Buffer,
    steps: Buffer,
    below: Buffer,
    shares: Buffer,
    worth: Buffer,
    bits: Buffer,
    weights: Buffer,
    plain: Buffer,
    grown: Buffer,
    levels: Buffer,
    /,
) -> int: ...

# `network` is float32: first, of_pass, of_orientation, of_level, second, third as `half_indices` has them, joined.
# `logarithms` is uint8 (512,), or (8192,) where `fine_from` is below 48; `offsets` float32 (components,);
# `repeated` uint8 (height, width), 1 for pixels that repeat others, or empty where none do. The rest is
# int32: `scales` (levels + 1, components), `mean_weights` (9, 6), and `latents`, zeros, all subbands with a border of
# one, joined.
def read_latents(
    state: Buffer,
    words: Buffer,
    laws: Laws,
    network: Buffer,
    logarithms: Buffer,
    scales: Buffer,
    mean_weights: Buffer,
    offsets: Buffer,
    repeated: Buffer,
    height: int,
    width: int,
    fine_from: int,
    latents: Buffer,
    /,
) -> int: ...

# The same of known latents: the integers that they are coded as, scale indices and means in the order of the stream,
# int32, which have their lowest bit told first, uint8, and how many each call of a decoder would take, int64. Returns
# how many latents and calls there are.
def tell_latents(
    network: Buffer,
    logarithms: Buffer,
    scales: Buffer,
    mean_weights: Buffer,
    offsets: Buffer,
    repeated: Buffer,
    height: int,
    width: int,
    fine_from: int,
    latents: Buffer,
    values: Buffer,
    scale_indices: Buffer,
    means: Buffer,
    told: Buffer,
    sizes: Buffer,
    /,
) -> tuple[int, int]: ...

# float32, and int32 for `halves`; `features` is (13, points), its rows any distance apart.
def half_indices(
    first: Buffer,
    first_bias: Buffer,
    second: Buffer,
    third: Buffer,
    features: Buffer,
    offsets: Buffer,
    halves: Buffer,
    /,
) -> int: ...

# float64, then uint8, int8, uint16 or int16 samples, which `sample_type` says as 0 to 3.
def restore(values: Buffer, width: float, low: float, high: float, sample_type: int, samples: Buffer, /) -> int: ...

# float64 `directions` (bands, rank) and `means` (bands,), float32 `planes` (rank, pixels), then samples as `restore`'s.
def spectra(
    directions: Buffer,
    means: Buffer,
    step: float,
    planes: Buffer,
    width: float,
    low: float,
    high: float,
    sample_type: int,
    samples: Buffer,
    /,
) -> int: ...

# float32, (rank, rows, columns) each: the even rows and columns in `low`; details along x, along y and both.
def merge(low: Buffer, along_x: Buffer, along_y: Buffer, both: Buffer, planes: Buffer, /) -> int: ...

# float64 `targets`, `norms`, `slopes` and int32 `halves`, `means`, `now`, `latents` (count, points); float64 `bits`
# (128, 27) and `magnitudes` (8192,); int32 `states` (count,), which are replaced.
def search_trellis(
    targets: Buffer,
    norms: Buffer,
    slopes: Buffer,
    halves: Buffer,
    means: Buffer,
    now: Buffer,
    bits: Buffer,
    magnitudes: Buffer,
    fine_from: int,
    weight: float,
    states: Buffer,
    latents: Buffer,
    /,
) -> int: ...

# float64: `gains` of 2 or 5 coordinates of each plane, `layers` weights (out, in) and biases of each layer joined,
# `last_gains` (outputs,). float32: `planes` (inputs, rows, columns), and `said` (outputs, rows, columns).
def say(
    width: int, curved: bool, gains: Buffer, layers: Buffer, last_gains: Buffer, planes: Buffer, said: Buffer, /
) -> int: ...

# float64 of any shape, replaced by whole numbers: 2**20 times the sine of 2 pi times what they are times `scale`.
def sines(numbers: Buffer, scale: float, /) -> int: ...
