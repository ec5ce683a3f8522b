"""What a split is large enough to tell.

References:
  Julious, Sample sizes for clinical trials with Normal data, Statistics in Medicine 2004.
"""

from __future__ import annotations

import statistics

NORMAL = statistics.NormalDist()


def power(error: float, tolerance: float, confidence: float) -> float:
    """Chance that an equally good model is found to lose at most `tolerance`.

    `Phi(tolerance / error - z)`, z the normal quantile of (1 + confidence) / 2 (Julious 2004).

    Args:
      error: standard error of the difference.
      tolerance: loss that is allowed.
      confidence: of the two-sided interval.
    """
    if error == 0:
        return 1.0
    return NORMAL.cdf(tolerance / error - NORMAL.inv_cdf((1 + confidence) / 2))


def detectable(error: float, wanted_power: float, confidence: float) -> float:
    """The tolerance at which `power` is `wanted_power`."""
    return error * (NORMAL.inv_cdf((1 + confidence) / 2) + NORMAL.inv_cdf(wanted_power))
