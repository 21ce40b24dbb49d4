import pytest

from mecore.data.annotations import read_annotations
from mecore.data.composite import (
    composite_counts,
    known_composites,
    load_composite,
    open_composite,
    read_composite,
    split_subject,
)
from mecore.data.manifest import load_manifest
from mecore.errors import DataError, ManifestError, OptionError
from mecore.evaluation.folds import across_databases, leave_one_database_out
from tests.lookalikes import casme_family, composite, others
from tests.lookalikes.paint import number_of


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    places = {}
    for write in (composite.smic_hs, composite.casme2, composite.samm):
        places[write.__name__] = tmp_path_factory.mktemp(write.__name__)
        write(places[write.__name__])
    return places


@pytest.fixture(scope="module")
def samples(roots):
    return read_composite("megc2019", roots)


def test_the_composite_of_megc2019_has_442_samples_of_68_subjects(samples):
    assert (len(samples), samples.subject.nunique()) == (442, 68)
    assert samples["class"].value_counts().to_dict() == {
        "negative": 250, "positive": 109, "surprise": 83}  # fmt: skip


def test_each_database_gives_what_was_published(samples):
    counts = composite_counts(load_composite("megc2019"), samples)
    assert set(counts.database) == {"smic_hs", "casme2", "samm", "all"}
    assert (counts.expected == counts.found).all()


def test_the_two_clips_that_the_rule_leaves_out_are_left_out(samples, roots):
    clips = set(zip(samples.subject, samples.video, strict=True))
    assert not clips & {("casme2-04", "EP12_01f"), ("casme2-05", "EP09_05f")}
    whole = read_annotations(load_manifest("casme2"), roots["casme2"])
    assert len(whole.samples) == 255


PARTS = ("smic_hs", "casme2", "samm")


def database_of(samples):
    return dict(zip(samples.subject, samples.database, strict=True))


def test_subjects_carry_the_name_of_their_database(samples):
    names = [split_subject(s, PARTS)[0] for s in samples.subject]
    assert names == samples.database.tolist()
    assert set(names) == set(PARTS)
    assert "samm-006" in set(samples.subject)


def test_the_labels_of_2019_are_not_taken_for_those_of_2014(roots, tmp_path):
    composite.casme2(tmp_path, edition="20190701")
    assert load_manifest("casme2").id  # the database itself reads both editions
    assert len(read_annotations(load_manifest("casme2"), tmp_path).samples) == 255
    with pytest.raises(DataError, match=r"not found: CASME2-coding-20140508\.xlsx"):
        read_composite("megc2019", roots | {"casme2": tmp_path})


def test_a_root_that_is_not_named_is_asked_for(roots):
    with pytest.raises(DataError, match=r"where does samm lie(.|\n)*mecore data check samm"):
        read_composite("megc2019", {k: v for k, v in roots.items() if k != "samm"})


def test_a_misspelt_composite_is_answered_with_the_nearest_one():
    assert list(known_composites()) == ["megc2019"]
    with pytest.raises(ManifestError, match="did you mean 'megc2019'"):
        load_composite("megc2018")


def test_frames_of_a_composite_come_from_the_right_database(tmp_path):
    places = {}
    for write in (others.smic_hs, casme_family.casme2, others.samm):
        places[write.__name__] = tmp_path / write.__name__
        write(places[write.__name__])
    database = open_composite("megc2019", places)
    for s in database.samples.itertuples():
        assert database.may_show(s.subject) is False
        onset = number_of(database.frames(s.subject, s.video).read(s.onset))
        assert onset in {34208, 17581039, 46, 5562, 1100}
    assert len(database.samples) == 5  # «others» and the clip that is left out are not in it
    assert database.fingerprint == open_composite("megc2019", places).fingerprint
    with pytest.raises(DataError, match="did you mean 'samm'"):
        database.frames("sam-006", "006_1_2")


def test_a_fold_across_databases_trains_on_one_or_two_and_tests_on_another(samples):
    fold = across_databases(database_of(samples), ["casme2", "samm"], "smic_hs", seed=3)
    assert (len(fold.train), len(fold.test)) == (24 + 28, 16)
    assert fold.name == "casme2+samm-to-smic_hs"
    assert {split_subject(s, PARTS)[0] for s in fold.train} == {"casme2", "samm"}
    chance = across_databases(database_of(samples), ["samm"], "casme2", labels="permuted")
    assert (chance.name, len(chance.train)) == ("samm-to-casme2-permuted", 28)


def test_leaving_one_database_out_tests_each_subject_once(samples):
    folds = leave_one_database_out(database_of(samples))
    tested = [s for fold in folds for s in fold.test]
    assert sorted(tested) == sorted(set(samples.subject))


def test_a_database_cannot_train_and_test(samples):
    with pytest.raises(DataError, match="on two sides"):
        across_databases(database_of(samples), ["samm"], "samm")
    with pytest.raises(OptionError, match="no subject of 'sam'; did you mean 'samm'"):
        across_databases(database_of(samples), ["sam"], "casme2")
