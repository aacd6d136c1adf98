"""How fast our presets are beside KLT + JPEG 2000, and how time and memory grow."""
