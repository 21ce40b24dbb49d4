"""Tables of the ROI CNN-LSTM chapter."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mecore.metrics import recognition
from mecore.models.choices import choice_table
from mecore.models.roi.options import RoiOptions, preset
from mecore.models.roi.relevance import NOT_ME, REACTS, reacts_by_units, relevance_table
from mecore.preprocessing.faces import Box
from mecore.preprocessing.regions import SIX, patch_size
from mecore.report.published import printed_table
from mecore.report.scores import beside, cell
from mecore.report.tables import MISSING, choice_rows
from mecore.studies.roi_cnn_lstm.clips import AnyClip
from mecore.studies.roi_cnn_lstm.figures import Example, layouts
from mecore.studies.roi_cnn_lstm.study import RoiStudy

MEASURES = {"UF1": "uf1", "UAR": "uar", "accuracy": "accuracy"}
# Landmarks of a part of the face, and the box that is meant for them.
_PARTS: dict[str, tuple[Sequence[int], str]] = {
    "brows": (range(17, 27), "eye"), "eyes": (range(36, 48), "eye"),
    "nose": (range(27, 36), "nose"), "mouth corners": ((48, 54), "mouth"),
    "other points of the lips": ([*range(49, 54), *range(55, 68)], "mouth"),
}  # fmt: skip


def coverage(shown: Sequence[Example], options: RoiOptions) -> pd.DataFrame:
    """Share of the landmarks of each part of the face that lie in the box meant for it."""
    shares: dict[str, dict[str, float]] = {}
    for title, layout in layouts(options).items():
        boxes = [(e.points, e.boxes(layout)) for e in shown]
        shares[title] = {
            part: float(np.mean([
                _inside(points[[*indices]], [b.box for b in own if b.name.startswith(meant)])
                for points, own in boxes
            ]))
            for part, (indices, meant) in _PARTS.items()
        }  # fmt: skip
    return pd.DataFrame(shares)


def _inside(points: Any, boxes: Sequence[Box]) -> Any:
    """Whether points (n, 2) lie in one of the boxes, (n,)."""
    corners = np.array(boxes)[:, None]
    return ((points >= corners[..., :2]) & (points < corners[..., 2:])).all(-1).any(0)


def relevance(classes: Sequence[str]) -> pd.DataFrame:
    """Which label the CNN of each region learns from each class."""
    words = np.where(relevance_table(classes), np.array(classes)[:, None], NOT_ME)
    return pd.DataFrame(words, list(classes), list(SIX))


def relevance_by_units(clips: Sequence[AnyClip], classes: Sequence[str]) -> pd.DataFrame:
    """Share of the clips of each class whose action units move each region.

    In brackets what the table of emotions says of all of them.
    """
    rows = {}
    for name in classes:
        own = [reacts_by_units(c.units) for c in clips if c.label == name and c.units]
        shares = zip(SIX, np.mean(own, axis=0), strict=True) if own else ()
        words = {region: f"{s:.0%} ({name in REACTS[region]:.0%})" for region, s in shares}
        rows[name] = words or dict.fromkeys(SIX, MISSING)
    return pd.DataFrame(rows).T


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
    return beside(printed, scores, {m: MEASURES[m] for m in printed})


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
    uf1, uar = (printed_table(published, f"2 {m}").loc["ROI CNN-LSTM"] for m in ("UF1", "UAR"))
    rows = {}
    for name, matrices in candidates(published).items():
        counts = np.array(matrices[0])
        rows[name] = {
            "UF1, printed": uf1[name], "UF1, recomputed": recognition.uf1(counts),
            "UAR, printed": uar[name], "UAR, recomputed": recognition.uar(counts),
            "right": f"{np.trace(counts)} of {counts.sum()}", "matrices that fit": len(matrices),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def candidates(published: dict[str, Any]) -> dict[str, list[Any]]:
    """Confusion matrices that fit the printed scores, of each database and of all together."""
    own: dict[str, list[Any]] = published["reconstructed"]
    sums = [np.sum(choice, axis=0) for choice in product(*own.values())]
    return {"FULL": [*np.unique(sums, axis=0)]} | own


def cost(study: RoiStudy, clips: int = 442, subjects: int = 68, cores: int = 2) -> pd.DataFrame:
    """Measured seconds of a fold, and what they make of the composite of MEGC2019.

    Every part of a fold is taken to grow with its number of clips.
    """
    seconds, own = study.seconds(), len(study.task.clips)
    folds = len(seconds) // len(study.seeds())
    cnn, lstm = seconds[["cnn", "features"]].sum(axis=1).median(), seconds.lstm.median()
    grown = (1 - 1 / subjects) * clips / ((1 - 1 / folds) * own)
    names = ["region CNNs, seconds of a fold", "LSTMs, seconds of a fold", "folds",
             f"one run on {cores} cores, hours"]  # fmt: skip
    columns = {f"measured, {own} clips": (folds, 1), f"estimate, {clips} clips": (subjects, grown)}
    return pd.DataFrame({
        name: [cnn * g, lstm * g, float(n), n * (cnn + lstm) * g / cores / 3600]
        for name, (n, g) in columns.items()
    }, index=names)  # fmt: skip


def choices() -> pd.DataFrame:
    """Paper, released code and this study, option by option."""
    return choice_rows(choice_table(RoiOptions))
