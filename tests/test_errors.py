import pickle

from mecore.errors import DataError


def test_an_error_comes_back_from_a_worker_as_it_was():
    error = DataError("no face", where="clip 3", todo="exclude it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DataError
    assert str(again) == str(error) == "clip 3: no face\n  Next: exclude it"
