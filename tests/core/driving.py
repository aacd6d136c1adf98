"""What drives parts of a fit that would have company in a batch."""

from xr_inr.core.latent.descent import descend


def alone(steps):
    """Run a part of a fit that asks for nothing but descents of networks, each by itself; return what it finds."""
    try:
        while True:
            descend([next(steps)])
    except StopIteration as end:
        return end.value
