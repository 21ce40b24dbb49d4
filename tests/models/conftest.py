"""Networks are tested as they are trained: with one thread."""

import pytest

from mecore import runtime


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    runtime.configure()
