/* The call of the module that trellis_calls.c holds; `_kernels.pyi` says what it takes. */
#ifndef XR_INR_TRELLIS_CALLS_H
#define XR_INR_TRELLIS_CALLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *py_search_trellis(PyObject *self, PyObject *arguments);

#endif
