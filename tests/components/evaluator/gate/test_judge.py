"""The gate: planted cases, its rules, and how it tells them."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.config import GateConfig, LabelRule, SliceRule
from components.evaluator.gate import bounds, power
from components.evaluator.gate.bootstrap import Interval
from components.evaluator.gate.check import BASELINE_SCORES, Comparison, SliceFound
from components.evaluator.gate.judge import judge
from components.evaluator.gate.scored import Scored
from pipeline.bench import planted

CASES = planted.cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_planted_cases_get_the_verdict_they_must(case):
    config = case.config.model_copy(update={"replicas": 200})
    verdict = judge(case.make(7), config, case.incompatible)
    failed = {check.code for check in verdict.checks if not check.passed}
    assert (verdict.blessed, failed) == (case.blessed, case.codes), verdict.sentence
    assert verdict.sentence.startswith("Blessed: " if case.blessed else "Not blessed: ")
    json.dumps(verdict.to_json(), allow_nan=False)


def split(users=200, targets=5, seed=0):
    """A split on which two models are equally good."""
    world = planted.World(seed, users, targets)
    return world, world.scored(world.model())


def test_power_is_the_share_of_equally_good_models_that_pass():
    random = np.random.default_rng(0)
    error, tolerance = 0.001, 0.002
    passed = random.normal(0, error, 100_000) - 1.959964 * error >= -tolerance
    assert power.power(error, tolerance, 0.95) == pytest.approx(passed.mean(), abs=0.005)
    needed = power.detectable(error, 0.8, 0.95)
    assert power.power(error, needed, 0.95) == pytest.approx(0.8)
    assert power.power(0.0, 0.0, 0.95) == 1.0


def test_effective_users_by_hand():
    ones = np.ones(6)
    # Users of 4, 1 and 1 targets: 36 / 18.
    users = np.array([0, 0, 0, 0, 1, 2])
    assert Scored(ones, ones, None, users, users).effective_users == 2.0
    assert Scored(ones, ones, None, np.arange(6), users).effective_users == 6.0


def test_a_split_too_small_says_how_much_larger_it_must_be():
    world, _ = split()
    scored = world.scored(world.calibrated(world.truth + 0.5 * world.independent))
    (check,) = checks_of(scored, GateConfig(calibration=None, tolerance={"auc": 0.001}), "power")
    assert "times as many users, or a tolerance of" in check.sentence
    assert check.lower < -0.001 < check.upper
    needed = float(check.sentence.split("a tolerance of ")[1].split()[0])
    assert not checks_of(
        scored, GateConfig(calibration=None, tolerance={"auc": 3 * needed}), "power"
    )


@given(error=st.floats(1e-5, 0.5), share=st.floats(0.05, 0.9999))
def test_what_would_do_does(error, share):
    """However near to enough a split is, the remedy is more than there is, and suffices."""
    tolerance = share * power.detectable(error, 0.8, 0.95)
    difference = Interval(0.0, -3 * error, 3 * error, 1, error)
    gate = GateConfig(tolerance={"auc": tolerance})
    found = Comparison("auc", "AUC", 99, Interval(0.7, 0.6, 0.8, 0, 0.1), 0.7, difference)
    (check,) = bounds.tolerances({"auc": found}, gate)
    assert check.code == "power"
    told = re.search(
        r"; (\S+) times as many users, or a tolerance of (\S+) would do", check.sentence
    )
    users, wanted = map(float, told.groups())
    assert users > 1
    assert power.power(error / users**0.5, tolerance, 0.95) > 0.8 - 1e-9
    assert wanted > tolerance
    assert power.power(error, wanted, 0.95) > 0.8 - 1e-9


@pytest.mark.parametrize(
    ("difference", "users"),
    [
        (0.0, "26 times as many users, or "),  # (.0036 x 2.80 / .002)^2 = 25.4
        (-0.001, "110 times as many users, or "),  # (.0036 x 2.80 / .001)^2 = 101.7
        (-0.002, ""),  # as much as is tolerated: the more users, the surer that it is no less
        (-0.005, ""),
    ],
)
def test_more_users_are_no_remedy_for_a_loss_beyond_what_is_tolerated(difference, users):
    two = Interval(difference, difference - 0.0071, difference + 0.0071, 0.5, 0.0036)
    found = Comparison("auc", "AUC", 99, Interval(0.7, 0.6, 0.8, 0, 0.1), 0.7, two)
    (check,) = bounds.tolerances({"auc": found}, GateConfig(tolerance={"auc": 0.002}))
    assert check.code == "power"
    assert f" % only; {users}a tolerance of " in check.sentence


def test_a_label_that_the_latest_blessed_model_does_not_predict_is_told():
    _, scored = split()
    alone = dataclasses.replace(scored, baseline=None, baseline_frozen=None)
    gate = GateConfig(calibration=None, slices=[], replicas=100, tolerance={"auc": 0.5})
    gate = gate.model_copy(update={"labels": {"like": LabelRule(tolerance={"auc": 0.5})}})
    told = "the latest blessed model does not predict like, so it was not compared by it"
    assert told in judge(scored, gate, labels={"like": alone}).reasons
    assert told not in judge(scored, gate, labels={"like": scored}).reasons
    assert told not in judge(alone, gate, labels={"like": alone}).reasons


def test_an_interval_that_ignores_users_is_not_told_of_weighted_targets():
    _, scored = split()
    gate = GateConfig(slices=[], replicas=100)
    weighted = dataclasses.replace(scored, weights=np.arange(1.0, 1001))
    told = judge(weighted, gate).to_json()["intervals"]["overall"]["auc"]
    assert "unclustered_lower" not in told and told["lower"] < told["upper"]


def checks_of(scored, gate, code):
    """The failed checks of a code."""
    gate = gate.model_copy(update={"slices": [], "replicas": 200})
    return [c for c in judge(scored, gate).checks if not c.passed and c.code == code]


UNDEFINED = "GAUC (within requests) is not defined on this eval split"


def test_a_metric_without_a_value_is_told_is_no_ground_to_bless_and_holds_no_floor():
    """GAUC of users with one target."""
    _, scored = split(users=1000, targets=1)
    gate = GateConfig(calibration=None, tolerance={"auc": 0.5, "gauc": 0.0}, slices=[])
    verdict = judge(scored, gate.model_copy(update={"replicas": 100}))
    assert verdict.blessed
    assert verdict.sentence.startswith("Blessed: AUC ")
    assert f"{UNDEFINED}, so it was not compared" in verdict.reasons
    # Of scores, labels, users, the floor of AUC, and its tolerance.
    assert verdict.sentence.endswith("; all 5 checks that could be made passed.")
    alone = judge(scored, gate.model_copy(update={"tolerance": {"gauc": 0.0}}))
    assert not alone.blessed
    assert "no metric of gate.tolerance has a value" in alone.sentence
    floor = judge(scored, gate.model_copy(update={"min_gauc": 0.5}))
    assert not floor.blessed
    assert f"{UNDEFINED}; it must be at least 0.5" in floor.reasons


def test_a_metric_that_stands_on_a_few_users_has_no_value():
    """All but three users have one target; their GAUC would have an interval, and a narrow one."""
    world, scored = split(users=1000, targets=4)
    rows = np.flatnonzero((world.users < 3) | (np.arange(4000) % 4 == 0))
    gate = GateConfig(calibration=None, tolerance={}, min_gauc=0.1, slices=[])
    verdict = judge(scored.where(rows), gate.model_copy(update={"replicas": 100}))
    assert not verdict.blessed
    assert re.search(
        r"GAUC \(within requests\) has no value on this eval split: it stands on [123]\.\d "
        r"effective users, fewer than the 30 of gate\.min_users; it must be at least 0\.1",
        verdict.sentence,
    )
    assert verdict.to_json()["intervals"]["overall"]["gauc"]["candidate"] is None


@pytest.mark.parametrize("clicks", [2, 29, 30])
@pytest.mark.parametrize("metric", ["auc", "logloss"])
def test_a_metric_of_a_few_clicks_has_no_value(metric, clicks):
    """Intervals would hold the truth in 57 % of cases of two clicks (AUC), 87 of ten (LogLoss)."""
    world, scored = split(users=200, targets=5)
    labels = ((np.arange(1000) % 5 == 0) & (world.users < clicks)).astype(float)
    bound = {"min_auc": 0.0} if metric == "auc" else {"min_auc": None, "max_logloss": 99.0}
    gate = GateConfig(calibration=None, tolerance={}, slices=["slice_novelty"], **bound)
    rule = SliceRule(feature="slice_novelty", equals="all", min_auc=0.0)
    gate = gate.model_copy(update={"replicas": 100, "slice_rules": (rule,)})
    slices = {"slice_novelty": np.full(1000, "all")}
    verdict = judge(dataclasses.replace(scored, labels=labels, slices=slices), gate)
    told = verdict.to_json()["intervals"]
    assert verdict.blessed == (clicks == 30)
    assert (told["overall"][metric]["candidate"] is not None) == (clicks == 30)
    assert len(told["slices"]) == (clicks == 30)
    if clicks < 30:
        label, worst = ("AUC", "at least 0") if metric == "auc" else ("LogLoss", "at most 99")
        assert (
            f"{label} has no value on this eval split: it stands on {clicks}.0 effective users, "
            f"fewer than the 30 of gate.min_users; it must be {worst}" in verdict.reasons
        )
        small = f"too small for the rule of gate.slice_rules: {clicks} effective users of at least"
        assert any(small in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("difference", "lower", "upper", "tolerance", "passed", "code", "words"),
    [
        (0.01, 0.002, 0.018, 0.002, True, "tolerance",
         "GAUC is better, certainly above the 0.7000"),
        (0.00, -0.001, 0.001, 0.002, True, "tolerance", "GAUC is no worse, at most 0.002 below"),
        (-0.002, -0.003, -0.001, 0.005, True, "tolerance",
         "GAUC is worse, but by no more than the 0.005 tolerated"),
        (-0.0089, -0.0161, -0.0014, 0.002, False, "tolerance",
         "GAUC is worse, certainly below the 0.7000"),
        (-0.0025, -0.0066, 0.0016, 0.006, False, "tolerance",
         "GAUC is not shown to be no worse, at most 0.006 below"),
        (-0.002, -0.010, 0.006, 0.002, False, "power", "a tolerance of 0.012 would do"),
        (-0.009, -0.019, 0.001, 0.002, False, "power", "a tolerance of 0.019 would do"),
    ],
)  # fmt: skip
def test_worse_not_shown_to_be_no_worse_and_no_worse_are_told_apart(
    difference, lower, upper, tolerance, passed, code, words
):
    two = Interval(difference, lower, upper, 0.5, (upper - lower) / 3.92)
    found = Comparison("gauc", "GAUC", 99, Interval(0.7, 0.6, 0.8, 0, 0.1), 0.7, two)
    (check,) = bounds.tolerances({"gauc": found}, GateConfig(tolerance={"gauc": tolerance}))
    assert (check.passed, check.code) == (passed, code), check.sentence
    assert words in check.sentence
    assert ("would do" in check.sentence) == (code == "power")  # the remedy of a size alone


def test_of_logloss_less_is_better():
    two = Interval(0.01, 0.005, 0.015, 0.01, 0.0025)
    found = Comparison("logloss", "LogLoss", 99, Interval(0.5, 0.4, 0.6, 0, 0.1), 0.49, two)
    (check,) = bounds.tolerances({"logloss": found}, GateConfig(tolerance={"logloss": 0.001}))
    assert not check.passed
    assert check.sentence.startswith("LogLoss is worse, certainly above the 0.4900")


def slice_of(number, difference, error, again=False):
    reach = 1.96 * error
    two = Interval(difference, difference - reach, difference + reach, 0.5, error)
    found = Comparison("auc", "AUC", 99, Interval(0.7, 0.6, 0.8, 0, 0.1), 0.7, two)
    return SliceFound({"slice_history_length": str(2**number)}, 100, 99, found, again)


LOST = (-0.0275, 0.0094)  # of which 95 % are -.046 to -.009


@pytest.mark.parametrize(
    ("others", "repeated", "passed", "words"),
    [
        # Alone, or of few: one-sided p of .0017, times the number of slices at most .025.
        (0, 0, False, "where history length is 1, AUC is worse, all 1 slices taken together"),
        (9, 0, False, "all 10 slices taken together"),
        (9, 30, False, "all 10 slices taken together"),  # the same targets again count once
        (30, 0, True, "taken alone, AUC is worse in 1 of 31 slices, where 0.78 would be by chance: "
         "where history length is 1, -0.0275"),
    ],
)  # fmt: skip
def test_a_slice_that_lost_is_refused_or_named(others, repeated, passed, words):
    found = [slice_of(0, *LOST)]
    found += [slice_of(number, 0.001, 0.004) for number in range(1, others + 1)]
    found += [slice_of(number, 0.001, 0.004, again=True) for number in range(repeated)]
    (check,) = bounds.slices(found, GateConfig(slice_tolerance=0.01))
    assert check.passed == passed
    assert words in check.sentence


def test_slices_that_are_no_worse_say_what_they_could_have_found():
    found = [slice_of(0, 0.0, 0.001), slice_of(1, -0.003, 0.02)]
    gate = GateConfig()
    (check,) = bounds.slices(found, gate)
    assert check.passed
    # Two slices: z of 1 - .025 / 2 is 2.241, of a power of .8 is .842. By estimate, a loss of .0031
    # is never more than the .01 that is tolerated.
    for tolerance, first in ((0.01, 0.01 + 0.001 * 0.8416), (0.0, 0.001 * (2.2414 + 0.8416))):
        strict = GateConfig(slice_tolerance=tolerance)
        assert bounds.detectable_loss(found[0], found, strict)["detectable"] == pytest.approx(
            first, rel=1e-3
        )
    assert "losses of 0.011 to 0.062 could have been found with a chance of 80%" in check.sentence


@pytest.mark.parametrize(("error", "tolerance"), [(0.001, 0.01), (0.02, 0.01), (0.004, 0.0)])
def test_a_detectable_loss_is_found_as_often_as_it_says(error, tolerance):
    gate = GateConfig(slice_tolerance=tolerance)
    lost = bounds.detectable_loss(slice_of(0, 0.0, error), [slice_of(0, 0.0, error)], gate)
    drawn = np.random.default_rng(0).normal(-lost["detectable"], error, 1000)
    fallen = [not next(bounds.slices([slice_of(0, one, error)], gate)).passed for one in drawn]
    assert np.mean(fallen) == pytest.approx(0.8, abs=0.04)


def test_small_values_of_a_feature_are_judged_together():
    world, scored = split(users=400, targets=10)
    scored.slices["country"] = np.char.add("c", (world.users // 20).astype(str))
    gate = GateConfig(slices=["country"], replicas=100, calibration=None)
    told = judge(scored, gate).to_json()["intervals"]["slices"]
    assert [one["slice"] for one in told] == [{"country": "20 small ones together"}]
    assert told[0]["auc"]["detectable"] > 0


def test_drawn_negatives_leave_calibration_unjudged():
    _, scored = split(users=400)
    drawn = dataclasses.replace(scored, candidate=scored.candidate * 0.5, drawn=1)
    verdict = judge(drawn, GateConfig(slices=[], replicas=100, tolerance={"logloss": 9.0}))
    assert verdict.blessed
    assert any(r.startswith("calibration is not judged: it is of a") for r in verdict.reasons)
    assert any(r.startswith("LogLoss (drawn negatives) is") for r in verdict.reasons)
    assert verdict.sentence.endswith(" Negatives were drawn, 1 for each positive.")


def test_a_rule_for_a_slice_without_users_fails():
    _, scored = split()
    rule = {"feature": planted.NOVELTY, "equals": "never", "min_auc": 0.5}
    gate = GateConfig(slices=[], slice_rules=[rule], replicas=100, calibration=None, tolerance={})
    (reason,) = judge(scored, gate).reasons
    assert reason.startswith("where novelty is never, the eval split is too small")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"equals": 16}, "where history length is 16–31, AUC "),
        ({"at_least": 16, "at_most": 64}, "where history length >= 16 and <= 64, AUC "),
    ],
)
def test_slices_are_told_in_the_words_of_the_report(rule, words):
    world, scored = split()
    scored.slices["slice_history_length"] = np.full(len(world.labels), 16)
    rule |= {"feature": "slice_history_length", "min_auc": 0.99}
    gate = GateConfig(slices=[], slice_rules=[rule], replicas=100, calibration=None, tolerance={})
    (reason,) = judge(scored, gate).reasons
    assert reason.startswith(words)


WARNING = ", so it was not compared with: absolute rules alone decided"


@pytest.mark.parametrize(
    ("value", "wrong", "fault"),
    [
        (np.nan, 3, "3 of 1,000 scores of the latest blessed model are NaN or infinite"),
        (1.5, 2, "2 of 1,000 scores of the latest blessed model are no probabilities"),
        (0.25, 1000, "the latest blessed model gives every target the same score, 0.25"),
    ],
)
def test_a_baseline_without_usable_scores_is_told_and_blocks_nothing(value, wrong, fault):
    world, _ = split()
    baseline = world.model(1).copy()
    baseline[:wrong] = value
    gate = GateConfig(slices=[planted.LENGTH], replicas=100, calibration=None)
    rule = {"feature": planted.LENGTH, "at_least": 0, "max_drop": 0.001}
    gate = gate.model_copy(update={"slice_rules": [SliceRule(**rule)]})
    verdict = judge(world.scored(world.model(), baseline), gate)
    alone = judge(world.scored(world.model(), first=True), gate)
    assert verdict.blessed
    assert verdict.intervals == alone.intervals
    assert fault + WARNING in verdict.sentence
    told = verdict.to_json()
    assert fault + WARNING in told["reasons"]
    assert [check["code"] for check in told["checks"] if "compared with" in check["sentence"]] == [
        BASELINE_SCORES
    ]
    # The absolute rules do decide, and the warning is told beside what they found.
    refused = judge(
        world.scored(world.model(), baseline), gate.model_copy(update={"min_auc": 0.99})
    )
    assert not refused.blessed
    assert refused.sentence.startswith("Not blessed: AUC ")
    assert "more reason" not in refused.sentence
    assert refused.reasons[1:] == [fault + WARNING]


def test_a_baseline_that_learned_from_the_split_is_told_and_blocks_nothing():
    world, _ = split()
    gate = GateConfig(replicas=100, calibration=None, slices=[planted.LENGTH])
    scored = world.scored(world.model(), world.model(1))
    plain, told = judge(scored, gate), judge(scored, gate, learned="it was trained on all")
    warning = (
        "the latest blessed model may have learned from targets of this eval split (it was trained "
        "on all): it then looks better than it is, and this model worse; keep the split to compare "
        "them"
    )
    assert told.blessed == plain.blessed
    assert told.sentence == f"{plain.sentence} But {warning}."
    assert [r for r in told.reasons if r not in plain.reasons] == [warning]
    refused = judge(scored, gate.model_copy(update={"min_auc": 0.99}), learned="so")
    assert not refused.blessed
    assert refused.reasons[-1].startswith("the latest blessed model may have learned")
    alone = judge(world.scored(world.model(), first=True), gate, learned="so")
    assert all("may have learned" not in check.sentence for check in alone.checks)


@pytest.mark.parametrize("value", [np.nan, 0.25])
def test_a_candidate_without_usable_scores_is_refused_whatever_the_baseline(value):
    world, _ = split()
    scores = np.full(len(world.labels), value)
    verdict = judge(world.scored(scores, scores), GateConfig(replicas=100))
    assert not verdict.blessed
    assert [check.code for check in verdict.checks if not check.passed] == ["scores"]
    assert len(verdict.reasons) == 2
    assert verdict.reasons[1].endswith(WARNING)


def test_the_same_targets_give_the_same_verdict():
    _, scored = split()
    gate = GateConfig(slices=[planted.LENGTH], replicas=100)
    assert judge(scored, gate).to_json() == judge(scored, gate).to_json()
    other = judge(scored, gate, seed=1).to_json()["intervals"]["overall"]["auc"]
    first = judge(scored, gate).to_json()["intervals"]["overall"]["auc"]
    assert other["lower"] != first["lower"]
    assert other["difference"] == first["difference"]


def test_intervals_are_told_for_all_targets_and_every_slice_that_can_be_told():
    world, scored = split(users=400)
    scored.slices["rare"] = np.where(world.users < 5, "few", "many")
    told = judge(scored, GateConfig(slices=["rare"], replicas=100)).to_json()
    overall = told["intervals"]["overall"]
    assert set(overall) == {
        "auc", "gauc", "uauc", "ndcg_at_10", "mrr", "logloss", "calibration",
    }  # fmt: skip
    for values in overall.values():
        assert values["candidate_lower"] < values["candidate"] < values["candidate_upper"]
        assert values["lower"] < values["difference"] < values["upper"]
        assert values["difference"] == pytest.approx(values["candidate"] - values["baseline"])
    auc = overall["auc"]
    assert auc["unclustered_lower"] < auc["difference"] < auc["unclustered_upper"]
    (found,) = told["intervals"]["slices"]  # of 5 users nothing can be told
    assert (found["slice"], found["users"]) == ({"rare": "many"}, 395)
    assert (told["targets"], told["users"], told["effective_users"]) == (2000, 400, 400.0)
