import pandas as pd
import pytest
from click.testing import CliRunner

from mecore.cli import main as cli
from mecore.spotting.learning_free import AS_RELEASED, METHODS
from mecore.video.spot import spot_video


@pytest.fixture
def run(monkeypatch):
    """The command, in a process that it does not own."""
    monkeypatch.setattr(cli.runtime, "configure", lambda: None)
    return lambda *arguments: CliRunner().invoke(cli.main, ["spot", *map(str, arguments)])


def test_a_movement_in_a_folder_of_images_is_found_and_written_down(run, folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, "--fps", 30, "--out", out, "--floor", 0.2)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "intervals.csv")
    assert len(table) == 1
    assert abs(table.apex[0] - 34) <= 4
    assert "70 frames at 30 per second, flow peaks" in result.output
    assert {p.name for p in out.iterdir()} == {"intervals.csv", "frames.csv", "scores.png"}
    assert len(pd.read_csv(out / "frames.csv")) == 70


def test_a_file_is_spotted_in_like_a_folder(file, tmp_path):
    report = spot_video(file, "flow-peaks", tmp_path, floor=0.2)
    assert abs(report.intervals.apex[0] - 34) <= 4
    assert report.files == [tmp_path / n for n in ("intervals.csv", "frames.csv", "scores.png")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.mp4"], "video not found"),
        (["{folder}"], "states no frame rate"),
        (["{folder}", "--fps", 60, "--method", "mdmd"], "needs 96"),
        (["{empty}", "--fps", 30], "no numbered image"),
    ],
)
def test_what_cannot_be_spotted_in_is_said_with_the_next_step(
    run, folder, tmp_path, arguments, message
):
    empty = tmp_path / "empty"
    empty.mkdir()
    given = [str(a).format(folder=folder, empty=empty) for a in arguments]
    result = run(*given, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.output


def test_help_names_every_method(run):
    text = run("--help").output
    for name in (*METHODS, *AS_RELEASED, "--floor"):
        assert name in text
