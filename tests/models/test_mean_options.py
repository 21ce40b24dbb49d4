import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import OptionError
from mecore.models.choices import choice_table, group
from mecore.models.mean.options import MeanOptions, preset


def test_the_paper_as_written_and_its_code_as_released_differ_where_the_facts_say():
    written, released = preset("as_written"), preset("as_released")
    assert (written.spot_epochs, released.spot_epochs) == (200, 10)
    assert (written.recog_epochs, released.recog_epochs) == (800, 100)
    assert (written.negatives_per_positive, released.negatives_per_positive) == (8, 5)
    assert (written.batch_norm, released.batch_norm) == (False, True)
    assert (written.eyes, released.eyes) == ("two", "band")
    assert (written.interval, released.interval) == ("written", "released")
    assert (written.without_peak, released.without_peak) == ("nothing", "dummy")


def test_ours_chooses_nothing_on_the_left_out_subject():
    assert MeanOptions().k_prime_from == "training"


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"smothing": "written"}, "did you mean 'smoothing'"),
        ({"smoothing": "gausian"}, "did you mean 'gaussian'"),
        ({"batch_norm": "yes"}, "batch_norm='yes': Input should be a valid boolean"),
        ({"spot_epochs": "ten"}, "spot_epochs='ten': Input should be a valid integer"),
        ({"p": -1}, "p=-1: Input should be greater than or equal to 0"),
    ],
)
def test_a_misspelt_option_or_value_is_answered_with_the_right_one(change, hint):
    with pytest.raises(OptionError, match=hint):
        preset("default", **change)


def test_a_misspelt_preset_is_answered_with_the_nearest_one():
    with pytest.raises(OptionError, match="did you mean 'as_written'"):
        preset("as_writen")


@given(st.sampled_from([row["name"] for row in choice_table(MeanOptions)]))
def test_every_option_belongs_to_one_group(name):
    groups = ("features", "network", "training", "spotting", "scoring")
    assert sum(hasattr(group(MeanOptions(), g), name) for g in groups) == 1
