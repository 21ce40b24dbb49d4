import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mecore.cli.main import main
from mecore.phantom import SHORT, portrait
from mecore.preprocessing.template import template
from mecore.spotting.learning_free import AS_RELEASED, METHODS

FACE = portrait(SHORT.seed, 9)


def film(folder, n=70, apex=34):
    """A portrait whose mouth corner moves up and back, as numbered images."""
    folder.mkdir()
    y, x = np.mgrid[:256, :256].astype(np.float32)
    cx, cy = template(256)[48]
    bump = np.exp(-((x - cx) ** 2 + (y - cy - 20) ** 2) / 900).astype(np.float32)
    rng = np.random.default_rng(0)
    for i in range(n):
        up = np.float32(5 * max(0.0, 1 - abs(i - apex) / 4))
        frame = cv2.remap(FACE, x, y + up * bump, cv2.INTER_CUBIC) + rng.normal(0, 0.7, FACE.shape)
        path = folder / f"img{i + 1}.png"
        cv2.imwrite(str(path), np.clip(frame, 0, 255).astype(np.uint8)[..., ::-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("film") / "own"
    film(place)
    return place


def run(*arguments):
    return CliRunner().invoke(main, ["spot", *map(str, arguments)])


def test_a_movement_in_a_folder_of_images_is_found_and_written_down(folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, "--fps", 30, "--out", out, "--floor", 0.2)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "intervals.csv")
    assert len(table) == 1
    assert abs(table.apex[0] - 34) <= 4
    assert "70 frames at 30 per second, flow peaks" in result.output
    assert {p.name for p in out.iterdir()} == {"intervals.csv", "frames.csv", "scores.png"}
    assert len(pd.read_csv(out / "frames.csv")) == 70


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.mp4"], "video not found"),
        (["{folder}"], "states no frame rate"),
        (["{folder}", "--fps", 60, "--method", "mdmd"], "needs 96"),
        (["{empty}", "--fps", 30], "no numbered image"),
    ],
)
def test_what_cannot_be_spotted_in_is_said_with_the_next_step(folder, tmp_path, arguments, message):
    empty = tmp_path / "empty"
    empty.mkdir()
    given = [str(a).format(folder=folder, empty=empty) for a in arguments]
    result = run(*given, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.output


def test_help_names_every_method():
    text = run("--help").output
    for name in (*METHODS, *AS_RELEASED, "--floor"):
        assert name in text
