/* Calls of the module that latent_calls.c holds; `_kernels.pyi` says what they take. */
#ifndef XR_INR_LATENT_CALLS_H
#define XR_INR_LATENT_CALLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *py_take_fine(PyObject *self, PyObject *arguments);
PyObject *py_read_latents(PyObject *self, PyObject *arguments);
PyObject *py_tell_latents(PyObject *self, PyObject *arguments);

#endif
