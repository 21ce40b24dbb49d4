from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mecore import runtime
from mecore.errors import OptionError
from mecore.models.roi.cnn_training import RegionCnns, evenly
from mecore.models.roi.losses import binary_focal_loss, class_weights, focal_loss
from mecore.models.roi.network import region_cnn, sequence_network, split_cnn
from mecore.models.roi.options import preset
from mecore.models.roi.relevance import (
    ACTION_UNITS,
    REACTS,
    reacts_by_units,
    region_labels,
    relevance_table,
)
from mecore.models.roi.sequence_training import Sequences, SequenceStage, pad
from mecore.models.roi.stacked import StackedCnns, StackedSequence
from mecore.preprocessing.regions import REGIONS, SIX, Patches, patch_size

RNG = np.random.default_rng(0)
CLASSES = ("negative", "positive", "surprise")
SMALL = preset(patch_scale=0.1, cnn_epochs=2, lstm_epochs=2, frames_per_clip=2, steps=4, dropout=0)
PIXELS = sum(h * w for h, w in (patch_size(n, 0.1) for n in SIX))


@pytest.mark.parametrize(
    ("channels", "cnn", "system"), [("4", 106_852, 1_093_531), ("3", 106_752, 1_092_931)]
)
def test_the_system_has_exactly_the_published_number_of_parameters(channels, cnn, system):
    options = preset(channels=channels)
    cnns = [region_cnn(patch_size(n, 1.0), 4, options).count_params() for n in SIX]
    sequence = sequence_network(6, 3, options).count_params()
    assert cnns == [cnn] * 6
    assert sequence == 452_419
    assert sum(cnns) + sequence == system


def networks(seed=0):
    runtime.start(seed)
    return [region_cnn(patch_size(n, 0.1), 4, SMALL) for n in SIX]


def stage_of(options, keep=None):
    return SequenceStage(sequence_network(6, 3, options), options, keep)


def test_stacked_cnns_compute_what_the_plain_ones_compute_and_their_gradients():
    plain, other = networks(), networks()
    stacked = StackedCnns(other)
    x = [tf.constant(RNG.random((5, *patch_size(n, 0.1), 4), np.float32)) for n in SIX]
    with tf.GradientTape(persistent=True) as tape:
        single = [model(patch) for model, patch in zip(plain, x, strict=True)]
        joint = stacked.outputs(stacked.features(x))
        losses = tf.add_n([tf.reduce_sum(s**2) for s in single]), tf.reduce_sum(joint**2)
    np.testing.assert_allclose(np.stack(single, axis=1), joint, atol=1e-6)
    for name in stacked.names:
        for i in range(2):
            own = [tape.gradient(losses[0], m.get_layer(name).weights[i]) for m in plain]
            np.testing.assert_allclose(
                np.stack(own), tape.gradient(losses[1], stacked.weights[name][i]), atol=1e-5
            )


def test_what_stacked_cnns_learn_is_written_back():
    models = networks()
    stacked = StackedCnns(models)
    stacked.weights["output"][1].assign_add(np.ones((6, 4), np.float32))
    before = models[2].get_layer("output").bias.numpy()
    stacked.write_back()
    np.testing.assert_allclose(models[2].get_layer("output").bias, before + 1)


@pytest.mark.parametrize("n_regions", [1, 6])
def test_stacked_lstms_compute_what_the_plain_ones_compute_and_their_gradients(n_regions):
    runtime.start(1)
    model = sequence_network(n_regions, 3, SMALL)
    stacked = StackedSequence(model, np.ones((1, n_regions)))
    x = RNG.normal(size=(4, 7, n_regions, 20)).astype(np.float32)
    mask = np.arange(7) < np.array([[7], [3], [1], [5]])
    with tf.GradientTape(persistent=True) as tape:
        plain = model([*(x[:, :, r] for r in range(n_regions)), mask])
        (joint,) = tf.unstack(stacked(x, mask))
        losses = tf.reduce_sum(plain**2), tf.reduce_sum(joint**2)
    np.testing.assert_allclose(plain, joint, atol=1e-6)
    own = [tape.gradient(losses[0], model.get_layer(f"lstm{r}").weights) for r in range(n_regions)]
    for i, variable in enumerate(stacked.lstm):
        ours = tape.gradient(losses[1], variable)
        np.testing.assert_allclose(np.stack([g[i] for g in own]), ours, atol=1e-5)


def test_a_mask_makes_padding_harmless_and_without_it_padding_washes_the_state_out():
    runtime.start(2)
    stage = stage_of(SMALL)
    clip = pad([RNG.normal(size=(5, 6, 20)).astype(np.float32)])
    long = clip.padded(60)
    np.testing.assert_allclose(stage.predict(clip), stage.predict(long), atol=1e-6)
    assert np.abs(stage.predict(clip) - stage.predict(long.unmasked())).max() > 1e-3


def test_a_frame_whose_features_are_all_zero_is_still_a_frame():
    runtime.start(2)
    stage = stage_of(SMALL)
    clip = RNG.normal(size=(5, 6, 20)).astype(np.float32)
    with_zeros = np.concatenate([clip, np.zeros((3, 6, 20), np.float32)])
    assert np.abs(stage.predict(pad([clip])) - stage.predict(pad([with_zeros]))).max() > 1e-4


def test_a_region_that_is_left_out_does_not_change_the_answer():
    runtime.start(2)
    stage = stage_of(SMALL, np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 1]], np.float32))
    clip = pad([RNG.normal(size=(5, 6, 20)).astype(np.float32)])
    other = Sequences(clip.features.copy(), clip.mask)
    other.features[:, :, 4] += 1
    (whole, without), (moved, still) = stage.predict(clip), stage.predict(other)
    np.testing.assert_array_equal(without, still)
    assert (whole != moved).any()


def test_a_copy_learns_what_it_learns_alone():
    runtime.start(2)
    still = replace(SMALL, dropout=0.0)
    model = sequence_network(6, 3, still)
    keep = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 1]], np.float32)
    sequences = pad(list(RNG.normal(size=(6, 4, 6, 20)).astype(np.float32)))
    labels, answers = np.array([0, 1, 2] * 2), []
    for part in (keep, keep[1:]):
        stage = SequenceStage(model, still, part)
        stage.train(sequences, labels, np.random.default_rng(0))
        answers.append(stage.predict(sequences)[-1])
    np.testing.assert_allclose(*answers, atol=1e-5)


PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
LABELS = np.array([0, 1])
ONES = np.ones(3, np.float32)


def test_without_focus_and_weights_the_focal_loss_is_cross_entropy():
    expected = keras.losses.sparse_categorical_crossentropy(LABELS, PROBABILITIES)
    np.testing.assert_allclose(focal_loss(LABELS, PROBABILITIES, ONES, 0.0), expected, rtol=1e-5)


def test_the_focal_loss_is_that_of_the_paper_for_the_true_class():
    alpha = np.array([0.5, 2.0, 1.0], np.float32)
    expected = [-0.5 * 0.3**2 * np.log(0.7), -2.0 * 0.7**2 * np.log(0.3)]
    np.testing.assert_allclose(focal_loss(LABELS, PROBABILITIES, alpha, 2.0), expected, rtol=1e-5)


def test_the_two_branch_form_is_equation_2_of_every_output():
    alpha = np.array([0.2, 0.3, 0.5], np.float32)
    p = PROBABILITIES[0]
    expected = -alpha[0] * (1 - p[0]) ** 2 * np.log(p[0])
    expected -= sum((1 - alpha[c]) * p[c] ** 2 * np.log(1 - p[c]) for c in (1, 2))
    got = binary_focal_loss(LABELS[:1], PROBABILITIES[:1], alpha, 2.0)
    np.testing.assert_allclose(got, [expected], rtol=1e-5)


@pytest.mark.parametrize("form", [focal_loss, binary_focal_loss])
def test_the_loss_falls_as_the_true_class_becomes_likelier_and_is_finite_at_the_ends(form):
    p = np.array([0.0, 0.2, 0.5, 0.8, 1.0])
    outputs = np.stack([p, (1 - p) / 2, (1 - p) / 2], axis=1).astype(np.float32)
    loss = form(np.zeros(5, int), outputs, ONES, 2.0).numpy()
    assert np.isfinite(loss).all()
    assert (np.diff(loss) < 0).all()


@pytest.mark.parametrize("form", [focal_loss, binary_focal_loss])
def test_a_class_without_a_sample_weighs_nothing(form):
    alpha = class_weights(np.array([0, 0, 1]), 3)
    assert alpha[2] == 0
    first, second = ([[0.5, 0.5 - q, q]] for q in (0.1, 0.4))
    if form is focal_loss:
        assert form([2], np.float32(first), alpha, 2.0).numpy() == 0
    else:
        with tf.GradientTape() as tape:
            p = tf.constant(second)
            tape.watch(p)
            loss = form([0], p, tf.constant(alpha), 2.0)
        assert tape.gradient(loss, p).numpy()[0, 2] == 0


def test_class_weights_are_inverse_frequencies_of_the_classes_that_occur():
    counts = {"eyes": (250, 0, 83, 109), "mouth": (250, 109, 83)}
    eyes, mouth = (
        class_weights(np.repeat(np.arange(len(n)), n), len(n)).round(3) for n in counts.values()
    )
    assert eyes.tolist() == pytest.approx([0.589, 0, 1.775, 1.352])
    assert mouth.tolist() == pytest.approx([0.589, 1.352, 1.775])


def test_regions_learn_the_outputs_that_the_table_of_the_later_code_has():
    table = relevance_table(CLASSES)
    labels = region_labels(np.arange(3), table, 3)
    outputs = [sorted(set(labels[:, r].tolist())) for r in range(6)]
    assert outputs == [[0, 2, 3], [0, 2, 3], [0, 3], [1, 3], [1, 3], [0, 1, 2]]


def test_labels_of_the_442_clips_by_region():
    labels = np.repeat(np.arange(3), (250, 109, 83))
    regions = region_labels(labels, relevance_table(CLASSES)[labels], 3)
    counts = [np.bincount(regions[:, r], minlength=4).tolist() for r in range(6)]
    eyes, cheeks = [250, 0, 83, 109], [0, 109, 0, 333]
    assert counts == [eyes, eyes, [250, 0, 0, 192], cheeks, cheeks, [250, 109, 83, 0]]


def test_happiness_does_not_move_the_nose_in_either_reading():
    nose = SIX.index("nose")
    assert not relevance_table(["positive"])[0, nose]
    assert not reacts_by_units([6, 12])[nose]
    assert set(REACTS) == set(ACTION_UNITS) == set(REGIONS)


def test_classes_without_a_table_are_refused_with_the_way_out():
    with pytest.raises(OptionError, match=r"disgust(.|\n)*labels_from='action_units'"):
        relevance_table(["disgust", "positive"])


def clip(level, n=6):
    frames = np.clip(RNG.normal(level, 8, (n, PIXELS, 3)), 0, 255).astype(np.uint8)
    return Patches(frames, np.ones(PIXELS, np.uint8))


def test_region_cnns_learn_to_tell_dark_from_bright():
    runtime.start(0)
    options = preset(patch_scale=0.1, cnn_epochs=25, frames_per_clip=4)
    clips = [clip(level) for level in (60, 180) * 6]
    labels = np.tile(np.array([0, 3] * 6)[:, None], (1, 6))
    cnns = RegionCnns(SIX, 4, options)
    history = cnns.train(clips, labels, np.random.default_rng(0), (clips[:2], labels[:2]))
    last = history[history.epoch == 25]
    assert (last.accuracy > 0.9).all()
    assert (last.monitor_accuracy > 0.9).all()
    _, outputs = cnns.look(clips[1])
    assert (outputs[..., 3] > 0.5).all()


@pytest.mark.parametrize("n", [1, 2, 2000])
def test_clips_of_one_frame_and_of_2000_frames_make_sequences(n):
    runtime.start(0)
    cnns = RegionCnns(SIX, 4, SMALL)
    clips = [clip(100, n), clip(150, 3)]
    cnns.train(clips, np.zeros((2, 6), np.int64), np.random.default_rng(0))
    sequences = pad([cnns.look(c)[0] for c in clips])
    lengths = [min(n, 4), 3]
    assert sequences.mask.sum(axis=1).tolist() == lengths
    assert evenly(n, 4)[[0, -1]].tolist() == [0, n - 1]
    stage = stage_of(SMALL)
    stage.train(sequences, np.array([0, 1]), np.random.default_rng(0))
    assert np.isfinite(stage.predict(sequences)).all()


def test_training_again_begins_again():
    runtime.start(0)
    still = replace(SMALL, dropout=0.0)
    model = sequence_network(6, 3, still)
    sequences = pad(list(RNG.normal(size=(6, 4, 6, 20)).astype(np.float32)))
    labels = np.array([0, 1, 2] * 2)
    first, second = (
        SequenceStage(model, still).train(sequences, labels, np.random.default_rng(0))
        for _ in range(2)
    )
    assert first.equals(second)


def test_means_for_scaling_come_from_the_training_clips_alone():
    runtime.start(0)
    cnns = RegionCnns(SIX, 4, SMALL)
    train, test = [clip(100), clip(110)], [clip(250)]
    labels = np.zeros((2, 6), np.int64)
    cnns.train(train, labels, np.random.default_rng(0), (test, labels[:1]))
    assert cnns.mean.mean() == pytest.approx(105, abs=2)


def test_a_network_cut_at_its_maps_is_the_network():
    model = networks()[0]
    body, head = split_cnn(model)
    x = RNG.random((2, *patch_size(SIX[0], 0.1), 4), np.float32)
    np.testing.assert_allclose(head(body(x)), model(x), atol=1e-6)


def test_the_released_start_draws_dense_layers_from_a_narrow_normal():
    runtime.start(0)
    model = region_cnn((8, 8), 4, preset("as_released"))
    assert model.get_layer("hidden").kernel.numpy().std() == pytest.approx(0.01, rel=0.05)
    assert model.get_layer("branch7").kernel.numpy().std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("reading", ["as_written", "as_released"])
def test_the_other_readings_of_the_paper_train(reading):
    runtime.start(0)
    few = {"patch_scale": 0.1, "cnn_epochs": 1, "lstm_epochs": 1, "steps": 3, "length": 6}
    options = preset(reading, **few)
    cnns = RegionCnns(SIX, 4, options)
    clips = [clip(90), clip(160)]
    cnns.train(clips, np.array([[0] * 6, [3] * 6]), np.random.default_rng(0))
    sequences = pad([cnns.look(c)[0] for c in clips], options.length)
    assert sequences.mask.shape == (2, 6)
    stage = stage_of(options)
    history = stage.train(sequences.unmasked(), np.array([0, 1]), np.random.default_rng(0))
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"layot": "landmark"}, "did you mean 'layout'"), ({"layout": "fixed"}, "known: landmark"),
     ({"gamma": -1}, "greater than or equal to 0"), ({"enlarge": 1}, "valid boolean")],
)  # fmt: skip
def test_options_that_do_not_exist_are_answered_with_the_nearest(change, message):
    with pytest.raises(OptionError, match=message):
        preset(**change)
