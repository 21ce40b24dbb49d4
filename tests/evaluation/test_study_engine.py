"""The study engine, on a study that is as small as one can be: guessing a bit from a number."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mecore.evaluation.folds import FoldResult, leave_one_subject_out, permuted
from mecore.evaluation.statistics import bootstrap_scores, uf1_of
from mecore.evaluation.study import COLUMNS, Design, Execution, Study, all_plans, seed_range
from mecore.metrics.averaging import grouped_confusion
from mecore.metrics.recognition import measures
from mecore.runtime import seed_of

SUBJECTS = [f"{i:02}" for i in range(6)]
THRESHOLDS = (-1.0, 0.0, 0.5, 1.0)


def samples(signal=1.0):
    """Twelve numbers of each subject, which differ between the classes by a signal."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"subject": np.repeat(SUBJECTS, 12), "truth": np.tile([0, 1], 36)})
    return table.assign(value=signal * table.truth + rng.normal(0, 1, len(table)))


@dataclass(frozen=True)
class Guess:
    """A threshold halfway between the classes, as they look in a random half of the samples."""

    table: pd.DataFrame = field(default_factory=samples)
    pause: float = 0.0

    def __call__(self, plans):
        time.sleep(self.pause)
        return [self.fold(plan) for plan in plans]

    def fold(self, plan):
        rng = np.random.default_rng(seed_of(plan.seed, plan.name))
        train = self.table.subject.isin(plan.train).to_numpy()
        labels = self.table.truth.to_numpy()
        if plan.labels == "permuted":
            labels = permuted(labels, rng, train)
        seen = train & (rng.random(len(labels)) < 0.5)
        value = self.table.value.to_numpy()
        low, high = (value[seen & (labels == k)].mean() for k in (0, 1))
        test = self.table[self.table.subject.isin(plan.test)]
        sign = 1 if high >= low else -1
        rows = test.assign(honest=(sign * test.value > sign * (low + high) / 2).astype(int))
        for i, threshold in enumerate(THRESHOLDS):
            rows[f"setting {i}"] = (sign * test.value > sign * threshold).astype(int)
        return FoldResult(rows.reset_index(drop=True), seconds={"training": 0.5})


class GuessStudy(Study[Guess]):
    """Honest: the threshold of the training subjects. Oracle: the best for those left out."""

    together = 2

    def rows(self, column, seed, method=""):
        rows = self.table("rows", COLUMNS[column], seed)
        settings = [c for c in rows if str(c).startswith("setting")]
        best = max(settings, key=lambda c: (rows[c] == rows.truth).mean())
        return rows.assign(prediction=rows[best if "oracle" in column else "honest"])

    def counts(self, rows):
        matrices = grouped_confusion(rows.truth, rows.prediction, [0, 1], rows.subject)
        return {"matrix": matrices}

    def measures(self, counts):
        return {"uf1": measures(counts["matrix"])["uf1"]}

    def extras(self, rows):
        return {"guessed 1": float(rows.prediction.mean())}


def run_guess(
    folder, seeds=(0, 1, 2), task=None, workers=1, labels=("true", "permuted"), **changes
):
    design = Design("guess", "own", "data", {"signal": 1.0} | changes)
    plans = all_plans(partial(leave_one_subject_out, SUBJECTS), seeds, labels)
    how = Execution(workers, progress=False, results=folder)
    return GuessStudy.run(task or Guess(), design, plans, how)


def files(study):
    parts = study.store.folder.rglob("*.parquet")
    return {p.name: p.read_bytes() for p in parts if p.name != "rows.parquet"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return run_guess(tmp_path_factory.mktemp("engine"))


def test_zero_seeds_stand_for_three_and_for_one_at_small_scale():
    assert [list(seed_range(0)), list(seed_range(0, "small"))] == [[0, 1, 2], [0]]
    assert list(seed_range(5, "small")) == [0, 1, 2, 3, 4]


def test_every_fold_is_run_for_each_seed_with_true_and_with_permuted_labels(study):
    assert len(study.plans) == 6 * 3 * 2
    assert len({plan.key for plan in study.plans}) == 36
    rows = pd.concat([study.table("rows", labels) for labels in ("true", "permuted")])
    assert rows.groupby(["labels", "seed"]).size().tolist() == [72] * 6
    assert rows.groupby("seed").honest.apply(tuple).nunique() == 3


def test_each_column_has_its_rows_a_mean_over_seeds_and_an_interval_over_subjects(study):
    table = study.scores
    assert table.columns.tolist() == [
        "method", "column", "measure", "score", "low", "high", "sd", "least", "most", "runs"
    ]  # fmt: skip
    scores = table[table.measure == "uf1"].set_index("column")
    assert scores.index.tolist() == list(COLUMNS)
    assert (scores.runs == 3).all()
    runs = [study.counts(study.rows("honest", seed))["matrix"] for seed in range(3)]
    each = [uf1_of(run.sum(axis=0)) for run in runs]
    honest = scores.loc["honest"]
    assert honest.score == pytest.approx(np.mean(each))
    assert honest.sd == pytest.approx(np.std(each, ddof=1))
    assert (honest.least, honest.most) == (min(each), max(each))
    low, high = np.quantile(bootstrap_scores(np.stack(runs), n=study.draws), [0.025, 0.975])
    assert (honest.low, honest.high) == pytest.approx((low, high))
    assert low < honest.score < high


def test_a_measure_that_is_no_sum_over_subjects_has_no_interval(study):
    other = study.scores.query("measure == 'guessed 1'")
    assert other[["low", "high"]].isna().all().all()
    assert other.score.notna().all()


def test_one_seed_has_no_spread(tmp_path):
    scores = run_guess(tmp_path, seeds=(0,)).scores
    assert scores.sd.isna().all()
    assert (scores.least == scores.most).all()


def test_the_oracle_is_above_the_honest_column_also_where_nothing_can_be_learnt(study):
    scores = study.scores.query("measure == 'uf1'").set_index("column").score
    assert scores["oracle"] >= scores["honest"] > 0.55
    assert scores["oracle on chance"] > scores["chance"]


def test_chance_is_several_draws_about_what_guessing_gives(tmp_path):
    chance = run_guess(tmp_path, seeds=range(12), labels=("permuted",)).scores
    chance = chance.query("column == 'chance' and measure == 'uf1'").iloc[0]
    assert chance.runs == 12
    assert chance.least < 0.5 < chance.most
    assert abs(chance.score - 0.5) < 0.1


def test_labels_of_the_left_out_subjects_are_never_permuted(study):
    true, chance = (study.table("rows", labels).truth for labels in ("true", "permuted"))
    assert true.tolist() == chance.tolist()


def test_more_seeds_later_add_to_what_is_stored(tmp_path):
    one = run_guess(tmp_path, seeds=(0,))
    kept = {p: p.stat().st_mtime_ns for p in one.store.folder.glob("folds/*.parquet")}
    three = run_guess(tmp_path)
    assert three.store.folder == one.store.folder
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert three.seeds() == [0, 1, 2]


def test_another_option_or_other_data_is_another_run(tmp_path):
    first = run_guess(tmp_path, seeds=(0,))
    assert run_guess(tmp_path, seeds=(0,), signal=2.0).store.id != first.store.id
    assert not hasattr(first.store, "seeds")


def test_a_finished_run_is_read_and_asks_for_no_features(tmp_path):
    run_guess(tmp_path, seeds=(0,))
    asked = []
    plans = all_plans(partial(leave_one_subject_out, SUBJECTS), (0,))
    design = Design("guess", "own", "data", {"signal": 1.0})
    how = Execution(progress=False, results=tmp_path)
    GuessStudy.run(Guess(), design, plans, how, prepare=asked.append)
    assert asked == []
    plans = all_plans(partial(leave_one_subject_out, SUBJECTS), (1,))
    GuessStudy.run(Guess(), design, plans, how, prepare=asked.append)
    assert len(asked) == 1


def test_the_result_is_the_same_whatever_the_workers_and_the_order(study, tmp_path):
    two = run_guess(tmp_path / "two", workers=2)
    assert files(two) == files(study)
    back = run_guess(tmp_path / "back", seeds=(2, 1, 0), labels=("permuted", "true"))
    assert files(back) == files(study)
    pd.testing.assert_frame_equal(two.scores, study.scores)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_study_engine import Guess, run_guess
if __name__ == "__main__":
    run_guess(Path(sys.argv[1]), task=Guess(pause=0.2))
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(study, tmp_path):
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(here)],
        env=os.environ | {"PYTHONPATH": str(here.parents[1])},
    )
    while len(list(tmp_path.rglob("folds/*.parquet"))) < 5:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("folds/*.parquet")
            if not p.name.startswith(".")}  # fmt: skip
    assert 5 <= len(done) < 36
    again = run_guess(tmp_path)
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert files(again) == files(study)


def test_seconds_and_scores_lie_beside_the_rows(study):
    assert study.scores is study.scores
    assert study.seconds().training.tolist() == [0.5] * 18
    assert {"metrics.json", "rows.parquet", "run.json"} <= {
        p.name for p in study.store.folder.iterdir()
    }
