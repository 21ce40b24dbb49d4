"""Image files by their first and last bytes: size, and whether they are whole, without decoding."""

import os
import stat
from pathlib import Path

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}
MAX_PIXELS = 64_000_000
"""Larger pictures are refused: the largest of the field have 2 million pixels."""
MAX_BYTES = 256 * 2**20

# Start-of-frame markers of JPEG, which are followed by height and width.
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HEAD, _TAIL = 4096, 64


def image_size(head: bytes) -> tuple[int, int] | None:
    """Return width and height as the header of a JPEG, PNG or BMP states them.

    None for another format (TIFF too), or where the header is longer than ``head``, the beginning
    of the file.
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if head.startswith(b"BM") and len(head) >= 26:
        height = int.from_bytes(head[22:26], "little", signed=True)
        return int.from_bytes(head[18:22], "little"), abs(height)
    return _jpeg_size(head) if head.startswith(b"\xff\xd8") else None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _SOF:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        at += 2 + int.from_bytes(head[at + 2 : at + 4])
    return None


def too_large(n_bytes: int, size: tuple[int, int] | None) -> str:
    """Return why an image is too large to be decoded, or nothing."""
    if n_bytes > MAX_BYTES:
        return f"is a file of {n_bytes:,} bytes; at most {MAX_BYTES:,} are read"
    if size and size[0] * size[1] > MAX_PIXELS:
        return f"has {size[0]}×{size[1]} pixels; at most {MAX_PIXELS:,} are read"
    return ""


def inspect_image(path: Path) -> tuple[tuple[int, int] | None, str]:
    """Look at the first and the last bytes of an image file.

    Returns
    -------
    size : tuple of int or None
        Width and height, where the header states them.
    problem : str
        What is wrong (no file, empty, no picture, cut off, too large), or nothing.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as handle:
            n = os.fstat(handle.fileno()).st_size
            head = handle.read(_HEAD)
            size = image_size(head)
            if size is None and head.startswith(b"\xff\xd8"):
                # A preview or colour profile stands before the size.
                size = image_size(head + handle.read(1 << 18))
            handle.seek(max(0, n - _TAIL))
            tail = handle.read(_TAIL)
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    return size, _wrong(n, head, tail, size)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, but not a pipe or a device, which would be waited for."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "is no ordinary file")
    return handle


def _wrong(n: int, head: bytes, tail: bytes, size: tuple[int, int] | None) -> str:
    if n == 0:
        return "is empty (0 bytes)"
    if head.startswith((b"II*\0", b"MM\0*")):
        return too_large(n, None)
    if size is None or 0 in size:
        return f"is no picture ({n} bytes)"
    whole = {
        b"\x89P": b"IEND" in tail, b"\xff\xd8": b"\xff\xd9" in tail,
        b"BM": int.from_bytes(head[2:6], "little") in (0, n),
    }  # fmt: skip
    if not whole[head[:2]]:
        return f"is cut off ({n} bytes)"
    return too_large(n, size)
