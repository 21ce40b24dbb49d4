import pytest

from mecore.data import external
from mecore.errors import ExternalFileError, OptionError

NAME, FILE = "mean-weights", "CASME2/spot_recog/s3.hdf5"


def test_the_registry_lists_all_101_published_networks():
    assert len(external.file_set(NAME)) == 101


def test_absent_files_are_answered_with_the_command_that_fetches_them(monkeypatch):
    monkeypatch.delenv("MECORE_EXTERNAL", raising=False)
    with pytest.raises(ExternalFileError, match=r"not found(.|\n)*mecore fetch mean-weights"):
        external.locate(NAME, FILE)


def test_a_truncated_file_is_refused_with_both_hashes(monkeypatch, tmp_path):
    path = tmp_path / "mean_weights" / "MEAN_Weights" / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    monkeypatch.setenv("MECORE_EXTERNAL", str(tmp_path))
    with pytest.raises(ExternalFileError, match=r"damaged: sha256 .*, expected b3698b43.*10 bytes"):
        external.locate(NAME, FILE)


def test_a_misspelt_set_or_file_is_answered_with_the_nearest_one():
    with pytest.raises(ExternalFileError, match="did you mean 'mean-weights'"):
        external.file_set("mean-weight")
    with pytest.raises(ExternalFileError, match="did you mean 'CASME2/spot_recog/s3.hdf5'"):
        external.locate(NAME, "CASME2/spot_recog/s3.hdf")


def test_both_landmark_models_are_installed():
    assert all(external.landmark_model(n).stat().st_size > 1_000_000 for n in (5, 68))


@pytest.mark.external
def test_files_in_the_external_folder_are_found_and_verified(external_weights):
    assert external_weights.name == "s3.hdf5"


@pytest.fixture
def external_weights(external):
    from mecore.data.external import locate

    return locate(NAME, FILE)


def test_no_fetch_without_a_network_loses_the_way_out(monkeypatch, tmp_path):
    monkeypatch.delenv("MECORE_EXTERNAL", raising=False)
    monkeypatch.setattr(external.pooch.HTTPDownloader, "__call__", _unreachable)
    with pytest.raises(ExternalFileError, match=r"could not be fetched(.|\n)*MECORE_EXTERNAL"):
        external.fetch(NAME, [FILE])


def _unreachable(*_args, **_kwargs):
    raise OSError("Network is unreachable")


def test_errors_name_what_where_and_what_next():
    error = OptionError("is wrong", where="here", todo="do that")
    assert str(error) == "here: is wrong\n  Next: do that"
