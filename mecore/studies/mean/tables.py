"""Tables of the MEAN chapter."""

import time
from dataclasses import replace
from typing import Any

import pandas as pd

from mecore.descriptors.flow.engines import flow_pairs
from mecore.models.choices import choice_table
from mecore.models.mean.inputs import face_crops
from mecore.models.mean.options import MeanOptions, preset
from mecore.report.published import printed_table
from mecore.report.scores import beside, column_table, score_table, select
from mecore.report.tables import choice_rows, word
from mecore.spotting.labels import flow_distance
from mecore.studies.mean.study import ORACLE_GRID, MeanStudy

MEASURES = {
    "annotated": "n_annotated", "true positives": "tp", "false positives": "fp",
    "false negatives": "fn", "precision": "precision", "recall": "recall", "F1": "f1",
    "AP@[.5:.95], ranked": "ap_50_95", "AP@[.5:.95], as released": "ap_50_95_unranked",
    "recognised true positives": "recognition_n", "accuracy": "recognition_accuracy",
    "F1 of means (Eq. 21)": "recognition_f1_of_means", "UF1": "recognition_uf1",
    "UAR": "recognition_uar", "STRS": "strs",
}  # fmt: skip
ONE_PER_VIDEO = {
    "apex spotting rate": "asr", "apex error, frames": "apex_mae",
    "accuracy, all spotted": "all_accuracy", "F1 of means, all spotted": "all_f1_of_means",
    "UF1, all spotted": "all_uf1", "UAR, all spotted": "all_uar",
}  # fmt: skip
HEADLINE = {"spotting F1": "f1", "recognition F1": "recognition_f1_of_means", "STRS": "strs"}


def detailed(study: MeanStudy) -> pd.DataFrame:
    """Every measure of Table 5, and of Tables 2 and 3 for short videos."""
    return column_table(study.scores, MEASURES | (ONE_PER_VIDEO if study.task.short else {}))


def smoothing_ablation(study: MeanStudy, published: dict[str, Any]) -> pd.DataFrame:
    """Table 7: other smoothing of the same scores, with the printed values for CASME II."""
    names = ["simple average", "Gaussian (σ=1)", "Gaussian (σ=3)", "exponential (τ=1)",
             "exponential (τ=3)"]  # fmt: skip
    settings = {
        name: {"options": replace(study.task.options, smoothing=way, smoothing_width=width)}
        for name, (way, width) in zip(names, ORACLE_GRID["smoothing"], strict=True)
    }
    return _with_printed(study.variants(settings), published, "7")


def voting_ablation(study: MeanStudy, published: dict[str, Any]) -> pd.DataFrame:
    """Table 8: other frames that vote for the emotion, with the printed value for CASME II."""
    settings = {
        f"case {n}, {word(vote)}": {"options": replace(study.task.options, vote=vote)}
        for n, vote in enumerate(ORACLE_GRID["vote"], 1)
    }
    return _with_printed(study.variants(settings), published, "8")


def transfer_ablation(study: MeanStudy, published: dict[str, Any]) -> pd.DataFrame:
    """Table 9: recognition without and with transfer, of the same spotted intervals."""
    heads = {"without transfer": {"head": "alone"}, "with transfer": {"head": "p"}}
    return _with_printed(study.variants(heads), published, "9")


def distance_ablation(studies: dict[float, MeanStudy], published: dict[str, Any]) -> pd.DataFrame:
    """Table 6: other distances k of a pair, see `mecore.studies.mean.study.at_distances`."""
    scores = {f"k = {k:.2f} s": study.score("honest") for k, study in studies.items()}
    return _with_printed(scores, published, "6")


def _with_printed(
    measured: dict[str, pd.DataFrame], published: dict[str, Any], table: str
) -> pd.DataFrame:
    """Put printed values beside measured ones; both have their rows in the order of the paper."""
    names = {"Spotting": "spotting F1", "Analysis": "recognition F1", "Overall": "STRS",
             "CASME II": "recognition F1"}  # fmt: skip
    printed = printed_table(published, table)
    printed = printed[[c for c in printed if c in names]]
    printed = printed.rename(columns=lambda c: f"{names[c]}, printed (CASME II)")
    ours = score_table({name: select(scores) for name, scores in measured.items()}, HEADLINE).T
    return pd.concat([ours, printed.set_axis(ours.index)], axis=1)


def chosen(study: MeanStudy) -> pd.DataFrame:
    """What the oracle chose, one row per seed."""
    names = {"smoothing": "smoothing", "width": "smoothing_width", "voting frames": "vote",
             "p": "p"}  # fmt: skip
    return pd.DataFrame([
        {"seed": seed} | {k: word(getattr(study.oracle("true", seed), v)) for k, v in names.items()}
        for seed in study.seeds()
    ])  # fmt: skip


def choices() -> pd.DataFrame:
    """Paper, released code and this study, option by option."""
    return choice_rows(choice_table(MeanOptions))


def parameters() -> pd.DataFrame:
    """Parameters and operations of the network, beside what the paper states."""
    # Keras takes seconds to import; pages that need no network do without it.
    from mecore.models.mean.network import build_mean, count_flops

    rows = {}
    for name, n_classes, reading in [
        ("3 classes", 3, "default"), ("5 classes (CASME II)", 5, "default"),
        ("3 classes, as written (no batch norm)", 3, "as_written"),
    ]:  # fmt: skip
        model = build_mean(n_classes, preset(reading)).whole
        rows[name] = {"parameters": model.count_params(), "FLOPs": count_flops(model)}
    rows["printed"] = {"parameters": 7608, "FLOPs": "3.5 million"}
    return pd.DataFrame(rows).T


def layers(n_classes: int, options: MeanOptions) -> pd.DataFrame:
    """Layers of the network: output and number of parameters."""
    from mecore.models.mean.network import build_mean

    return pd.DataFrame([
        {"part": part.name, "layer": layer.name,
         "output": "×".join(map(str, layer.output.shape[1:])), "parameters": layer.count_params()}
        for part in build_mean(n_classes, options)
        for layer in part.layers
        if type(layer).__name__ not in ("InputLayer", "Dropout")
    ])  # fmt: skip


def beside_published(study: MeanStudy, published: dict[str, Any]) -> pd.DataFrame:
    """Published rows of Table 5 above the measured columns."""
    spotting, analysis, overall = (printed_table(published, t) for t in ("5S", "5A", "5"))
    printed = pd.DataFrame({
        "spotting F1": spotting.loc["F1-score"], "recognition F1": analysis.loc["F1-score"],
        "UF1": analysis.loc["UF1"], "UAR": analysis.loc["UAR"], "STRS": overall.loc["STRS"],
    })  # fmt: skip
    measures = HEADLINE | {"UF1": "recognition_uf1", "UAR": "recognition_uar"}
    return beside(printed, study.scores, measures)


def cost(study: MeanStudy) -> pd.DataFrame:
    """Seconds per fold and per frame, beside the printed ones."""
    seconds = study.seconds()
    network = float((seconds.inference / seconds.frames).median())
    flow = study.store.timings(lambda: {"flow": _flow_seconds(study)})["flow"]
    rows = {
        "spotting, training of a fold": (seconds.spotting.median(), 109.91),
        "recognition, training of a fold": (seconds.recognition.median(), 7.71),
        "network, per frame": (network, 0.0014),
        "optical flow, per frame": (flow, None),
        "flow and network, per frame": (flow + network, None),
    }
    return pd.DataFrame(rows, index=["measured", "printed"]).T


def _flow_seconds(study: MeanStudy, n_pairs: int = 30) -> float:
    """Seconds per pair of the first video, warm, on one core."""
    item, options = study.task.items[0], study.task.options
    crops, _ = face_crops(item.footage, options)
    k = flow_distance(item.fps, options.k_seconds)
    list(flow_pairs(crops[: k + 3], k, engine=options.engine))
    start = time.perf_counter()
    n = len(list(flow_pairs(crops[: k + n_pairs], k, engine=options.engine)))
    return (time.perf_counter() - start) / n
