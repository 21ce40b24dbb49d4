"""The audit of real micro-expressions, kept for the book where their images are not at hand.

It takes half an hour on four cores, so it is run only when it is named. Runs are kept in results/,
and shared with the chapter.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.common import Result
from mecore.data.check import default_workers
from mecore.data.external import set_folder
from mecore.errors import DataError
from mecore.evaluation.flow_images import open_flow_images
from mecore.evaluation.study import Execution
from mecore.models.flow.options import chosen
from mecore.studies.honest_evaluation.study import run_flow_study
from mecore.studies.honest_evaluation.tables import people_tables


def measure(quick: bool) -> Iterator[Result]:
    """UF1 of every model under every habit of choosing, with true and with permuted labels."""
    folder = set_folder("megc2019_flow")
    if folder is None:
        raise DataError("the flow images are not at hand", todo="mecore fetch megc2019-flow")
    data = open_flow_images("megc2019_flow", str(folder))
    data = data.select(12) if quick else data
    how, seeds = Execution(default_workers()), range(2 if quick else 5)
    study = run_flow_study(data, chosen("small" if quick else "full"), how, seeds=seeds)
    title = f"UF1 on {len(data.samples)} micro-expressions of people, mean over seeds"
    for labels, table in people_tables(study).items():
        yield Result(f"audit_people_{labels}", f"{title}, {labels} labels", table)
