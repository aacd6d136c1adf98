"""A decoder written from docs/format.md alone: it imports nothing of xr_inr."""
