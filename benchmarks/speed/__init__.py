"""How fast our presets are beside KLT + JPEG 2000, how time and memory grow, how soon a single spectrum is there."""
