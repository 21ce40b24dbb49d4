import pickle

import pytest

from mecore.errors import DataError, FaceError, MecoreError


@pytest.mark.parametrize("kind", [MecoreError, DataError, FaceError])
def test_an_error_of_a_worker_process_arrives_as_it_was(kind):
    error = kind("no face", where="frame 3", todo="look elsewhere")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
