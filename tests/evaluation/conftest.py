"""A tiny phantom, rendered once: three people with two clips each."""

from dataclasses import replace

import pytest

from mecore.data.database import open_database
from mecore.evaluation.videos import list_videos
from mecore.phantom import SHORT, write_phantom

TINY = replace(SHORT, subjects=3, recordings=6, seconds=(0.2, 0.25))
FEW = {"spot_epochs": 1, "recog_epochs": 2}


@pytest.fixture(scope="session")
def tiny(made_once):
    """The tiny phantom as a database."""
    root = made_once("tiny-phantom", lambda folder: write_phantom(TINY, folder))
    return open_database("phantom-short", root)


@pytest.fixture
def items(tiny):
    return list_videos(tiny)
