"""What torture.hpp logs, for the tests that read it back."""
import math

N_NAMES = 10_000


def check(points, absent=None):
    """`points` maps a name to its (step, epoch, value) in the order of the file; `absent` is what the format has for NaN."""
    assert len(points) == N_NAMES + 4, len(points)
    assert points["late"] == [(7, 0, 1e308), (3, 1, -1e308)], points["late"]
    assert points["up"] == [(5, 1, math.inf)] and points["down"] == [(5, 1, -math.inf)]
    (step, epoch, value), = points["none"]
    assert (step, epoch) == (5, 1) and (value is absent or math.isnan(value)), value
    for i in range(N_NAMES):
        expected = [(3, 0, i + 0.5), *((step, 1, i + 0.5) for step in range(10, 110))]
        assert points[f"\u00fc space/{i}"] == expected, i
