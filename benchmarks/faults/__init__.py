"""Writes that are killed, interrupted or out of room, in real processes, and what they leave of the store."""
