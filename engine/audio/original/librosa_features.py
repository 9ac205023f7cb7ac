"""The 35 music features of MAGMA's librosa checkpoints (the AIST++ feature set) at 20 frames a second.

Columns, in this order: onset strength 1, MFCC 20, chroma (CENS) 12, onset peak one-hot 1, beat one-hot 1.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from engine.audio.original.compile_lock import first_alone
from engine.audio.rates import HOP, SAMPLE_RATE

FEATURE_COUNT = 35
ONSET, MFCC, CHROMA, PEAK, BEAT = slice(0, 1), slice(1, 21), slice(21, 33), slice(33, 34), slice(34, 35)

_BLOCK = 12_000
"""Frames (10 minutes) analysed at once; the spectra of an hour would need gigabytes."""
_OVERLAP = 400
"""Frames analysed beyond both ends of a chroma block: more than the longest filter and the smoothing together."""
_WINDOW = 2048
_DEFAULT_TEMPO = 120.0
_BINS_PER_OCTAVE = 36
"""Resolution of the constant-Q transform under librosa's chroma, and the unit of its tuning."""


@first_alone
def librosa_features(audio: NDArray[np.float32], tempo_prior: float | None = None) -> NDArray[np.float32]:
    """The features (T, 35), float32, T = 1 + samples // HOP, of mono audio (samples,) at `SAMPLE_RATE`.

    Frame k is centred on second k / 20, its window is 0.2 s long, and the audio is zero outside its ends.
    `tempo_prior` is librosa's `start_bpm` in beats per minute; None is librosa's default, 120, which the original
    checkpoints were trained with. Up to 10 minutes the result is librosa's to the bit; beyond, the chroma's tuning is
    estimated from the first 10 minutes only, so that an hour fits in about 1 GB.
    """
    mel_db = librosa.power_to_db(mel_spectrogram(audio, _WINDOW, HOP))
    onset = librosa.onset.onset_strength(S=mel_db, sr=SAMPLE_RATE, hop_length=HOP)
    peaks = librosa.onset.onset_detect(onset_envelope=onset, sr=SAMPLE_RATE, hop_length=HOP)
    _, beats = librosa.beat.beat_track(
        onset_envelope=onset, sr=SAMPLE_RATE, hop_length=HOP, start_bpm=tempo_prior or _DEFAULT_TEMPO
    )
    features = np.zeros((mel_db.shape[1], FEATURE_COUNT), np.float32)
    features[:, ONSET] = onset[:, None]
    features[:, MFCC] = librosa.feature.mfcc(S=mel_db, sr=SAMPLE_RATE, n_mfcc=20).T
    features[:, CHROMA] = _chroma(audio, len(features))
    features[peaks, PEAK] = 1
    features[beats, BEAT] = 1
    return features


def mel_spectrogram(audio: NDArray[np.float32], window: int, hop: int) -> NDArray[np.float32]:
    """librosa's default mel power spectrogram (128, T) of mono audio (samples,) at `SAMPLE_RATE`.

    T = 1 + samples // hop, frame k centred on sample k * hop. Computed in blocks to bound the memory, with the same
    result as at once.
    """
    count = 1 + len(audio) // hop
    padded = np.pad(audio, window // 2)
    blocks = []
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        piece = padded[start * hop : (stop - 1) * hop + window]
        blocks.append(
            librosa.feature.melspectrogram(y=piece, sr=SAMPLE_RATE, n_fft=window, hop_length=hop, center=False)
        )
    return np.concatenate(blocks, axis=1)


def _chroma(audio: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """CENS chroma (count, 12). Up to one block it is librosa's own; longer songs keep the first block's tuning."""
    if count <= _BLOCK:
        return librosa.feature.chroma_cens(y=audio, sr=SAMPLE_RATE, hop_length=HOP).T[:count]
    tuning = librosa.estimate_tuning(y=audio[: _BLOCK * HOP], sr=SAMPLE_RATE, bins_per_octave=_BINS_PER_OCTAVE)
    blocks = []
    for start in range(0, count, _BLOCK):
        before = max(start - _OVERLAP, 0)
        piece = audio[before * HOP : (start + _BLOCK + _OVERLAP) * HOP]
        chroma = librosa.feature.chroma_cens(y=piece, sr=SAMPLE_RATE, hop_length=HOP, tuning=tuning).T
        blocks.append(chroma[start - before : start - before + _BLOCK])
    return np.concatenate(blocks)[:count]
