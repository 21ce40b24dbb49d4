"""Write the golden files of the metrics: slow definitions in exact fractions, no shared code.

Run from anywhere: ``python make_golden.py``. It overwrites the JSON files beside it, except
``ap_cases.json``, whose expected values come from the published measure.
"""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def share(part, whole):
    return Fraction(part, whole) if whole else Fraction(0)


def iou(a, b):
    frames_a, frames_b = set(range(a[0], a[1] + 1)), set(range(b[0], b[1] + 1))
    return Fraction(len(frames_a & frames_b), len(frames_a | frames_b))


def largest_matching(predicted, annotated, limit):
    """Size of the largest matching, by trying everything."""
    if not predicted:
        return 0
    first, rest = predicted[0], predicted[1:]
    sizes = [largest_matching(rest, annotated, limit)]
    for i, truth in enumerate(annotated):
        if iou(first, truth) >= limit:
            others = annotated[:i] + annotated[i + 1 :]
            sizes.append(1 + largest_matching(rest, others, limit))
    return max(sizes)


def best_only(predicted, annotated, limit):
    """Matched (prediction, annotation) when each prediction tries its best annotation only."""
    taken = {}
    for i in sorted(range(len(predicted)), key=lambda i: predicted[i]):
        ranked = sorted(
            range(len(annotated)), key=lambda j: (-iou(predicted[i], annotated[j]), annotated[j])
        )
        if ranked and iou(predicted[i], annotated[ranked[0]]) >= limit and ranked[0] not in taken:
            taken[ranked[0]] = i
    return [(i, j) for j, i in taken.items()]


def area(points):
    """All-point interpolated area of (recall, precision) points with rising recall."""
    points = [(Fraction(0), Fraction(0)), *points]
    total = Fraction(0)
    for index, ((low, _), (high, _)) in enumerate(pairwise(points), start=1):
        total += (high - low) * max(precision for _, precision in points[index:])
    return total


def average_precision(videos, scores, limit):
    """Ranked by score (equal scores are one point), or in the order given without scores."""
    entries = [
        (-(scores[v][i]) if scores else order, v, interval)
        for order, (v, i, interval) in enumerate(
            (v, i, p) for v, (predicted, _) in enumerate(videos) for i, p in enumerate(predicted)
        )
    ]
    entries.sort(key=lambda e: (e[0], e[1], e[2]) if scores else e[0])
    n_annotated = sum(len(annotated) for _, annotated in videos)
    taken, tp, points = set(), 0, []
    for place, (key, v, interval) in enumerate(entries, start=1):
        free = [
            (-iou(interval, truth), truth, j)
            for j, truth in enumerate(videos[v][1])
            if (v, j) not in taken and iou(interval, truth) >= limit
        ]
        if free:
            taken.add((v, min(free)[2]))
            tp += 1
        if place == len(entries) or entries[place][0] != key:
            points.append((share(tp, n_annotated), Fraction(tp, place)))
    return area(points) if n_annotated else Fraction(0)


def mean_average_precision(videos, scores):
    limits = [Fraction(percent, 100) for percent in range(50, 100, 5)]
    return sum(average_precision(videos, scores, limit) for limit in limits) / len(limits)


def spotting(videos, scores, limit, rule):
    if rule == "maximum":
        tp = sum(largest_matching(p, a, limit) for p, a in videos)
    else:
        tp = sum(len(best_only(p, a, limit)) for p, a in videos)
    n_predicted, n_annotated = (sum(len(video[side]) for video in videos) for side in (0, 1))
    return {
        **{"n_videos": len(videos), "n_predicted": n_predicted, "n_annotated": n_annotated},
        **{"tp": tp, "fp": n_predicted - tp, "fn": n_annotated - tp},
        **{"precision": share(tp, n_predicted), "recall": share(tp, n_annotated)},
        "f1": share(2 * tp, n_predicted + n_annotated),
        "ap": average_precision(videos, scores, limit),
        "ap_50_95": mean_average_precision(videos, scores),
        "ap_50_95_unranked": mean_average_precision(videos, None),
    }


def recognition(truth, predicted, labels):
    pairs = list(zip(truth, predicted, strict=True))
    tp = {c: sum(t == p == c for t, p in pairs) for c in labels}
    precisions = [share(tp[c], predicted.count(c)) for c in labels]
    recalls = [share(tp[c], truth.count(c)) for c in labels]
    f1 = [share(2 * tp[c], truth.count(c) + predicted.count(c)) for c in labels]
    precision, recall = (sum(values) / len(labels) for values in (precisions, recalls))
    total = precision + recall
    return {
        "n": len(pairs),
        "accuracy": share(sum(tp.values()), len(pairs)),
        "precision": precision,
        "recall": recall,
        "f1_of_means": 2 * precision * recall / total if total else Fraction(0),
        "uf1": sum(f1) / len(labels),
        "uar": recall,
    }


def analysis(videos, labels, limit):
    matched = [
        (annotated_emotions[j], predicted_emotions[i])
        for predicted, predicted_emotions, annotated, annotated_emotions in videos
        for i, j in sorted(best_only(predicted, annotated, limit))
    ]
    scored = [pair for pair in matched if pair[0] in labels]
    intervals = [(video[0], video[2]) for video in videos]
    spotted = spotting(intervals, [[0] * len(p) for p, _ in intervals], limit, "best")
    recognised = recognition([t for t, _ in scored], [p for _, p in scored], labels)
    return {
        **{f"spotting_{k}": v for k, v in spotted.items() if k not in ("ap", "ap_50_95")},
        **{f"recognition_{k}": v for k, v in recognised.items()},
        "n_left_out": len(matched) - len(scored),
        "strs": spotted["f1"] * recognised["f1_of_means"],
    }


def random_video(rng, n_predicted, n_annotated):
    def intervals(count):
        onsets = np.sort(rng.integers(0, 90, count))
        return [[int(a), int(a + rng.integers(5, 25))] for a in onsets]

    return intervals(rng.integers(0, n_predicted + 1)), intervals(rng.integers(0, n_annotated + 1))


def spotting_cases(rng):
    for rule in ("maximum", "best"):
        for limit in (Fraction(1, 2), Fraction(3, 10), Fraction(3, 4)):
            for _ in range(4):
                videos = [random_video(rng, 6, 4) for _ in range(5)]
                scores = [[int(s) for s in rng.integers(0, 6, len(p))] for p, _ in videos]
                expected = spotting(videos, scores, limit, rule)
                inputs = {"videos": videos, "scores": scores, "iou": float(limit), "rule": rule}
                yield {**inputs, "expected": expected}
    nothing = [([], []), ([[3, 9]], [])]
    inputs = {"videos": nothing, "scores": [[], [1]], "iou": 0.5, "rule": "maximum"}
    yield {**inputs, "expected": spotting(nothing, [[], [1]], Fraction(1, 2), "maximum")}


def recognition_cases(rng):
    for n_classes in (2, 3, 5):
        for n in (0, 1, 4, 40):
            labels = ["negative", "positive", "surprise", "others", "repression"][:n_classes]
            truth, predicted = ([labels[i] for i in rng.integers(0, n_classes, n)] for _ in "tp")
            expected = recognition(truth, predicted, labels)
            yield {"truth": truth, "predicted": predicted, "labels": labels, "expected": expected}


def analysis_cases(rng):
    labels = ["negative", "positive", "surprise"]
    for _ in range(6):
        videos = []
        for predicted, annotated in (random_video(rng, 5, 4) for _ in range(8)):
            emotions = [labels[i] for i in rng.integers(0, 3, len(predicted))]
            truth = [[*labels, "others"][i] for i in rng.integers(0, 4, len(annotated))]
            videos.append([predicted, emotions, annotated, truth])
        expected = analysis(videos, labels, Fraction(1, 2))
        yield {"videos": videos, "labels": labels, "expected": expected}


def main():
    makers = {"spotting": spotting_cases, "recognition": recognition_cases}
    for name, maker in {**makers, "analysis": analysis_cases}.items():
        cases = list(maker(np.random.default_rng(2022)))
        lines = ",\n".join(json.dumps(case, default=float) for case in cases)
        (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
