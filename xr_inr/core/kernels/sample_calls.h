/* Calls of the module that sample_calls.c holds; `_kernels.pyi` says what they take. */
#ifndef XR_INR_SAMPLE_CALLS_H
#define XR_INR_SAMPLE_CALLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *py_restore(PyObject *self, PyObject *arguments);
PyObject *py_spectra(PyObject *self, PyObject *arguments);

#endif
