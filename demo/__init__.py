"""The whole path once, on a song of our own; `make demo`."""
