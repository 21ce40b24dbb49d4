"""All runs of the ROI CNN-LSTM chapter, one after the other in one pool of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mecore.data.database import Database
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.folds import Labels
from mecore.models.roi.options import RoiOptions
from mecore.studies.roi_cnn_lstm.noise import SHARES, noise_clips
from mecore.studies.roi_cnn_lstm.study import RoiStudy, run_clips, run_roi

PAPER = "all as above"
ABLATIONS: dict[str, dict[str, Any]] = {
    "whole face": {"regions": "face"},
    "three channels, no mask": {"channels": "3"},
    "cross-entropy": {"loss": "cross_entropy", "weights": "none"},
}
# Noise needs no detail: patches of the least size say as much as large ones.
_NOISE_SCALE = 0.1


def run_chapter_studies(
    databases: Sequence[Database],
    options: RoiOptions,
    results: Path,
    *,
    seed: int = 0,
    workers: Workers = 1,
    progress: bool = True,
) -> dict[str, RoiStudy]:
    """Run everything that the chapter shows.

    Parameters
    ----------
    databases, options, results, seed, progress
        See `mecore.studies.roi_cnn_lstm.study.run_roi`.
    workers : int or str
        Processes, or the address of a Dask scheduler; no result depends on it.

    Returns
    -------
    dict
        ``honest`` and ``oracle``, each with true and permuted labels; ``noise, honest`` and
        ``noise, oracle`` on clips without a signal; and each of `ABLATIONS`, honest.
    """
    clean = replace(options, cnn_subjects="training")
    leaky = replace(options, cnn_subjects="everyone")
    people = {(d.manifest.id, s) for d in databases for s in d.videos.subject}
    clips = noise_clips(min(8, len(people)), seed=seed)
    studies = {}
    with executor_for(workers) as executor:
        common: dict[str, Any] = {"seed": seed, "progress": progress}
        for name, reading in (("honest", clean), ("oracle", leaky)):
            studies[name] = run_roi(
                databases, reading, results, executor, variants=name == "honest", **common
            )
            coarse = replace(reading, regions="six", labels_from="emotion",
                             patch_scale=_NOISE_SCALE)  # fmt: skip
            studies[f"noise, {name}"] = run_clips(
                clips, tuple(SHARES), "noise", coarse, results, executor, **common
            )
        for name, changes in ABLATIONS.items():
            reading = replace(clean, **changes)
            studies[name] = run_roi(
                databases, reading, results, executor, labels=("true",), **common
            )
    return studies


def columns(studies: dict[str, RoiStudy]) -> dict[str, dict[str, float]]:
    """Scores in the columns honest, oracle, chance, and oracle on permuted labels."""
    honest, oracle = studies["honest"], studies["oracle"]
    result = {
        "honest": honest.score(honest.table()),
        "oracle": oracle.score(oracle.table()),
        "chance": honest.score(honest.table("rows", "permuted")),
        "oracle on chance": oracle.score(oracle.table("rows", "permuted")),
    }
    honest.store.save_metrics(result)
    return result


def leak(studies: dict[str, RoiStudy]) -> pd.DataFrame:
    """UF1 of the clean and of the leaking protocol, with and without a class signal."""
    kinds: dict[str, tuple[str, Labels]] = {
        "true labels": ("", "true"),
        "permuted labels": ("", "permuted"),
        "noise, random labels": ("noise, ", "true"),
    }
    scores = {
        kind: {name: _uf1(studies[prefix + name], labels) for name in ("honest", "oracle")}
        for kind, (prefix, labels) in kinds.items()
    }
    return pd.DataFrame(scores).T


def _uf1(study: RoiStudy, labels: Labels) -> float:
    return study.score(study.table("rows", labels))["uf1"]


def ablations(studies: dict[str, RoiStudy]) -> pd.DataFrame:
    """UF1 and UAR of every ablation, honest, one row each."""
    main = studies["honest"]
    rows = {PAPER: main.table()}
    rows |= {name: studies[name].table() for name in ABLATIONS}
    rows |= dict(iter(main.table("variants").groupby("variant", sort=False)))
    scores = {name: main.score(part) for name, part in rows.items()}
    return pd.DataFrame(scores).T[["uf1", "uar", "accuracy"]]
