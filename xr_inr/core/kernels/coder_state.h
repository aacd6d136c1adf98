/* What calls that read a stream share: the state of a coder between them, its tables, and how they end. */
#ifndef XR_INR_CODER_STATE_H
#define XR_INR_CODER_STATE_H

#include "buffers.h"
#include "range_coder.h"

static const char LAWS_NAME[] = "xr_inr.core.kernels.Laws";

/* A coder from its state: code, range, position. */
static inline int open_coder(Coder *coder, const Py_buffer *state, const Py_buffer *words) {
    const uint64_t *numbers = state->buf;
    *coder = (Coder){words->buf, (size_t)elements(words), 0, numbers[0], numbers[1]};
    if (coder->range >> 32 == 0 || numbers[2] > coder->count) {
        PyErr_SetString(PyExc_ValueError, "the state of a coder must be a range of 2**32 or more and a position in its words");
        return 0;
    }
    coder->position = (size_t)numbers[2];
    return 1;
}

static inline void close_coder(const Coder *coder, Py_buffer *state) {
    uint64_t *numbers = state->buf;
    numbers[0] = coder->code;
    numbers[1] = coder->range;
    numbers[2] = coder->position;
}

/* Return what a kernel came to as a number, or raise what no stream can be the reason for. */
static inline PyObject *outcome(Status status) {
    if (status == NO_MEMORY) return PyErr_NoMemory();
    if (status == BAD_SCALE) {
        PyErr_Format(PyExc_ValueError, "the index of a scale must be in [0, %d)", LAW_SCALES);
        return NULL;
    }
    return PyLong_FromLong(status);
}

#endif
