"""The phantom: a seeded renderer of face videos whose truth is known exactly.

It is to this field what the Shepp-Logan head is to tomography: invented people whose
micro-expressions, landmarks and motion are known without error, written to disk as an ordinary
database. Results on it say whether a method works as described, and nothing about people.
"""

from mecore.phantom.actor import portrait
from mecore.phantom.spec import LONG, SHORT, Nuisance, PhantomSpec
from mecore.phantom.truth import Sample, Truth, load_truth, true_flow
from mecore.phantom.write import write_phantom

# The spec of each phantom by the id of its manifest.
SPECS = {"phantom-short": SHORT, "phantom-long": LONG}

__all__ = [
    "LONG", "SHORT", "SPECS", "Nuisance", "PhantomSpec", "Sample", "Truth", "load_truth",
    "portrait", "true_flow", "write_phantom",
]  # fmt: skip
