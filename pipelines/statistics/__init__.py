"""Statistics of the jobs: pure functions. Sources are cited where a formula is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pipelines.statistics.clusters import (
    effective_rows_of_families,
    family_interval,
    family_p_value,
    round_robin,
)
from pipelines.statistics.labels import (
    LabelFigures,
    balanced_accuracy,
    label_figures,
    macro_f1,
    multiclass_brier,
    one_against_rest,
)
from pipelines.statistics.paired import (
    CONFIDENCE,
    Pairs,
    lower_bound,
    pairs_of,
    rows_to_decide,
    tango_interval,
    tango_z,
    upper_bound,
)
from pipelines.statistics.ppi import Estimate, power_weight, ppi_mean, share_right
from pipelines.statistics.proportions import (
    Bin,
    Interval,
    LengthStatistics,
    accuracy_interval,
    answer_lengths,
    area_under_curve,
    brier_score,
    calibration_error_floor,
    clopper_pearson_interval,
    expected_calibration_error,
    mcnemar_p_value,
    quantiles,
    reliability,
    wilson_interval,
)
from pipelines.statistics.sampling import exact_interval, weighted_share

if TYPE_CHECKING:
    from pipelines.statistics.cluster_permutation import Clustered, compare_labels, compare_numbers
    from pipelines.statistics.multiple_testing import CORRECTIONS, benjamini_hochberg, holm
    from pipelines.statistics.two_sample import (
        Outcome,
        categories,
        chi_square_needs,
        debiased_jensen_shannon,
        effective_rows,
        jensen_shannon,
        kolmogorov_smirnov,
        ks_needs,
        rank_needs,
        resamples_for,
        rows_needed,
        shift_seen,
    )

__all__ = [
    "CONFIDENCE",
    "CORRECTIONS",
    "Bin",
    "Clustered",
    "Estimate",
    "Interval",
    "LabelFigures",
    "LengthStatistics",
    "Outcome",
    "Pairs",
    "accuracy_interval",
    "answer_lengths",
    "area_under_curve",
    "balanced_accuracy",
    "benjamini_hochberg",
    "brier_score",
    "calibration_error_floor",
    "categories",
    "chi_square_needs",
    "clopper_pearson_interval",
    "compare_labels",
    "compare_numbers",
    "debiased_jensen_shannon",
    "effective_rows",
    "effective_rows_of_families",
    "exact_interval",
    "expected_calibration_error",
    "family_interval",
    "family_p_value",
    "holm",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "ks_needs",
    "label_figures",
    "lower_bound",
    "macro_f1",
    "mcnemar_p_value",
    "multiclass_brier",
    "one_against_rest",
    "pairs_of",
    "power_weight",
    "ppi_mean",
    "quantiles",
    "rank_needs",
    "reliability",
    "resamples_for",
    "round_robin",
    "rows_needed",
    "rows_to_decide",
    "share_right",
    "shift_seen",
    "tango_interval",
    "tango_z",
    "upper_bound",
    "weighted_share",
    "wilson_interval",
]

# The comparison of samples needs `scipy.stats`, whose import takes as long as the arithmetic of an evaluation.
_NAMES = {
    "cluster_permutation": {"Clustered", "compare_labels", "compare_numbers"},
    "multiple_testing": {"CORRECTIONS", "benjamini_hochberg", "holm"},
    "two_sample": {
        "Outcome",
        "categories",
        "chi_square_needs",
        "debiased_jensen_shannon",
        "effective_rows",
        "jensen_shannon",
        "kolmogorov_smirnov",
        "ks_needs",
        "rank_needs",
        "resamples_for",
        "rows_needed",
        "shift_seen",
    },
}


def __getattr__(name: str) -> object:
    """The names of these modules, loaded on first use."""
    for module, names in _NAMES.items():
        if name in names:
            return getattr(import_module(f"pipelines.statistics.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
