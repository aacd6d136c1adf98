/* What float arithmetic that must give numpy's bits rests on: every operation rounds once. */
#ifndef XR_INR_EXACT_H
#define XR_INR_EXACT_H

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error "a sum, a product and a difference must each be rounded to the type they are of"
#endif

/* Of what is compiled a second time for wider instructions: such a function takes those of where it stands. */
#if defined(__GNUC__) && defined(__x86_64__)
#define INLINED static inline __attribute__((always_inline))
#else
#define INLINED static inline
#endif

/* A sum of doubles with it has no room for a fraction: adding and subtracting it rounds to the nearest, ties to even. */
static const double ROUNDING = 6755399441055744.0;

#endif
