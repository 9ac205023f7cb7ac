"""The rates at which music is analysed: samples, and frames of music features, a second."""

from __future__ import annotations

SAMPLE_RATE = 10_240
HOP = 512
"""Samples from one frame of music features to the next."""
FRAME_RATE = SAMPLE_RATE // HOP
