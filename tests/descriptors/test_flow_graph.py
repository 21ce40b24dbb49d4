"""Many pairs at once, as one graph: the flow of the compiled loops."""

import subprocess
import sys

import numpy as np
import pytest

from mecore.descriptors.flow.engines import flow_pairs, flow_stream, optical_flow
from mecore.descriptors.flow.tvl1_graph import stream

SHAPE = (37, 50)
# Sums in another order; where the early stop takes a step more or less, a hundredth of a pixel.
MEAN, MOST = 1e-4, 0.03


def clip(n=9):
    """Smooth noise that drifts and swells, in sensor noise; the last two frames are equal."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    rng = np.random.default_rng(2)
    waves = [(rng.uniform(-0.5, 0.5, 2), rng.uniform(0, 6)) for _ in range(12)]
    frames = []
    for t in range(n - 1):
        u, v = x + 0.3 * t + 0.02 * t * (y - 18), y - 0.2 * t
        grey = 128 + 9 * sum(np.cos(a * u + b * v + phase) for (a, b), phase in waves)
        frames.append(np.clip(np.rint(grey + rng.normal(0, 1, SHAPE)), 0, 255).astype(np.uint8))
    return np.stack([*frames, frames[-1]])


@pytest.mark.parametrize("distance", [1, 3])
def test_the_graph_gives_the_flow_of_the_compiled_loops(distance):
    graph, fast = (
        np.stack(list(flow_pairs(clip(), distance, engine=engine))) for engine in ("graph", "fast")
    )
    difference = np.linalg.norm(graph - fast, axis=-1)
    assert graph.shape == (9 - distance, *SHAPE, 2)
    assert graph.dtype == np.float32
    assert np.abs(fast[0]).mean() > 0.1
    assert difference.mean() < MEAN
    assert difference.max() < MOST


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_how_many_pairs_are_computed_at_once_does_not_matter(batch):
    frames = clip().astype(np.float32)
    flows, expected = (np.stack(list(stream(frames, 1, n))) for n in (batch, 256))
    np.testing.assert_allclose(flows, expected, atol=MOST)
    assert np.abs(flows - expected).mean() < MEAN


def test_a_frame_against_itself_and_a_constant_one_do_not_move():
    frames = clip()
    flat = [np.full(SHAPE, level, np.uint8) for level in (90, 93)]
    assert np.abs(optical_flow(frames[-2], frames[-1], engine="graph")).max() < 1e-4
    assert not optical_flow(*flat, engine="graph").any()


def test_a_stream_that_is_too_short_has_no_pairs():
    assert list(flow_stream(clip()[:3], 3, engine="graph")) == []
    assert list(flow_stream([], 3, engine="graph")) == []


def test_what_is_no_grey_image_is_refused_by_number():
    frames = [*clip()[:2].astype(float) / 255, np.full(SHAPE, np.nan)]
    with pytest.raises(ValueError, match="frame 2: NaN"):
        list(flow_stream(frames, 1, engine="graph"))


SHORT_OF_MEMORY = """
import resource, sys, warnings
import numpy as np
from mecore.descriptors.flow.tvl1_graph import stream

frames = np.random.default_rng(0).uniform(0, 255, (400, 128, 128)).astype(np.float32)
expected = list(stream(frames[:3], 1))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 1200 * 2**20,) * 2)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    flows = list(stream(frames, 1, 399))
assert len(flows) == 399
assert np.abs(flows[0] - expected[0]).mean() < 1e-3
print([str(w.message) for w in said])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory as Linux does")
def test_where_the_memory_does_not_suffice_smaller_batches_are_taken_and_it_is_said():
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "not enough memory for 399 pairs of 128×128 pixels at once: going on with 199" in (
        done.stdout
    )
