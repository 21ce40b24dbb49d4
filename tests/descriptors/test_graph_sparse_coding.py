import numpy as np
import pytest

from mecore.descriptors.graph_sparse_coding import (
    affinity,
    encode,
    learn_dictionary,
    objective,
    sweep,
    update_atoms,
)


@pytest.fixture
def golden(external):
    with np.load(external / "handcrafted_vectors" / "graphsc.npz") as arrays:
        return dict(arrays)


def parts(golden):
    return golden["X"].T.copy(), golden["B"], golden["W"], float(golden["alpha"]), 0.1


def samples(n=60, m=12, seed=0):
    """Samples made of few of ten atoms."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(m, 10))
    codes = rng.normal(size=(n, 10)) * (rng.random((n, 10)) < 0.25)
    return codes @ (atoms / np.linalg.norm(atoms, axis=0)).T + 0.01 * rng.normal(size=(n, m))


def test_one_sweep_gives_what_the_published_code_gives(golden):
    x, b, w, alpha, beta = parts(golden)
    codes = sweep(x, b, w, np.zeros((24, 12)), alpha, beta)
    found = objective(x, b, w, codes, alpha, beta)
    assert found == pytest.approx(float(golden["objective_first_sweep"]), abs=1e-9)


def test_many_sweeps_reach_the_optimum(golden):
    x, b, w, alpha, beta = parts(golden)
    codes = np.zeros((24, 12))
    for _ in range(120):
        codes = sweep(x, b, w, codes, alpha, beta)
    np.testing.assert_allclose(codes.T, golden["S_opt"], atol=1e-7)
    found = objective(x, b, w, codes, alpha, beta)
    assert found == pytest.approx(float(golden["objective"]), abs=1e-10)


def test_the_dictionary_step_is_optimal(golden):
    x, b, _, _, _ = parts(golden)
    atoms = update_atoms(x, golden["S_opt"].T, b)
    np.testing.assert_allclose(atoms, golden["B_next"], atol=1e-6)


def test_learning_lowers_the_objective_and_keeps_atoms_short():
    x = samples()
    graph = affinity(x)
    values = []
    for iterations in (1, 3, 9):
        learnt = learn_dictionary(x, 16, iterations=iterations, seed=1)
        values.append(objective(x, learnt.atoms, graph, learnt.codes, 1.0, 0.1))
        assert np.linalg.norm(learnt.atoms, axis=0).max() <= 1 + 1e-9
    assert values[0] > values[1] > values[2]


def test_the_same_seed_gives_the_same_dictionary():
    x = samples()
    one, again = (learn_dictionary(x, 16, iterations=2, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.atoms, again.atoms)
    other = learn_dictionary(x, 16, iterations=2, seed=4)
    assert not np.allclose(one.atoms, other.atoms)


def test_the_more_sparsity_weighs_the_fewer_atoms_are_used():
    x = samples()
    used = [(learn_dictionary(x, 16, beta=b, iterations=2).codes != 0).mean() for b in (0.01, 0.3)]
    assert used[1] < used[0]


def test_a_new_sample_is_coded_alone():
    x, new = samples(), samples(5, seed=9)
    learnt = learn_dictionary(x, 16, iterations=3)
    together = encode(new, learnt)
    alone = np.concatenate([encode(row[None], learnt) for row in new])
    np.testing.assert_allclose(together, alone, atol=1e-8)


def test_a_training_sample_is_coded_much_as_in_training():
    x = samples()
    learnt = learn_dictionary(x, 16, iterations=5, sweeps=20)
    again = encode(x, learnt)
    assert np.corrcoef(again.ravel(), learnt.codes.ravel())[0, 1] > 0.95


def test_the_graph_is_symmetric_and_links_neighbours():
    x = np.concatenate([samples(20), samples(20, seed=1) + 50])
    graph = affinity(x, 3)
    np.testing.assert_array_equal(graph, graph.T)
    assert not np.diag(graph).any()
    assert not graph[:20, 20:].any()
    assert graph.max() <= 1


def test_an_atom_that_nobody_uses_stays_and_duplicates_do_no_harm():
    atoms = np.eye(4)[:, [0, 0, 1, 2]]
    x, codes = np.tile([1.0, 2, 0, 0], (3, 1)), np.tile([1.0, 1, 1, 0], (3, 1))
    updated = update_atoms(x, codes, atoms)
    np.testing.assert_array_equal(updated[:, 3], atoms[:, 3])
    assert np.isfinite(updated).all()
    same = np.tile(samples(1), (12, 1))
    assert np.isfinite(learn_dictionary(same, 8, iterations=2).codes).all()


def test_hostile_samples_are_refused():
    with pytest.raises(ValueError, match="would be singular"):
        learn_dictionary(np.zeros((5, 3)), 4)
    with pytest.raises(ValueError, match="n of at least 2"):
        learn_dictionary(np.ones((1, 3)), 4)
    with pytest.raises(ValueError, match="finite"):
        learn_dictionary(np.full((4, 3), np.nan), 4)
    with pytest.raises(ValueError, match="have no code"):
        encode(np.full((1, 12), np.inf), learn_dictionary(samples(), 4, iterations=1))
