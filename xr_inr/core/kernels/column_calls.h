/* Calls of the module that column_calls.c holds; `_kernels.pyi` says what they take. */
#ifndef XR_INR_COLUMN_CALLS_H
#define XR_INR_COLUMN_CALLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *py_read_columns(PyObject *self, PyObject *arguments);
PyObject *py_tell_columns(PyObject *self, PyObject *arguments);
PyObject *py_round_columns(PyObject *self, PyObject *arguments);

#endif
