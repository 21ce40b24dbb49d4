"""Random videos for the property tests of spotting."""

from __future__ import annotations

from hypothesis import strategies as st

# crowded, so that several intervals compete for the same one
intervals = st.lists(
    st.tuples(st.integers(-3, 18), st.integers(0, 12)).map(lambda s: [s[0], s[0] + s[1]]),
    max_size=6,
)
videos = st.lists(st.tuples(intervals, intervals), max_size=5)
thresholds = st.sampled_from([0.1, 0.3, 0.5, 0.6, 0.9, 1.0])


@st.composite
def scored_videos(draw):
    """Videos, and a score for every prediction; few values, so that many are equal."""
    drawn = draw(videos)
    counts = [len(predicted) for predicted, _ in drawn]
    return drawn, [draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)) for n in counts]
