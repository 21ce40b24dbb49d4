import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError, MecoreError, OptionError
from mecore.evaluation.executors import InProcess, processes
from mecore.evaluation.folds import FoldPlan, FoldResult, grouped, leave_one_subject_out
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.store import open_run
from mecore.runtime import seed_of


@given(st.lists(st.text("abc123", min_size=1, max_size=4), min_size=1, max_size=30))
def test_every_subject_is_left_out_once_and_never_trained_on_then(subjects):
    if len(set(subjects)) < 2:
        with pytest.raises(DataError, match="at least two"):
            leave_one_subject_out(subjects)
        return
    plans = leave_one_subject_out(subjects)
    assert sorted(p.test[0] for p in plans) == sorted(set(subjects))
    assert all({*p.train, *p.test} == set(subjects) for p in plans)


def test_no_subject_stands_on_two_sides():
    with pytest.raises(DataError, match="subject 02 on two sides"):
        FoldPlan("x", train=("01", "02"), test=("02",))
    with pytest.raises(DataError, match="on two sides"):
        FoldPlan("x", train=("01",), test=("02",), validation=("01",))


def test_a_fold_without_subjects_to_test_on_is_refused():
    with pytest.raises(DataError, match="needs subjects"):
        FoldPlan("x", train=("01",), test=())


def test_ids_stay_as_they_are():
    assert leave_one_subject_out(["006", "06", "6"])[0].test == ("006",)


def test_folds_have_seeds_of_their_own():
    assert seed_of(0, "01") != seed_of(0, "02") != seed_of(1, "02")


@dataclass(frozen=True)
class Draw:
    """A task that notes what it ran, and gives rows that depend on the seed alone."""

    folder: Path
    broken: str = ""

    def __call__(self, plans):
        return [self.draw(plan) for plan in plans]

    def draw(self, plan):
        (self.folder / f"ran-{plan.name}").touch(exist_ok=False)
        if plan.name == self.broken:
            raise ValueError("no such luck")
        rng = np.random.default_rng(seed_of(plan.seed, plan.name))
        rows = pd.DataFrame({"subject": plan.test, "score": rng.random(1), "onset": [3]})
        return FoldResult(rows, {"frames": rows}, {"training": 1.0})


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    return tmp_path / "a", tmp_path / "b"


def store_in(folder, **parameters):
    return open_run(folder / "results", "test", "own", parameters, "data", "mecore.data.images")


def files_of(store):
    return {p.relative_to(store.folder): p.read_bytes() for p in store.folder.rglob("*.parquet")}


PLANS = leave_one_subject_out(["01", "02", "03", "04"])
ONE_BY_ONE = [[plan] for plan in PLANS]


def test_rows_come_in_the_order_of_the_plans_with_fold_labels_and_seed(folders):
    store = store_in(folders[0])
    run_folds(Draw(folders[0]), reversed(ONE_BY_ONE), store, InProcess())
    rows = collect(store, PLANS)
    assert rows.columns.tolist() == ["fold", "labels", "seed", "subject", "score", "onset"]
    assert rows.fold.tolist() == ["01", "02", "03", "04"]
    assert rows.labels.unique().tolist() == ["true"]
    assert rows.seed.unique().tolist() == [0]


def test_folds_of_several_seeds_are_kept_apart(folders):
    store = store_in(folders[0])
    for seed in range(2):
        run = Draw(folders[seed])
        plans = leave_one_subject_out(["01", "02"], seed)
        run_folds(run, [plans], store, InProcess())
    plans = [p for seed in range(2) for p in leave_one_subject_out(["01", "02"], seed)]
    rows = collect(store, plans)
    assert rows.seed.tolist() == [0, 0, 1, 1]
    assert rows.score.nunique() == 4


def test_a_stored_fold_is_not_computed_again(folders):
    store = store_in(folders[0])
    run_folds(Draw(folders[0]), ONE_BY_ONE, store, InProcess())
    first = collect(store, PLANS)
    # Draw refuses to run a fold twice.
    run_folds(Draw(folders[0]), ONE_BY_ONE, store, InProcess())
    pd.testing.assert_frame_equal(first, collect(store, PLANS))


def test_an_interrupted_run_ends_byte_identical_to_an_uninterrupted_one(folders):
    whole, broken = store_in(folders[0]), store_in(folders[1])
    run_folds(Draw(folders[0]), ONE_BY_ONE, whole, InProcess())
    with pytest.raises(MecoreError, match=r"1 of 4 folds failed \(02\).*no such luck"):
        run_folds(Draw(folders[1], broken="02"), ONE_BY_ONE, broken, InProcess())
    assert [p.name for p in PLANS if broken.has_fold(p.key)] == ["01", "03", "04"]
    (folders[1] / "ran-02").unlink()
    run_folds(Draw(folders[1]), ONE_BY_ONE, broken, InProcess())
    assert files_of(whole) == files_of(broken)


def test_all_folds_of_a_group_that_fails_are_named(folders):
    with pytest.raises(MecoreError, match=r"2 of 4 folds failed \(01, 02\)"):
        run_folds(Draw(folders[0], broken="02"), [PLANS[:2], PLANS[2:]], store_in(folders[0]),
                  InProcess())  # fmt: skip


def test_groups_hold_neighbours_that_agree():
    plans = [*PLANS, *leave_one_subject_out(["01", "02"], seed=1)]
    groups = grouped(plans, lambda plan: plan.seed, 3)
    assert [[(p.name, p.seed) for p in g] for g in groups] == [
        [("01", 0), ("02", 0), ("03", 0)], [("04", 0)], [("01", 1), ("02", 1)]
    ]  # fmt: skip


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_workers(folders):
    one, two = store_in(folders[0]), store_in(folders[1])
    run_folds(Draw(folders[0]), ONE_BY_ONE, one, InProcess())
    with processes(2) as executor:
        run_folds(Draw(folders[1]), list(reversed(ONE_BY_ONE)), two, executor)
    assert files_of(one) == files_of(two)


def test_a_damaged_fold_is_named_with_what_to_delete(folders):
    store = store_in(folders[0])
    run_folds(Draw(folders[0]), ONE_BY_ONE, store, InProcess())
    path = store.folder / "folds" / "02.s0.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"02\.s0\.parquet: cannot be read(.|\n)*delete .*02\.s0"):
        collect(store, PLANS)


def test_the_run_id_depends_on_parameters_data_and_code_only(folders):
    store = store_in(folders[0], p=0.55)
    assert store.id == store_in(folders[1], p=0.55).id
    assert store.id != store_in(folders[1], p=0.6).id
    common = ("test", "own", {"p": 0.55})
    assert store.id != open_run(folders[0], *common, "other data", "mecore.data.images").id
    assert store.id != open_run(folders[0], *common, "data", "mecore.data.frames").id
    run = json.loads((store.folder / "run.json").read_text())
    assert run["parameters"] == {"p": 0.55}
    assert "seconds" not in json.dumps(run)


def test_a_pool_needs_a_worker():
    with pytest.raises(OptionError, match="workers=0"):
        processes(0)


def _threads():
    from threadpoolctl import threadpool_info

    import mecore.studies.handcrafted.selection  # noqa: F401

    return [pool["num_threads"] for pool in threadpool_info()]


def test_a_worker_computes_with_one_thread():
    with processes() as executor:
        assert set(executor.submit(_threads).result()) == {1}
