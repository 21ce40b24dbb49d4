"""Short videos of one face, which moves once."""

import cv2
import numpy as np
import pytest

from mecore.phantom import SHORT, portrait
from mecore.preprocessing.template import template

FACE = portrait(SHORT.seed, 9)


def film(n=70, apex=34):
    """A portrait whose mouth corner moves up and back, frame by frame."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    cx, cy = template(256)[48]
    bump = np.exp(-((x - cx) ** 2 + (y - cy - 20) ** 2) / 900).astype(np.float32)
    rng = np.random.default_rng(0)
    for i in range(n):
        up = np.float32(5 * max(0.0, 1 - abs(i - apex) / 4))
        frame = cv2.remap(FACE, x, y + up * bump, cv2.INTER_CUBIC) + rng.normal(0, 0.7, FACE.shape)
        yield np.clip(frame, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of 70 numbered images."""
    place = tmp_path_factory.mktemp("film") / "own"
    place.mkdir()
    for i, frame in enumerate(film()):
        cv2.imwrite(str(place / f"img{i + 1}.png"), frame[..., ::-1])
    return place


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """The same as a video file."""
    path = tmp_path_factory.mktemp("film") / "own.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (256, 256))
    for frame in film():
        writer.write(frame[..., ::-1])
    writer.release()
    return path
