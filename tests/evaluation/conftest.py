"""A tiny phantom, rendered once: three people with two clips each."""

from dataclasses import replace

import pytest

from mecore.data.database import open_database
from mecore.models.mean.options import preset
from mecore.phantom import SHORT, write_phantom
from mecore.studies.mean.features import list_videos

TINY = replace(SHORT, subjects=3, recordings=6, seconds=(0.2, 0.25))
FEW = {"spot_epochs": 1, "recog_epochs": 2}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The tiny phantom as a database."""
    root = tmp_path_factory.mktemp("phantom") / "phantom-short"
    write_phantom(TINY, root)
    return open_database("phantom-short", root)


@pytest.fixture
def items(tiny):
    return list_videos(tiny, preset())
