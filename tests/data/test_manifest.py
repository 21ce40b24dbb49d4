import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mecore.data.manifest import known_manifests, load_manifest, parse_manifest
from mecore.data.places import shared_folder
from mecore.errors import ManifestError


@pytest.mark.parametrize("name", sorted(known_manifests()))
def test_every_manifest_of_the_study_is_valid_and_named_like_its_file(name):
    assert load_manifest(name).id == name


def test_the_template_for_own_recordings_is_valid():
    template = parse_manifest(shared_folder("data_manifests") / "template.yaml")
    assert template.figures.faces == "hidden"


def test_a_misspelt_database_is_answered_with_the_nearest_right_one():
    with pytest.raises(ManifestError, match="did you mean 'phantom-long'"):
        load_manifest("phantom-lnog")


@pytest.mark.parametrize(
    ("place", "key", "hint"),
    [
        ((), "licnce", "did you mean 'licence'"),
        (("layout",), "vidoe", "did you mean 'video'"),
        (("annotations",), "colums", "did you mean 'columns'"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_right_one(own, place, key, hint):
    part = own.manifest
    for name in place:
        part = part[name]
    part[key] = "x"
    with pytest.raises(ManifestError, match=hint):
        own.open()


def test_a_missing_key_is_named(own):
    del own.manifest["layout"]["video"]
    with pytest.raises(ManifestError, match=r"'layout\.video' is missing"):
        own.open()


@pytest.mark.parametrize(
    "path", ["../other/{subject}/{video}", "/etc/{subject}/{video}", "a\\{video}"]
)
def test_no_path_of_a_manifest_leaves_the_data_root(own, path):
    own.manifest["layout"]["video"] = path
    with pytest.raises(ManifestError, match="leaves the data root"):
        own.open()


def test_an_emotion_belongs_to_one_class(own):
    own.manifest["classes"]["surprise"] = ["surprise", "anger"]
    with pytest.raises(ManifestError, match="anger stands in more than one class"):
        own.open()


def test_an_unknown_field_of_the_samples_table_is_refused(own):
    own.manifest["annotations"]["columns"]["appex"] = "apex"
    with pytest.raises(ManifestError, match="did you mean 'apex'"):
        own.open()


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_a_manifest_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("m") / "m.yaml"
    path.write_bytes(content)
    with pytest.raises(ManifestError):
        parse_manifest(path)


def test_a_manifest_cannot_run_code(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("id: !!python/object/apply:os.system ['true']")
    with pytest.raises(ManifestError, match="cannot be read as YAML"):
        parse_manifest(path)


def test_a_fact_that_changes_changes_the_fingerprint(own):
    before = parse_manifest(own.write()).fingerprint
    own.manifest["fps"] = 200
    assert parse_manifest(own.write()).fingerprint != before


def test_faces_are_hidden_unless_the_manifest_says_whose_may_be_shown(own):
    hidden = parse_manifest(own.write()).figures
    own.manifest["figures"] = {"subjects": ["006"]}
    some = parse_manifest(own.write()).figures
    assert not hidden.may_show("006")
    assert some.may_show("006")
    assert not some.may_show("007")


def test_yaml_dump_of_a_manifest_reads_back_equal(own):
    manifest = parse_manifest(own.write())
    path = own.root / "again.yaml"
    path.write_text(yaml.safe_dump(manifest.model_dump(mode="json")))
    assert parse_manifest(path) == manifest


@pytest.mark.parametrize("name", sorted(known_manifests()))
def test_every_manifest_says_who_to_ask_how_to_cite_and_how_sure_it_is(name):
    manifest = load_manifest(name)
    assert manifest.licence.request
    assert manifest.citation
    assert manifest.expected.source
    assert manifest.synthetic == (manifest.figures.faces == "shown")


@pytest.mark.parametrize("name", sorted(known_manifests()))
def test_counts_of_a_manifest_do_not_contradict_each_other(name):
    manifest = load_manifest(name)
    expected = manifest.expected
    for parts in (expected.classes, expected.kinds):
        assert not parts or sum(parts.values()) == expected.samples
    assert all(manifest.knows(emotion) for emotion in expected.classes)


def test_the_usual_classes_of_casme2_count_as_published():
    counts = load_manifest("casme2").expected.classes
    for name, published in (("casme2", 90 + 32 + 25), ("casme2:5", 246), ("casme2:7", 255)):
        assert sum(counts[e] for e in load_manifest(name).class_of) == published


def test_the_usual_classes_of_samm_and_casme_count_as_published():
    for name, published in (("samm", 133), ("samm:5", 136), ("samm:8", 159), ("casme:4", 172)):
        manifest = load_manifest(name)
        assert sum(manifest.expected.classes[e] for e in manifest.class_of) == published


def test_other_classes_leave_no_emotion_unknown():
    manifest = load_manifest("casme2:5")
    assert set(manifest.classes) == {"happiness", "disgust", "surprise", "repression", "others"}
    assert manifest.other_emotions == ["fear", "sadness"]
    with pytest.raises(ManifestError, match="casme2 has no classes '6'; known: 5, 7"):
        load_manifest("casme2:6")


def test_a_class_set_may_not_name_an_emotion_that_the_manifest_does_not_know(own):
    own.manifest["class_sets"] = {"2": {"good": ["happiness"], "bad": ["angst"]}}
    with pytest.raises(ManifestError, match=r"class_sets\.2: angst unknown or repeated"):
        own.open()


def test_a_pattern_that_is_none_is_refused(own):
    own.manifest["annotations"]["split"] = {"video": "("}
    with pytest.raises(ManifestError, match="is no regular expression"):
        own.open()


@pytest.mark.parametrize("name", sorted(known_manifests()))
def test_corrections_say_what_why_and_whence(name):
    for correction in load_manifest(name).corrections:
        assert correction.set
        assert correction.reason
        assert correction.source


def test_the_long_smic_clips_are_the_short_ones_less_the_seven_without_a_row():
    short, long = (load_manifest(n).expected.classes for n in ("smic_hs", "smic_e_hs"))
    # s1_ne_02, s3_ne_03, s3_ne_20, s4_ne_05, s4_ne_06; s2_sur_05, s9_sur_02
    assert {c: short[c] - long[c] for c in short} == {"negative": 5, "positive": 0, "surprise": 2}
