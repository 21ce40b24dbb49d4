"""Where things lie: manifests and notebooks of the study, data, results, caches, external files."""

import os
from pathlib import Path

import platformdirs


def shared_folder(name: str) -> Path:
    """Return a top-level folder of the study, in the checkout or in the wheel.

    Parameters
    ----------
    name : str
        ``"data_manifests"``, ``"notebooks"`` or ``"book"``.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / name
    return checkout if checkout.is_dir() else package / "_shared" / name


def _home(variable: str, default: Path) -> Path:
    given = os.environ.get(variable)
    # Workers of a cluster have current folders of their own.
    return Path(given).expanduser().absolute() if given else default


def data_home() -> Path:
    """Return where the phantom is kept: ``$MECORE_DATA``, else the user's data folder."""
    return _home("MECORE_DATA", platformdirs.user_data_path("mecore"))


def cache_home() -> Path:
    """Return where features and fetched files lie: ``$MECORE_CACHE``, else the user's cache."""
    return _home("MECORE_CACHE", platformdirs.user_cache_path("mecore"))


def results_home() -> Path:
    """Return where runs are: ``$MECORE_RESULTS``, else ``results`` beside the manifests or here."""
    here = Path.cwd()
    study = next((p for p in [here, *here.parents] if (p / "data_manifests").is_dir()), here)
    return _home("MECORE_RESULTS", study / "results")


def external_folder() -> Path | None:
    """Return the folder named in ``$MECORE_EXTERNAL``, which is looked in before any download."""
    given = os.environ.get("MECORE_EXTERNAL")
    return Path(given).expanduser() if given else None
