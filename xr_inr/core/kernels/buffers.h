/* Buffers of Python objects, checked: type and count of elements, layout, and whether they may be written. */
#ifndef XR_INR_BUFFERS_H
#define XR_INR_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

/* What one element of a buffer must be. */
typedef struct {
    /* Codes of the struct module. */
    const char *codes;
    Py_ssize_t bytes;
    const char *name;
} Element;

static const Element UINT32 = {"IL", 4, "uint32"}, UINT64 = {"LQ", 8, "uint64"}, INT32 = {"il", 4, "int32"};
static const Element INT64 = {"lq", 8, "int64"}, FLOAT32 = {"f", 4, "float32"}, UINT8 = {"B", 1, "uint8"};
static const Element FLOAT64 = {"d", 8, "float64"}, INT8 = {"b", 1, "int8"}, UINT16 = {"H", 2, "uint16"};
static const Element INT16 = {"h", 2, "int16"};

enum { READ = PyBUF_FORMAT | PyBUF_C_CONTIGUOUS, WRITE = READ | PyBUF_WRITABLE, ROWS = PyBUF_FORMAT | PyBUF_STRIDES };

/* The buffers of a call, let go together. */
typedef struct {
    Py_buffer views[12];
    int count;
} Buffers;

static void let_go(Buffers *buffers) {
    while (buffers->count > 0) PyBuffer_Release(&buffers->views[--buffers->count]);
}

/* Return a buffer of that many elements (any number if negative), or NULL with an error set. */
static Py_buffer *buffer(Buffers *buffers, PyObject *object, Element element, int flags, Py_ssize_t count) {
    Py_buffer *view = &buffers->views[buffers->count];
    if (PyObject_GetBuffer(object, view, flags) < 0) return NULL;
    buffers->count++;
    const char *format = view->format ? view->format : "B";
    const int known = strlen(format) == 1 && strchr(element.codes, format[0]) != NULL;
    if (!known || view->itemsize != element.bytes) {
        PyErr_Format(PyExc_TypeError, "a buffer must hold %s in native order. Got '%s'.", element.name, format);
        return NULL;
    }
    if (count >= 0 && view->len != count * element.bytes) {
        PyErr_Format(PyExc_ValueError, "a buffer must hold %zd elements. Got %zd.", count, view->len / element.bytes);
        return NULL;
    }
    return view;
}

static Py_ssize_t elements(const Py_buffer *view) { return view->len / view->itemsize; }

#endif
