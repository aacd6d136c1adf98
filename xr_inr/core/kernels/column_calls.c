/* Python's calls of the walk through columns: buffers are checked before a kernel sees them. */
#include "column_calls.h"

#include "coder_state.h"
#include "column_rounding.h"

static const int64_t LARGEST_LEVEL = (int64_t)1 << 26, LARGEST_WEIGHT = 64;

/* Whether no magnitude of an int64 buffer exceeds a limit; sets an error if one does. */
static int within(const Py_buffer *view, int64_t limit, const char *name) {
    const int64_t *numbers = view->buf;
    for (Py_ssize_t n = 0; n < elements(view); n++)
        if (numbers[n] < -limit || numbers[n] > limit) {
            PyErr_Format(PyExc_ValueError, "%s must lie within +-%lld. Got %lld.", name, (long long)limit,
                         (long long)numbers[n]);
            return 0;
        }
    return 1;
}

/* The size of levels, both at least 1, whose columns have weights; 0 with an error set if there is none. */
static int sized(const Py_buffer *levels, Py_ssize_t *rows, Py_ssize_t *columns) {
    *rows = levels->ndim == 2 ? levels->shape[0] : 0;
    *columns = *rows ? levels->shape[1] : 0;
    if (*rows >= 1 && *columns >= 1) return 1;
    PyErr_SetString(PyExc_ValueError, "levels must have rows and columns");
    return 0;
}

static Py_buffer *weights_of(Buffers *buffers, PyObject *object, Py_ssize_t columns) {
    Py_buffer *weights = buffer(buffers, object, INT64, READ, 3 * columns);
    return weights && within(weights, LARGEST_WEIGHT, "the weight of an entry above") ? weights : NULL;
}

PyObject *py_read_columns(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_state, *of_words, *of_laws, *of_weights, *of_levels, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOOOO", &of_state, &of_words, &of_laws, &of_weights, &of_levels)) return NULL;
    const Laws *laws = PyCapsule_GetPointer(of_laws, LAWS_NAME);
    if (!laws) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *state, *words, *levels, *weights;
    Py_ssize_t rows, columns;
    Coder coder;
    if ((state = buffer(&buffers, of_state, UINT64, WRITE, 3)) && (words = buffer(&buffers, of_words, UINT32, READ, -1)) &&
        (levels = buffer(&buffers, of_levels, INT64, WRITE, -1)) && sized(levels, &rows, &columns) &&
        (weights = weights_of(&buffers, of_weights, columns)) && open_coder(&coder, state, words)) {
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = read_columns(&coder, laws, weights->buf, (size_t)rows, (size_t)columns, levels->buf);
        Py_END_ALLOW_THREADS
        close_coder(&coder, state);
        result = outcome(status);
    }
    let_go(&buffers);
    return result;
}

PyObject *py_tell_columns(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_weights, *of_levels, *of_values, *of_scales, *of_means, *of_sizes, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOOOOO", &of_weights, &of_levels, &of_values, &of_scales, &of_means, &of_sizes))
        return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *levels, *weights, *values, *scales, *means, *sizes;
    Py_ssize_t rows, columns;
    if ((levels = buffer(&buffers, of_levels, INT64, READ, -1)) && sized(levels, &rows, &columns) &&
        within(levels, LARGEST_LEVEL, "an entry") && (weights = weights_of(&buffers, of_weights, columns)) &&
        (values = buffer(&buffers, of_values, INT32, WRITE, elements(levels))) &&
        (scales = buffer(&buffers, of_scales, INT32, WRITE, elements(levels))) &&
        (means = buffer(&buffers, of_means, INT32, WRITE, elements(levels))) &&
        (sizes = buffer(&buffers, of_sizes, INT64, WRITE, rows + columns - 1))) {
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = tell_columns(weights->buf, (size_t)rows, (size_t)columns, levels->buf, values->buf, scales->buf,
                              means->buf, sizes->buf);
        Py_END_ALLOW_THREADS
        result = outcome(status);
    }
    let_go(&buffers);
    return result;
}

PyObject *py_round_columns(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_targets, *of_steps, *of_below, *of_shares, *of_worth, *of_bits, *of_weights, *of_plain, *of_grown;
    PyObject *of_levels, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOOOOOOOOO", &of_targets, &of_steps, &of_below, &of_shares, &of_worth, &of_bits,
                          &of_weights, &of_plain, &of_grown, &of_levels))
        return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *targets, *steps, *below, *shares, *worth, *bits, *weights, *plain, *grown, *levels;
    Py_ssize_t rows, columns;
    if ((levels = buffer(&buffers, of_levels, INT64, WRITE, -1)) && sized(levels, &rows, &columns) &&
        (targets = buffer(&buffers, of_targets, FLOAT64, READ, rows * columns)) &&
        (steps = buffer(&buffers, of_steps, FLOAT64, READ, columns)) &&
        (below = buffer(&buffers, of_below, FLOAT64, READ, columns * columns)) &&
        (shares = buffer(&buffers, of_shares, FLOAT64, READ, columns)) &&
        (worth = buffer(&buffers, of_worth, FLOAT64, READ, rows)) &&
        (bits = buffer(&buffers, of_bits, FLOAT32, READ, LAW_ROWS * LAW_COLUMNS)) &&
        (weights = weights_of(&buffers, of_weights, columns)) &&
        (plain = buffer(&buffers, of_plain, INT64, READ, rows * columns)) && within(plain, LARGEST_LEVEL, "an entry") &&
        (grown = buffer(&buffers, of_grown, INT64, READ, rows)) && within(grown, 128, "a growth")) {
        const Rounding rounding = {.targets = targets->buf, .steps = steps->buf, .below = below->buf,
                                   .shares = shares->buf, .worth = worth->buf, .bits = bits->buf,
                                   .plain = plain->buf, .grown = grown->buf};
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = round_columns(&rounding, weights->buf, (size_t)rows, (size_t)columns, levels->buf);
        Py_END_ALLOW_THREADS
        result = outcome(status);
    }
    let_go(&buffers);
    return result;
}
