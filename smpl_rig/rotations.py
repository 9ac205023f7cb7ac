"""Rotations as axis-angle, quaternion (w, x, y, z), matrix and 6-d, vectorised over any leading shape.

Angles are radians. All functions keep the leading shape and the floating dtype of their input. Sources: quaternion and
exponential-map formulas are the textbook ones; the 6-d form is from Zhou et al., "On the Continuity of Rotation
Representations in Neural Networks" (CVPR 2019), section 4: the first two columns of the matrix, one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def axis_angle_to_quaternion(axis_angle: Array) -> Array:
    """Unit quaternions (..., 4) of axes times angles (..., 3)."""
    angle = np.linalg.norm(axis_angle, axis=-1, keepdims=True)
    half = 0.5 * angle
    # sinc keeps the ratio sin(angle / 2) / angle finite at zero
    scale = 0.5 * np.sinc(half / np.pi)
    return np.concatenate([np.cos(half), scale * axis_angle], axis=-1)


def quaternion_to_axis_angle(quaternion: Array) -> Array:
    """Axes times angles (..., 3), angles in [0, pi], of unit quaternions (..., 4)."""
    quaternion = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    vector = quaternion[..., 1:]
    sine = np.linalg.norm(vector, axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternion[..., :1])
    return vector * np.where(sine > 1e-8, angle / np.maximum(sine, 1e-8), 2.0).astype(vector.dtype)


def quaternion_to_matrix(quaternion: Array) -> Array:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4), which are normalised first."""
    w, x, y, z = np.moveaxis(normalize(quaternion), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quaternion(matrix: Array) -> Array:
    """Unit quaternions (..., 4), w >= 0, of rotation matrices (..., 3, 3).

    Of the four formulas for a matrix's quaternion the one with the largest pivot is used (Shepperd 1978), so no
    rotation loses precision.
    """
    m = matrix
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], axis=-1)
    products = np.empty((*m.shape[:-2], 4, 4), dtype=m.dtype)  # 4 q q^T
    for index in range(4):
        products[..., index, index] = squares[..., index]
    pairs = {
        (0, 1): m[..., 2, 1] - m[..., 1, 2],
        (0, 2): m[..., 0, 2] - m[..., 2, 0],
        (0, 3): m[..., 1, 0] - m[..., 0, 1],
        (1, 2): m[..., 0, 1] + m[..., 1, 0],
        (1, 3): m[..., 0, 2] + m[..., 2, 0],
        (2, 3): m[..., 1, 2] + m[..., 2, 1],
    }
    for (row, column), value in pairs.items():
        products[..., row, column] = products[..., column, row] = value
    pivot = np.argmax(squares, axis=-1)[..., None, None]
    quaternion = np.take_along_axis(products, pivot, axis=-2)[..., 0, :]
    quaternion = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    return normalize(quaternion)


def axis_angle_to_matrix(axis_angle: Array) -> Array:
    """Rotation matrices (..., 3, 3) of axes times angles (..., 3)."""
    return quaternion_to_matrix(axis_angle_to_quaternion(axis_angle))


def matrix_to_axis_angle(matrix: Array) -> Array:
    """Axes times angles (..., 3), angles in [0, pi], of rotation matrices (..., 3, 3)."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def matrix_to_six_d(matrix: Array) -> Array:
    """6-d vectors (..., 6) of rotation matrices (..., 3, 3): first column, then second column."""
    return np.concatenate([matrix[..., :, 0], matrix[..., :, 1]], axis=-1)


def six_d_to_matrix(six_d: Array) -> Array:
    """Rotation matrices (..., 3, 3) of 6-d vectors (..., 6) by Gram-Schmidt; any two independent columns give a proper
    rotation."""
    first = normalize(six_d[..., :3])
    second = six_d[..., 3:] - np.sum(first * six_d[..., 3:], axis=-1, keepdims=True) * first
    second = normalize(second)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def quaternion_multiply(left: Array, right: Array) -> Array:
    """Hamilton product (..., 4) x (..., 4): the rotation `right` first, then `left`."""
    lw, lx, ly, lz = np.moveaxis(left, -1, 0)
    rw, rx, ry, rz = np.moveaxis(right, -1, 0)
    return np.stack(
        [
            lw * rw - lx * rx - ly * ry - lz * rz,
            lw * rx + lx * rw + ly * rz - lz * ry,
            lw * ry - lx * rz + ly * rw + lz * rx,
            lw * rz + lx * ry - ly * rx + lz * rw,
        ],
        axis=-1,
    )


def quaternion_conjugate(quaternion: Array) -> Array:
    """The inverse (..., 4) of unit quaternions (..., 4)."""
    return quaternion * np.array([1, -1, -1, -1], dtype=quaternion.dtype)


def quaternion_rotate(quaternion: Array, vector: Array) -> Array:
    """Vectors (..., 3) rotated by unit quaternions (..., 4)."""
    axis = quaternion[..., 1:]
    cross = 2 * np.cross(axis, vector)
    return vector + quaternion[..., :1] * cross + np.cross(axis, cross)


def quaternion_distance(one: Array, other: Array) -> Array:
    """(...) the largest difference in a number of quaternions (..., 4), both signs being the same rotation."""
    away: Array = np.minimum(np.abs(one - other).max(axis=-1), np.abs(one + other).max(axis=-1))
    return away


def make_continuous(quaternion: Array) -> Array:
    """The quaternions (T, ..., 4) with signs flipped so that each is near the one before; the rotations stay."""
    dots = np.sum(quaternion[1:] * quaternion[:-1], axis=-1)
    flips = np.where(dots < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones_like(flips[:1]), np.cumprod(flips, axis=0)]) if len(flips) else np.ones(1)
    return (quaternion * signs.reshape(*signs.shape, *[1] * (quaternion.ndim - signs.ndim))).astype(quaternion.dtype)


def slerp(start: Array, end: Array, fraction: Array) -> Array:
    """Shortest-arc spherical interpolation of unit quaternions (..., 4); `fraction` (...,) in 0..1."""
    fraction = np.asarray(fraction, dtype=start.dtype)[..., None]
    cosine = np.sum(start * end, axis=-1, keepdims=True)
    end = np.where(cosine < 0, -end, end)
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    sine = np.sin(angle)
    near = sine < 1e-5  # straight line and arc agree here, and the arc's formula divides by zero
    safe = np.where(near, 1.0, sine)
    a = np.where(near, 1 - fraction, np.sin((1 - fraction) * angle) / safe)
    b = np.where(near, fraction, np.sin(fraction * angle) / safe)
    return normalize(a * start + b * end)


def rotation_between(source: Array, target: Array) -> Array:
    """Quaternions (..., 4) of the shortest rotation from direction `source` (..., 3) to direction `target`.

    Opposite directions have no shortest rotation; a half turn about some axis perpendicular to `source` is returned.
    """
    source, target = normalize(source), normalize(target)
    real = 1 + np.sum(source * target, axis=-1, keepdims=True)
    imaginary = np.cross(source, target)
    helper = np.where(np.abs(source[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).astype(source.dtype)
    opposite = real < 1e-7
    imaginary = np.where(opposite, normalize(np.cross(source, helper)), imaginary)
    return normalize(np.concatenate([np.where(opposite, 0.0, real), imaginary], axis=-1))


def yaw(angle: Array) -> Array:
    """Rotation matrices (..., 3, 3) by angles (...,) about the world's Z axis."""
    c, s, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    rows = [[c, -s, zero], [s, c, zero], [zero, zero, zero + 1]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def normalize(vector: Array) -> Array:
    """Vectors (..., n) scaled to unit length; a zero vector stays zero."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.maximum(length, np.finfo(vector.dtype).tiny ** 0.5)
