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
