/* Calls of the module that sine_calls.c holds; `_kernels.pyi` says what they take. */
#ifndef XR_INR_SINE_CALLS_H
#define XR_INR_SINE_CALLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *py_sines(PyObject *self, PyObject *arguments);
PyObject *py_say(PyObject *self, PyObject *arguments);

#endif
