/* Python's calls of the walk through latents: buffers are checked before a kernel sees them. */
#include "latent_calls.h"

#include "coder_state.h"
#include "latents.h"

/* Whether all numbers of an int32 buffer lie in [low, high]; sets an error if not. */
static int within(const Py_buffer *view, int32_t low, int32_t high, const char *name) {
    const int32_t *numbers = view->buf;
    for (Py_ssize_t n = 0; n < elements(view); n++)
        if (numbers[n] < low || numbers[n] > high) {
            PyErr_Format(PyExc_ValueError, "%s must lie in [%d, %d]. Got %d.", name, low, high, numbers[n]);
            return 0;
        }
    return 1;
}

/* Whether latents can be fine from a scale on; sets an error if not. */
static int is_fine_from(int scale) {
    if (scale >= 1 && scale <= LAW_SCALES) return 1;
    PyErr_Format(PyExc_ValueError, "the lowest scale of fine latents must lie in [1, %d]. Got %d.", LAW_SCALES, scale);
    return 0;
}

/* The parts of a context network, which lie end to end. */
static LatentLaws parted(const float *network) {
    LatentLaws side = {.network.first = network};
    side.of_pass = side.network.first + NETWORK_HIDDEN * NETWORK_FEATURES;
    side.of_orientation = side.of_pass + 4 * NETWORK_HIDDEN;
    side.of_level = side.of_orientation + 4 * NETWORK_HIDDEN;
    side.network.second = side.of_level + (MOST_LEVELS + 1) * NETWORK_HIDDEN;
    side.network.third = side.network.second + NETWORK_HIDDEN * (NETWORK_HIDDEN + 1);
    return side;
}

enum {
    NETWORK_SIZE = NETWORK_HIDDEN * (NETWORK_FEATURES + 8 + MOST_LEVELS + 1 + NETWORK_HIDDEN + 1) + NETWORK_HIDDEN + 1
};

/* What is stored beside latents, as Python gives it. */
typedef struct {
    PyObject *network, *logarithms, *scales, *means, *offsets, *repeated;
    Py_ssize_t height, width;
    int fine_from;
} Given;

/* Take buffers of what is given, the laws that they make, and latents that fit; NULL with an error set where one does not.
*/
static Py_buffer *opened(const Given *given, PyObject *of_latents, Buffers *buffers, Pyramid *pyramid, LatentLaws *side) {
    /* What is within these limits overflows no size. */
    if (given->height < 1 || given->width < 1 || given->height > INT32_MAX || given->width > INT32_MAX ||
        given->height > ((Py_ssize_t)1 << 44) / given->width) {
        PyErr_SetString(PyExc_ValueError, "the size of a scene must be at least 1 and at most 2**44 pixels");
        return NULL;
    }
    if (!is_fine_from(given->fine_from)) return NULL;
    const int unit_bits = given->fine_from == LAW_SCALES ? 0 : FINE_UNIT_BITS;
    *pyramid = pyramid_of((size_t)given->height, (size_t)given->width);
    Py_buffer *network, *logarithms, *scales, *means, *offsets, *repeated;
    if (!(network = buffer(buffers, given->network, FLOAT32, READ, NETWORK_SIZE)) ||
        !(logarithms = buffer(buffers, given->logarithms, UINT8, READ, LOGARITHMS << unit_bits)) ||
        !(means = buffer(buffers, given->means, INT32, READ, MEAN_CLASSES * MEAN_WEIGHTS)) ||
        !within(means, -127, 127, "the weight of a neighbour") ||
        !(offsets = buffer(buffers, given->offsets, FLOAT32, READ, -1)) ||
        !(repeated = buffer(buffers, given->repeated, UINT8, READ, -1)) ||
        !(scales = buffer(buffers, given->scales, INT32, READ, (pyramid->levels + 1) * elements(offsets))) ||
        !within(scales, 0, LAW_SCALES - 1, "the index of a scale"))
        return NULL;
    if (elements(repeated) && elements(repeated) != given->height * given->width) {
        PyErr_SetString(PyExc_ValueError, "what says which pixels repeat others must have a number for each of them, or none");
        return NULL;
    }
    const size_t components = (size_t)elements(offsets);
    if (components > MOST_COMPONENTS) {
        PyErr_Format(PyExc_ValueError, "there must be at most %d components", MOST_COMPONENTS);
        return NULL;
    }
    *side = parted(network->buf);
    side->components = components;
    side->scales = scales->buf;
    side->mean_weights = means->buf;
    side->offsets = offsets->buf;
    side->repeated = elements(repeated) ? repeated->buf : NULL;
    side->logarithms = logarithms->buf;
    side->fine_from = given->fine_from;
    side->unit_bits = unit_bits;
    return buffer(buffers, of_latents, INT32, WRITE, (Py_ssize_t)bordered_size(pyramid, components));
}

PyObject *py_read_latents(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_state, *of_words, *of_laws, *of_latents, *result = NULL;
    Given given;
    if (!PyArg_ParseTuple(arguments, "OOOOOOOOOnniO", &of_state, &of_words, &of_laws, &given.network, &given.logarithms,
                          &given.scales, &given.means, &given.offsets, &given.repeated, &given.height, &given.width,
                          &given.fine_from, &of_latents))
        return NULL;
    const Laws *laws = PyCapsule_GetPointer(of_laws, LAWS_NAME);
    if (!laws) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *state, *words, *latents;
    Coder coder;
    Pyramid pyramid;
    LatentLaws side;
    if ((state = buffer(&buffers, of_state, UINT64, WRITE, 3)) && (words = buffer(&buffers, of_words, UINT32, READ, -1)) &&
        open_coder(&coder, state, words) && (latents = opened(&given, of_latents, &buffers, &pyramid, &side))) {
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = read_latents(&coder, laws, &side, &pyramid, latents->buf);
        Py_END_ALLOW_THREADS
        close_coder(&coder, state);
        result = outcome(status);
    }
    let_go(&buffers);
    return result;
}

PyObject *py_tell_latents(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_latents, *of_values, *of_scales, *of_means, *of_told, *of_sizes, *result = NULL;
    Given given;
    if (!PyArg_ParseTuple(arguments, "OOOOOOnniOOOOOO", &given.network, &given.logarithms, &given.scales, &given.means,
                          &given.offsets, &given.repeated, &given.height, &given.width, &given.fine_from, &of_latents,
                          &of_values, &of_scales, &of_means, &of_told, &of_sizes))
        return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *latents, *values, *scales, *means, *first, *sizes;
    Pyramid pyramid;
    LatentLaws side;
    if ((latents = opened(&given, of_latents, &buffers, &pyramid, &side)) &&
        within(latents, -INT32_MAX, INT32_MAX, "a latent") &&
        (values = buffer(&buffers, of_values, INT32, WRITE, -1)) &&
        (scales = buffer(&buffers, of_scales, INT32, WRITE, elements(values))) &&
        (means = buffer(&buffers, of_means, INT32, WRITE, elements(values))) &&
        (first = buffer(&buffers, of_told, UINT8, WRITE, elements(values))) &&
        (sizes = buffer(&buffers, of_sizes, INT64, WRITE, -1))) {
        LatentCalls told = {.room = (size_t)elements(values), .room_of_calls = (size_t)elements(sizes),
                            .values = values->buf, .scales = scales->buf, .means = means->buf, .told = first->buf,
                            .sizes = sizes->buf};
        Status status;
        Py_BEGIN_ALLOW_THREADS
        status = tell_latents(&side, &pyramid, latents->buf, &told);
        Py_END_ALLOW_THREADS
        if (status == NO_ROOM) PyErr_SetString(PyExc_ValueError, "there must be room for all latents and all calls");
        else if (status == OFF_GRID)
            PyErr_Format(PyExc_ValueError,
                         "a latent must be a multiple of 16 sixteenths of a step, a fine one of 9. Got %d.", told.wrong);
        else if (status == WRONG_STATE)
            PyErr_SetString(PyExc_ValueError, "a fine latent must be of the grid that the state of its component says");
        else if (status != DONE) result = outcome(status);
        else result = Py_BuildValue("nn", (Py_ssize_t)told.count, (Py_ssize_t)told.calls);
    }
    let_go(&buffers);
    return result;
}

PyObject *py_take_fine(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *of_state, *of_words, *of_laws, *of_halves, *of_means, *of_states, *of_latents, *result = NULL;
    int fine_from;
    if (!PyArg_ParseTuple(arguments, "OOOiOOOO", &of_state, &of_words, &of_laws, &fine_from, &of_halves, &of_means,
                          &of_states, &of_latents))
        return NULL;
    const Laws *laws = PyCapsule_GetPointer(of_laws, LAWS_NAME);
    if (!laws) return NULL;
    Buffers buffers = {.count = 0};
    Py_buffer *state, *words, *halves, *means, *states, *latents;
    Coder coder;
    if (!is_fine_from(fine_from)) return NULL;
    if ((state = buffer(&buffers, of_state, UINT64, WRITE, 3)) && (words = buffer(&buffers, of_words, UINT32, READ, -1)) &&
        (latents = buffer(&buffers, of_latents, INT32, WRITE, -1)) &&
        (halves = buffer(&buffers, of_halves, INT32, WRITE, elements(latents))) &&
        (means = buffer(&buffers, of_means, INT32, WRITE, elements(latents))) &&
        (states = buffer(&buffers, of_states, INT32, WRITE, -1)) && within(states, 0, STATES - 1, "a state") &&
        open_coder(&coder, state, words)) {
        const Py_ssize_t components = elements(states), points = components ? elements(latents) / components : 0;
        if (components * points != elements(latents)) {
            PyErr_SetString(PyExc_ValueError, "every component must have as many latents");
        } else {
            Status status;
            Py_BEGIN_ALLOW_THREADS
            status = take_fine(&coder, laws, fine_from, (size_t)components, (size_t)points, halves->buf, means->buf,
                               states->buf, latents->buf);
            Py_END_ALLOW_THREADS
            close_coder(&coder, state);
            result = outcome(status);
        }
    }
    let_go(&buffers);
    return result;
}
