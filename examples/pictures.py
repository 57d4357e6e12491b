# SPDX-License-Identifier: Apache-2.0
"""Pictures of the image examples, written as PNG without a library for it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float64]

PALETTE = np.array(
    [
        *((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189)),
        *((140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207)),
    ],
    np.uint8,
)


def sheet(images: Images, columns: int, *, scale: int = 4, gap: int = 1) -> npt.NDArray[np.uint8]:
    """Gray images of shape (count, rows, columns) from 0 to 1 side by side, `columns` of them in a row of the sheet."""
    count, height, width = images.shape
    lines = -(-count // columns)
    grid = np.ones((lines * (height + gap) + gap, columns * (width + gap) + gap))
    for number, image in enumerate(images):
        top, left = (
            gap + place * (size + gap) for place, size in zip(divmod(number, columns), (height, width), strict=True)
        )
        grid[top : top + height, left : left + width] = image
    pixels = np.rint(255 * grid.clip(0, 1)).astype(np.uint8)
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write a gray picture, shape (rows, columns), or a coloured one, shape (rows, columns, 3)."""
    height, width = pixels.shape[:2]
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # each unfiltered

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def scatter(
    points: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], reach: float, size: int
) -> npt.NDArray[np.uint8]:
    """Points of the plane from -reach to reach as dots of the colour of their label, the second coordinate upwards."""
    pixels = np.full((size, size, 3), 255, np.uint8)
    pixels[size // 2] = pixels[:, size // 2] = 220  # the axes
    places = np.rint((points * (1, -1) / reach + 1) / 2 * (size - 1)).astype(int).clip(2, size - 3)
    for (column, row), label in zip(places, labels, strict=True):
        pixels[row - 1 : row + 2, column - 1 : column + 2] = PALETTE[label]
    return pixels


def coloured(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A gray picture with three equal colours."""
    return np.repeat(pixels[:, :, None], 3, axis=2)
