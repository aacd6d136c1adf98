/* The kernels as a Python module: numbers come and go in buffers, which are checked before a kernel sees them. */
#include "buffers.h"
#include "coder_state.h"
#include "column_calls.h"
#include "context_network.h"
#include "latent_calls.h"
#include "sample_calls.h"
#include "sine_calls.h"
#include "trellis_calls.h"
#include "wavelet.h"

static void free_laws(PyObject *capsule) { PyMem_Free(PyCapsule_GetPointer(capsule, LAWS_NAME)); }

static PyObject *py_laws(PyObject *self, PyObject *table) {
    (void)self;
    Buffers buffers = {.count = 0};
    Py_buffer *left = buffer(&buffers, table, UINT32, READ, LAW_ROWS * (LAW_COLUMNS + 1));
    PyObject *capsule = NULL;
    if (left) {
        Laws *laws = PyMem_Calloc(1, sizeof(Laws));
        if (!laws) {
            PyErr_NoMemory();
        } else {
            memcpy(laws->left, left->buf, sizeof(laws->left));
            if (laws_prepare(laws)) capsule = PyCapsule_New(laws, LAWS_NAME, free_laws);
            else PyErr_SetString(PyExc_ValueError, "a row of tables must rise strictly from 0 to 2**24");
            if (!capsule) PyMem_Free(laws);
        }
    }
    let_go(&buffers);
    return capsule;
}

static PyObject *py_take(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_state, *of_words, *of_laws, *of_scales, *of_means, *of_values, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOOOOO", &of_state, &of_words, &of_laws, &of_scales, &of_means, &of_values))
        return NULL;
    const Laws *laws = PyCapsule_GetPointer(of_laws, LAWS_NAME);
    if (!laws) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *state, *words, *values, *scales, *means;
    Coder coder;
    if ((state = buffer(&buffers, of_state, UINT64, WRITE, 3)) && (words = buffer(&buffers, of_words, UINT32, READ, -1)) &&
        (values = buffer(&buffers, of_values, INT32, WRITE, -1)) &&
        (scales = buffer(&buffers, of_scales, INT32, READ, elements(values))) &&
        (means = buffer(&buffers, of_means, INT32, READ, elements(values))) && open_coder(&coder, state, words)) {
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = take(&coder, laws, (size_t)elements(values), scales->buf, means->buf, values->buf);
        Py_END_ALLOW_THREADS
        close_coder(&coder, state);
        result = outcome(status);
    }
    let_go(&buffers);
    return result;
}

static PyObject *py_half_indices(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_first, *of_bias, *of_second, *of_third, *of_features, *of_offsets, *of_halves, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOOOOOO", &of_first, &of_bias, &of_second, &of_third, &of_features, &of_offsets,
                          &of_halves))
        return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *first, *bias, *second, *third, *features, *offsets, *halves;
    const Py_ssize_t hidden = NETWORK_HIDDEN;
    if ((first = buffer(&buffers, of_first, FLOAT32, READ, hidden * NETWORK_FEATURES)) &&
        (bias = buffer(&buffers, of_bias, FLOAT32, READ, hidden)) &&
        (second = buffer(&buffers, of_second, FLOAT32, READ, hidden * (hidden + 1))) &&
        (third = buffer(&buffers, of_third, FLOAT32, READ, hidden + 1)) &&
        (halves = buffer(&buffers, of_halves, INT32, WRITE, -1)) &&
        (offsets = buffer(&buffers, of_offsets, FLOAT32, READ, elements(halves))) &&
        (features = buffer(&buffers, of_features, FLOAT32, ROWS, NETWORK_FEATURES * elements(halves)))) {
        const Py_ssize_t points = elements(halves);
        const int rows = features->ndim == 2 && features->shape[0] == NETWORK_FEATURES;
        if (!rows || (points > 1 && features->strides[1] != 4) || features->strides[0] % 4 != 0) {
            PyErr_SetString(PyExc_ValueError, "features must be rows of floats that adjoin");
        } else {
            const ContextNetwork network = {first->buf, bias->buf, second->buf, third->buf};
            Py_BEGIN_ALLOW_THREADS
            half_indices(&network, (size_t)points, features->buf, features->strides[0] / 4, offsets->buf, halves->buf);
            Py_END_ALLOW_THREADS
            result = outcome(DONE);
        }
    }
    let_go(&buffers);
    return result;
}

/* Whether a buffer is (count, rows, columns); sets an error if not. */
static int is_sized(const Py_buffer *view, Py_ssize_t count, Py_ssize_t rows, Py_ssize_t columns) {
    if (view->ndim == 3 && view->shape[0] == count && view->shape[1] == rows && view->shape[2] == columns) return 1;
    PyErr_Format(PyExc_ValueError, "planes and details must be (%zd, %zd, %zd)", count, rows, columns);
    return 0;
}

static PyObject *py_merge(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_low, *of_x, *of_y, *of_both, *of_planes, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOOOO", &of_low, &of_x, &of_y, &of_both, &of_planes)) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *low, *x, *y, *both, *planes;
    if ((low = buffer(&buffers, of_low, FLOAT32, READ, -1)) && (both = buffer(&buffers, of_both, FLOAT32, READ, -1)) &&
        (x = buffer(&buffers, of_x, FLOAT32, READ, -1)) && (y = buffer(&buffers, of_y, FLOAT32, READ, -1)) &&
        (planes = buffer(&buffers, of_planes, FLOAT32, WRITE, -1))) {
        const int known = low->ndim == 3 && both->ndim == 3;
        const Py_ssize_t count = known ? low->shape[0] : 0, even_rows = known ? low->shape[1] : 0;
        const Py_ssize_t even_columns = known ? low->shape[2] : 0;
        const Py_ssize_t odd_rows = known ? both->shape[1] : -1, odd_columns = known ? both->shape[2] : -1;
        const Py_ssize_t rows = even_rows - odd_rows, columns = even_columns - odd_columns;
        if (even_rows < 1 || even_columns < 1 || rows < 0 || rows > 1 || columns < 0 || columns > 1) {
            PyErr_SetString(PyExc_ValueError, "planes must have as many odd rows and columns as even ones, or one fewer");
        } else if (is_sized(x, count, even_rows, odd_columns) && is_sized(y, count, odd_rows, even_columns) &&
                   is_sized(both, count, odd_rows, odd_columns) &&
                   is_sized(planes, count, even_rows + odd_rows, even_columns + odd_columns)) {
            const size_t size = (size_t)((even_rows + odd_rows) * (even_columns + odd_columns));
            float *scratch = PyMem_Malloc(size * sizeof(float));
            Py_BEGIN_ALLOW_THREADS
            for (Py_ssize_t n = 0; scratch && n < count; n++)
                merge_plane((const float *)low->buf + n * even_rows * even_columns,
                            (const float *)x->buf + n * even_rows * odd_columns,
                            (const float *)y->buf + n * odd_rows * even_columns,
                            (const float *)both->buf + n * odd_rows * odd_columns, (size_t)even_rows, (size_t)odd_rows,
                            (size_t)even_columns, (size_t)odd_columns, scratch, (float *)planes->buf + n * (Py_ssize_t)size);
            Py_END_ALLOW_THREADS
            result = outcome(scratch ? DONE : NO_MEMORY);
            PyMem_Free(scratch);
        }
    }
    let_go(&buffers);
    return result;
}

static PyMethodDef METHODS[] = {
    {"laws", py_laws, METH_O, NULL},
    {"take", py_take, METH_VARARGS, NULL},
    {"take_fine", py_take_fine, METH_VARARGS, NULL},
    {"read_columns", py_read_columns, METH_VARARGS, NULL},
    {"tell_columns", py_tell_columns, METH_VARARGS, NULL},
    {"round_columns", py_round_columns, METH_VARARGS, NULL},
    {"read_latents", py_read_latents, METH_VARARGS, NULL},
    {"tell_latents", py_tell_latents, METH_VARARGS, NULL},
    {"search_trellis", py_search_trellis, METH_VARARGS, NULL},
    {"merge", py_merge, METH_VARARGS, NULL},
    {"restore", py_restore, METH_VARARGS, NULL},
    {"spectra", py_spectra, METH_VARARGS, NULL},
    {"say", py_say, METH_VARARGS, NULL},
    {"sines", py_sines, METH_VARARGS, NULL},
    {"half_indices", py_half_indices, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) {
    return PyModule_AddIntConstant(module, "DONE", DONE) < 0 ||
                   PyModule_AddIntConstant(module, "INVALID_STREAM", INVALID_STREAM) < 0 ||
                   PyModule_AddIntConstant(module, "TOO_LARGE", TOO_LARGE) < 0 ||
                   PyModule_AddIntConstant(module, "LATENT_TOO_LARGE", LATENT_TOO_LARGE) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot SLOTS[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "_kernels", .m_doc = NULL, .m_size = 0, .m_methods = METHODS, .m_slots = SLOTS,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&MODULE); }
