"""Tables of the ROI CNN-LSTM chapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mecore.metrics import recognition
from mecore.models.choices import choice_table
from mecore.models.roi.options import RoiOptions, preset
from mecore.models.roi.relevance import NOT_ME, REACTS, reacts_by_units, relevance_table
from mecore.preprocessing.regions import SIX
from mecore.report.published import printed_table
from mecore.report.scores import beside, cell
from mecore.report.tables import choice_rows
from mecore.studies.roi_cnn_lstm.features import AnyClip
from mecore.studies.roi_cnn_lstm.figures import LAYOUTS, Example
from mecore.studies.roi_cnn_lstm.study import RoiStudy

MEASURES = {"UF1": "uf1", "UAR": "uar", "accuracy": "accuracy"}
_PARTS = {
    "brows": range(17, 27), "eyes": range(36, 48), "nose": range(27, 36),
    "mouth corners": (48, 54), "other points of the lips": [*range(49, 54), *range(55, 68)],
}  # fmt: skip
_HOLDS = {"brows": "eye", "eyes": "eye", "nose": "nose", "mouth corners": "mouth",
          "other points of the lips": "mouth"}  # fmt: skip


def coverage(shown: Sequence[Example], options: RoiOptions) -> pd.DataFrame:
    """Share of the landmarks of each part of the face that lie in the box meant for it."""
    rows: dict[str, dict[str, float]] = {part: {} for part in _PARTS}
    for title, changes in LAYOUTS.items():
        reading = replace(options, regions="six", **changes)
        boxes = [(e, e.boxes(reading)) for e in shown]
        for part, points in _PARTS.items():
            inside = [
                any(_holds(b.box, e.points[i]) for b in own if b.name.startswith(_HOLDS[part]))
                for e, own in boxes
                for i in points
            ]
            rows[part][title] = float(np.mean(inside))
    return pd.DataFrame(rows).T


def _holds(box: Any, point: Any) -> bool:
    return bool(box.left <= point[0] < box.right and box.top <= point[1] < box.bottom)


def relevance(classes: Sequence[str]) -> pd.DataFrame:
    """Which label the CNN of each region learns from each class."""
    table = relevance_table(classes)
    words = [
        [c if reacts else NOT_ME for reacts in row] for c, row in zip(classes, table, strict=True)
    ]
    return pd.DataFrame(words, index=list(classes), columns=list(SIX))


def relevance_by_units(clips: Sequence[AnyClip], classes: Sequence[str]) -> pd.DataFrame:
    """Share of the clips of each class whose action units move each region.

    In brackets what the table of emotions says of all of them.
    """
    rows = {}
    for name in classes:
        own = [reacts_by_units(c.units) for c in clips if c.label == name and c.units]
        shares = np.mean(own, axis=0) if own else [np.nan] * len(SIX)
        said = [name in REACTS[region] for region in SIX]
        rows[name] = [
            "–" if s != s else f"{s:.0%} ({1 if r else 0:.0%})"
            for s, r in zip(shares, said, strict=True)
        ]
    return pd.DataFrame(rows, index=list(SIX)).T


def parameters(published: dict[str, Any]) -> pd.DataFrame:
    """Parameters of the parts and of the whole system, with four channels and with three."""
    # Keras takes seconds to import; pages that need no network do without it.
    from mecore.models.roi.network import region_cnn, sequence_network

    rows: dict[str, dict[str, int]] = {}
    for channels in ("4", "3"):
        options = preset(channels=channels)
        cnn = region_cnn((40, 50), 4, options).count_params()
        sequence = sequence_network(6, 3, options).count_params()
        rows[f"{channels} channels"] = {
            "one region CNN": cnn, "six of them": 6 * cnn, "sequence network": sequence,
            "whole system": 6 * cnn + sequence,
        }  # fmt: skip
    printed = printed_table(published, "size")
    rows["printed"] = {"whole system": int(printed.loc["System", "parameters"])}
    return pd.DataFrame(rows).astype("Int64")


def layers(n_classes: int, options: RoiOptions) -> pd.DataFrame:
    """Layers of both networks: output and number of parameters."""
    from mecore.models.roi.network import region_cnn, sequence_network
    from mecore.preprocessing.regions import patch_size

    size = patch_size("mouth", options.patch_scale)
    parts = {"region CNN (mouth)": region_cnn(size, n_classes + 1, options),
             "sequence network": sequence_network(6, n_classes, options)}  # fmt: skip
    rows = [
        {"part": part, "layer": layer.name,
         "output": "×".join("T" if n is None else str(n) for n in layer.output.shape[1:]),
         "parameters": layer.count_params()}
        for part, model in parts.items()
        for layer in model.layers
        if type(layer).__name__ not in ("InputLayer", "Dropout")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def beside_published(published: dict[str, Any], scores: pd.DataFrame) -> pd.DataFrame:
    """Printed rows of Table 2 for the full composite, above the measured columns."""
    printed = pd.DataFrame({m: printed_table(published, f"2 {m}")["FULL"] for m in ("UF1", "UAR")})
    return beside(printed, scores, {"UF1": "uf1", "UAR": "uar"})


def leak_table(scores: Mapping[str, Mapping[str, pd.Series]]) -> pd.DataFrame:
    """UF1 of both protocols, and how much more the leaking one gives."""
    rows = {
        kind: {name: cell(score) for name, score in both.items()}
        | {"oracle - honest": both["oracle"].score - both["honest"].score}
        for kind, both in scores.items()
    }
    return pd.DataFrame(rows).T


def reconstructed(published: dict[str, Any]) -> pd.DataFrame:
    """Scores of the confusion matrices that follow from the printed ones, beside those."""
    row = "ROI CNN-LSTM"
    printed = {m: printed_table(published, f"2 {m}").loc[row] for m in ("UF1", "UAR")}
    rows = {}
    for name, matrices in candidates(published).items():
        counts = np.array(matrices[0])
        rows[name] = {
            "UF1, printed": printed["UF1"][name], "UF1, recomputed": recognition.uf1(counts),
            "UAR, printed": printed["UAR"][name], "UAR, recomputed": recognition.uar(counts),
            "right": f"{np.trace(counts)} of {counts.sum()}", "matrices that fit": len(matrices),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def candidates(published: dict[str, Any]) -> dict[str, list[Any]]:
    """Confusion matrices that fit the printed scores, of each database and of all together."""
    own: dict[str, list[Any]] = published["reconstructed"]
    sums = {
        tuple(map(tuple, sum(np.array(m) for m in choice).tolist()))  # type: ignore[union-attr]
        for choice in product(*own.values())
    }
    return {"FULL": [np.array(s) for s in sorted(sums)]} | own


def cost(study: RoiStudy, clips: int = 442, subjects: int = 68, cores: int = 2) -> pd.DataFrame:
    """Measured seconds of a fold, and what they make of the composite of MEGC2019.

    Every part of a fold is taken to grow with its number of clips.
    """
    seconds = study.seconds()
    own, folds = len(study.task.clips), len(seconds) // len(study.seeds())
    parts = seconds[["cnn", "features"]].sum(axis=1).median(), seconds.lstm.median()
    grown = (1 - 1 / subjects) * clips / ((1 - 1 / folds) * own)
    rows = {
        "region CNNs, seconds of a fold": (parts[0], parts[0] * grown),
        "LSTMs, seconds of a fold": (parts[1], parts[1] * grown),
        "folds": (float(folds), float(subjects)),
        f"one run on {cores} cores, hours": tuple(
            n * sum(parts) * g / cores / 3600 for n, g in ((folds, 1.0), (subjects, grown))
        ),
    }  # fmt: skip
    names = [f"measured, {own} clips", f"estimate, {clips} clips"]
    return pd.DataFrame(rows, index=names).T


def choices() -> pd.DataFrame:
    """Paper, released code and this study, option by option."""
    return choice_rows(choice_table(RoiOptions))
