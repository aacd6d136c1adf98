/* Python's call of the search for latents: buffers are checked before the kernel sees them. */
#include "trellis_calls.h"

#include "coder_state.h"
#include "trellis.h"

/* Whether all numbers of an int32 buffer lie from 0 to a limit; sets an error if one does not. */
static int from_zero(const Py_buffer *view, int32_t limit, const char *name) {
    const int32_t *numbers = view->buf;
    for (Py_ssize_t n = 0; n < elements(view); n++)
        if (numbers[n] < 0 || numbers[n] > limit) {
            PyErr_Format(PyExc_ValueError, "%s must lie in [0, %d]. Got %d.", name, (int)limit, (int)numbers[n]);
            return 0;
        }
    return 1;
}

/* Whether latents are (count, points), and fine from a scale that there is or from none; sets an error if not. */
static int fits(const Py_buffer *latents, int fine_from) {
    if (latents->ndim != 2) PyErr_SetString(PyExc_ValueError, "latents must be (count, points)");
    else if (fine_from < 1 || fine_from > LAW_SCALES)
        PyErr_Format(PyExc_ValueError, "fine_from must lie in [1, %d]. Got %d.", LAW_SCALES, fine_from);
    else return 1;
    return 0;
}

PyObject *py_search_trellis(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_targets, *of_norms, *of_slopes, *of_halves, *of_means, *of_now, *of_bits, *of_magnitudes, *of_states;
    PyObject *of_latents, *result = NULL;
    int fine_from;
    double weight;
    if (!PyArg_ParseTuple(arguments, "OOOOOOOOidOO", &of_targets, &of_norms, &of_slopes, &of_halves, &of_means, &of_now,
                          &of_bits, &of_magnitudes, &fine_from, &weight, &of_states, &of_latents))
        return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *targets, *norms, *slopes, *halves, *means, *now, *bits, *magnitudes, *states, *latents;
    if ((latents = buffer(&buffers, of_latents, INT32, WRITE, -1)) && fits(latents, fine_from) &&
        (targets = buffer(&buffers, of_targets, FLOAT64, READ, elements(latents))) &&
        (norms = buffer(&buffers, of_norms, FLOAT64, READ, elements(latents))) &&
        (slopes = buffer(&buffers, of_slopes, FLOAT64, READ, elements(latents))) &&
        (halves = buffer(&buffers, of_halves, INT32, READ, elements(latents))) &&
        from_zero(halves, 2 * (LAW_SCALES - 1), "a half index") &&
        (means = buffer(&buffers, of_means, INT32, READ, elements(latents))) &&
        (now = buffer(&buffers, of_now, INT32, READ, elements(latents))) &&
        (bits = buffer(&buffers, of_bits, FLOAT64, READ, LAW_ROWS * LAW_COLUMNS)) &&
        (magnitudes = buffer(&buffers, of_magnitudes, FLOAT64, READ, TRELLIS_MAGNITUDES)) &&
        (states = buffer(&buffers, of_states, INT32, WRITE, latents->shape[0])) &&
        from_zero(states, TRELLIS_STATES - 1, "a state")) {
        const Chains chains = {.count = (size_t)latents->shape[0], .points = (size_t)latents->shape[1],
                               .targets = targets->buf, .norms = norms->buf, .slopes = slopes->buf,
                               .halves = halves->buf, .means = means->buf, .now = now->buf};
        const Prices prices = {.bits = bits->buf, .magnitudes = magnitudes->buf, .weight = weight,
                               .fine_from = fine_from};
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = search_trellis(&chains, &prices, states->buf, latents->buf);
        Py_END_ALLOW_THREADS
        result = outcome(status);
    }
    let_go(&buffers);
    return result;
}
