/* Python's calls that make samples: buffers are checked before a kernel sees them. */
#include "sample_calls.h"

#include "buffers.h"
#include "range_coder.h"
#include "spectra.h"

static const Element TYPES[] = {[OF_UINT8] = {"B", 1, "uint8"}, [OF_INT8] = {"b", 1, "int8"},
                                [OF_UINT16] = {"H", 2, "uint16"}, [OF_INT16] = {"h", 2, "int16"}};

/* Whether numbers from low to high are samples of a type; sets an error if not. */
static int is_range(int type, double low, double high) {
    const double lowest[] = {0, -128, 0, -32768}, highest[] = {255, 127, 65535, 32767};
    if (type >= OF_UINT8 && type <= OF_INT16 && lowest[type] <= low && low <= high && high <= highest[type]) return 1;
    PyErr_SetString(PyExc_ValueError, "a range must be one of 8- or 16-bit samples");
    return 0;
}

PyObject *py_restore(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_values, *of_samples, *result = NULL;
    double range, low, high;
    int type;
    if (!PyArg_ParseTuple(arguments, "OdddiO", &of_values, &range, &low, &high, &type, &of_samples)) return NULL;
    if (!is_range(type, low, high)) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *values, *samples;
    if ((values = buffer(&buffers, of_values, FLOAT64, READ, -1)) &&
        (samples = buffer(&buffers, of_samples, TYPES[type], WRITE, elements(values)))) {
        Py_BEGIN_ALLOW_THREADS
        restore(values->buf, (size_t)elements(values), range, low, high, (SampleType)type, samples->buf);
        Py_END_ALLOW_THREADS
        result = PyLong_FromLong(DONE);
    }
    let_go(&buffers);
    return result;
}

PyObject *py_spectra(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_directions, *of_means, *of_planes, *of_samples, *result = NULL;
    Spectra of;
    int type;
    if (!PyArg_ParseTuple(arguments, "OOdOdddiO", &of_directions, &of_means, &of.step, &of_planes, &of.range, &of.low,
                          &of.high, &type, &of_samples))
        return NULL;
    if (!is_range(type, of.low, of.high)) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *directions, *means, *planes, *samples;
    if ((directions = buffer(&buffers, of_directions, FLOAT64, READ, -1)) &&
        (planes = buffer(&buffers, of_planes, FLOAT32, READ, -1)) &&
        (means = buffer(&buffers, of_means, FLOAT64, READ, -1))) {
        const Py_ssize_t bands = elements(means);
        if (directions->ndim != 2 || planes->ndim != 2 || directions->shape[0] != bands ||
            directions->shape[1] != planes->shape[0]) {
            PyErr_Format(PyExc_ValueError, "directions must be (%zd, rank), and planes (rank, pixels)", bands);
        } else if ((samples = buffer(&buffers, of_samples, TYPES[type], WRITE, bands * planes->shape[1]))) {
            of.bands = (size_t)bands, of.rank = (size_t)planes->shape[0], of.type = (SampleType)type;
            of.directions = directions->buf, of.means = means->buf;
            int done;
            Py_BEGIN_ALLOW_THREADS
            done = spectra(&of, planes->buf, (size_t)planes->shape[1], samples->buf);
            Py_END_ALLOW_THREADS
            result = done ? PyLong_FromLong(DONE) : PyErr_NoMemory();
        }
    }
    let_go(&buffers);
    return result;
}
