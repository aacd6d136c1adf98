/* Python's calls of sines and sinusoidal networks: buffers are checked before a kernel sees them. */
#include "sine_calls.h"

#include "buffers.h"
#include "range_coder.h"
#include "sine.h"
#include "sine_network.h"

PyObject *py_sines(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_numbers, *result = NULL;
    double scale;
    if (!PyArg_ParseTuple(arguments, "Od", &of_numbers, &scale)) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *numbers = buffer(&buffers, of_numbers, FLOAT64, WRITE, -1);
    if (numbers) {
        Py_BEGIN_ALLOW_THREADS
        sines(numbers->buf, (size_t)elements(numbers), scale);
        Py_END_ALLOW_THREADS
        result = PyLong_FromLong(DONE);
    }
    let_go(&buffers);
    return result;
}

PyObject *py_say(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_planes, *of_gains, *of_layers, *of_last_gains, *of_said, *result = NULL;
    int width;
    SineNetwork network;
    if (!PyArg_ParseTuple(
            arguments, "ipOOOOO", &width, &network.curved, &of_gains, &of_layers, &of_last_gains, &of_planes, &of_said
        )) {
        return NULL;
    }
    Buffers buffers = {.count = 0};
    Py_buffer *planes, *gains, *layers, *last_gains, *said;
    if ((planes = buffer(&buffers, of_planes, FLOAT32, READ, -1)) &&
        (said = buffer(&buffers, of_said, FLOAT32, WRITE, -1)) &&
        (last_gains = buffer(&buffers, of_last_gains, FLOAT64, READ, -1)) &&
        (gains = buffer(&buffers, of_gains, FLOAT64, READ, -1)) &&
        (layers = buffer(&buffers, of_layers, FLOAT64, READ, -1))) {
        const Py_ssize_t outputs = elements(last_gains), inputs = elements(gains) / (network.curved ? 2 : 5);
        const int whole = elements(gains) == inputs * (network.curved ? 2 : 5);
        if (!whole || inputs < 1 || inputs > MOST_UNITS || outputs < 1 || outputs > MOST_UNITS || width < 1 ||
            width > MOST_UNITS) {
            PyErr_Format(PyExc_ValueError, "a network must have 1 to %d inputs, units and outputs", MOST_UNITS);
        } else if (planes->ndim != 3 || planes->shape[0] != inputs || said->ndim != 3 || said->shape[0] != outputs ||
                   said->shape[1] != planes->shape[1] || said->shape[2] != planes->shape[2]) {
            PyErr_Format(PyExc_ValueError, "planes must be (%zd, rows, columns) and (%zd, rows, columns)", inputs, outputs);
        } else {
            const size_t units[] = {(size_t)inputs, (size_t)width, (size_t)width, (size_t)outputs};
            memcpy(network.units, units, sizeof units);
            network.gains = gains->buf, network.layers = layers->buf, network.last_gains = last_gains->buf;
            if (elements(layers) != (Py_ssize_t)weights_of(&network)) {
                PyErr_Format(PyExc_ValueError, "layers must hold %zd elements", (Py_ssize_t)weights_of(&network));
            } else {
                int done;
                Py_BEGIN_ALLOW_THREADS
                done = elements(planes) == 0 || say(&network, planes->buf, (size_t)planes->shape[1],
                                                    (size_t)planes->shape[2], said->buf);
                Py_END_ALLOW_THREADS
                result = done ? PyLong_FromLong(DONE) : PyErr_NoMemory();
            }
        }
    }
    let_go(&buffers);
    return result;
}
