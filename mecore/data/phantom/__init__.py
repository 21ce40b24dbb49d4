"""The phantom: a seeded renderer of face videos whose truth is known exactly.

It is to this field what the Shepp-Logan head is to tomography: invented people whose
micro-expressions, landmarks and motion are known without error, written to disk as an ordinary
database. Results on it say whether a method works as described, and nothing about people.
"""

from mecore.data.phantom.actor import portrait
from mecore.data.phantom.spec import LONG, SHORT, Nuisance, PhantomSpec
from mecore.data.phantom.truth import Sample, Truth, load_truth, true_flow
from mecore.data.phantom.write import write_phantom

__all__ = [
    "LONG",
    "SHORT",
    "Nuisance",
    "PhantomSpec",
    "Sample",
    "Truth",
    "load_truth",
    "portrait",
    "true_flow",
    "write_phantom",
]
