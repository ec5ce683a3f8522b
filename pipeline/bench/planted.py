"""Scored eval splits whose truth is known, and what the gate must say of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from components.evaluator.config import GateConfig
from components.evaluator.gate.scored import Scored
from models import metrics

LENGTH, NOVELTY = "slice_history_length", "slice_novelty"
# Two models of one kind trained with other seeds agree this much in their errors.
_ALIKE = 0.99
_NOISE = 0.5  # of a score's logit


@dataclasses.dataclass(frozen=True)
class Case:
    """A planted case.

    Attributes:
      name: what was planted.
      make: the targets, from a seed.
      blessed: what the gate must decide.
      codes: of all checks that must fail.
      gate: settings other than the defaults.
      incompatible: why the latest blessed model cannot score the targets.
    """

    name: str
    make: Callable[[int], Scored]
    blessed: bool
    codes: frozenset[str]
    gate: dict[str, object]
    incompatible: str | None = None

    @property
    def config(self) -> GateConfig:
        """The gate that judges it."""
        return GateConfig.model_validate({"slices": [LENGTH, NOVELTY]} | self.gate)


class World:
    """Targets whose click probability is known, and the errors of two models of one kind.

    Args:
      seed: of everything.
      users: number of users.
      targets: of each user.
    """

    def __init__(self, seed: int, users: int = 4000, targets: int = 10):
        random = np.random.default_rng(seed)
        count = users * targets
        self.users = np.repeat(np.arange(users), targets)
        self.liking = 0.7 * random.normal(size=users)[self.users]
        self.interest = 1.2 * random.normal(size=count)
        self.labels = (random.random(count) < _probability(self.truth)).astype(float)
        error, other, self.independent = random.normal(size=(3, count))
        self.errors = error, _ALIKE * error + np.sqrt(1 - _ALIKE**2) * other
        self.lengths = 2 ** random.integers(6, 12, users)[self.users]
        self.unseen = random.random(count) < 0.3

    @property
    def truth(self) -> np.ndarray:
        """[N] logit of the true probability."""
        return self.liking + self.interest - 1

    def model(self, which: int = 0, noise: float | np.ndarray = _NOISE) -> np.ndarray:
        """[N] probabilities of the candidate (0) or the latest blessed model (1)."""
        return self.calibrated(self.truth + noise * self.errors[which])

    def calibrated(self, logits: np.ndarray, ratio: float = 1.0) -> np.ndarray:
        """Probabilities whose sum is `ratio` times the clicks, by a shift of the logits."""
        low, high = -20.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            too_few = _probability(logits + middle).sum() < ratio * self.labels.sum()
            low, high = (middle, high) if too_few else (low, middle)
        return _probability(logits + low)

    def scored(
        self, candidate: np.ndarray, baseline: np.ndarray | None = None, first: bool = False
    ) -> Scored:
        """The split; `baseline` is the model of the other seed unless this is the `first` one."""
        if not first and baseline is None:
            baseline = self.model(1)
        values = np.array(["item seen", "item unseen"])[self.unseen.astype(int)]
        slices = {LENGTH: self.lengths, NOVELTY: values}
        # All targets of a user are one request.
        requests = np.zeros(len(self.users), np.int64)
        return Scored(self.labels, candidate, baseline, self.users, requests, slices=slices)


def cases() -> list[Case]:
    """All planted cases."""
    return _of_quality() + _of_calibration() + _of_slices() + _of_size() + _broken()


def _of_quality() -> list[Case]:
    return [
        _case("better", lambda w: w.scored(w.model(noise=0.3))),
        _case("equal: retrained with another seed", lambda w: w.scored(w.model())),
        _case("identical scores", lambda w: w.scored(w.model(1))),
        _case("good, no baseline", lambda w: w.scored(w.model(), first=True)),
        _case("worse by 0.002 AUC", lambda w: w.scored(_worse(w, 0.002)), "tolerance"),
        _case("worse by 0.01 AUC", lambda w: w.scored(_worse(w, 0.01)), "tolerance", "slice"),
        _case(
            "inverted scores", lambda w: w.scored(1 - w.model()), "floor", "tolerance",
            "calibration", "slice",
        ),
        _case(
            "below the floor, no baseline", lambda w: w.scored(w.model(noise=9.0), first=True),
            "floor", gate={"min_auc": 0.6},
        ),
        _case(
            "better GAUC, worse AUC: the user's own level forgotten",
            lambda w: w.scored(w.calibrated(w.interest), w.model(noise=0.3)), "tolerance", "slice",
        ),
        _case(
            "better AUC, worse GAUC: items forgotten, users known better",
            lambda w: w.scored(
                w.calibrated(w.liking + 0.5 * w.interest + 0.2 * w.errors[0]),
                w.calibrated(0.5 * w.interest + 0.15 * w.errors[1]),
            ),
            "tolerance",
        ),
        _case(
            "heavy ties: both in 10 steps",
            lambda w: w.scored(np.round(w.model(), 1), np.round(w.model(1), 1)),
        ),
    ]  # fmt: skip


def _of_calibration() -> list[Case]:
    return [
        _case(
            "promises 10 % too much", lambda w: w.scored(_off(w, 1.1)), "calibration",
        ),
        _case("promises 10 % too little", lambda w: w.scored(_off(w, 0.9)), "calibration"),
        _case(
            "better AUC, calibration off by 15 %",
            lambda w: w.scored(w.calibrated(w.truth + 0.3 * w.errors[0], 1.15)), "calibration",
        ),
        _case(
            "overconfident: same order, worse LogLoss",
            lambda w: w.scored(w.calibrated(2.5 * (w.truth + _NOISE * w.errors[0]))), "tolerance",
            gate={"tolerance": {"auc": 0.002, "logloss": 0.002}},
        ),
    ]  # fmt: skip


def _of_slices() -> list[Case]:
    def long_worse(world: World) -> np.ndarray:
        return world.model(noise=np.where(world.lengths >= 2048, 1.2, 0.2))

    rule = {"feature": LENGTH, "at_least": 1024, "min_auc": 0.85}
    return [
        _case("good overall, worse on long histories", lambda w: w.scored(long_worse(w)), "slice"),
        _case(
            "better overall, worse on unseen items",
            lambda w: w.scored(w.model(noise=np.where(w.unseen, 0.8, 0.1))), "slice",
        ),
        _case(
            "below the floor of a rule for long histories", lambda w: w.scored(w.model()), "floor",
            gate={"slice_rules": [rule]},
        ),
        _case(
            "a rule for long histories that holds", lambda w: w.scored(w.model()),
            gate={"slice_rules": [rule | {"min_auc": 0.7, "max_drop": 0.01}]},
        ),
    ]  # fmt: skip


def _of_size() -> list[Case]:
    def repeated(world: World) -> Scored:
        scored = world.scored(world.calibrated(world.truth + _NOISE * world.independent))
        return scored.where(np.repeat(np.arange(len(scored.labels)), 20))

    def one_user(world: World) -> Scored:
        scored = world.scored(world.model())
        return dataclasses.replace(scored, users=np.minimum(scored.users, 200))

    return [
        _case("tiny: 20 users of 5 targets", lambda w: w.scored(w.model()), "users", size=(20, 5)),
        _case(
            "equal, but too few to tell",
            lambda w: w.scored(w.calibrated(w.truth + _NOISE * w.independent)), "power",
            size=(400, 10),
        ),
        _case("the same, every row 20 times", repeated, "power", size=(400, 10)),
        _case("one user holds 95 % of the targets", one_user, "users"),
    ]  # fmt: skip


def _broken() -> list[Case]:
    def with_first(world: World, value: float) -> np.ndarray:
        scores = world.model().copy()
        scores[0] = value
        return scores

    reads = "it reads history_dwell (float32, now missing)"

    def one_class(world: World) -> Scored:
        scored = world.scored(world.model())
        return dataclasses.replace(scored, labels=np.zeros_like(scored.labels))

    return [
        _case("one NaN score", lambda w: w.scored(with_first(w, np.nan)), "scores"),
        _case("one infinite score", lambda w: w.scored(with_first(w, np.inf)), "scores"),
        _case("constant scores", lambda w: w.scored(np.full(len(w.labels), 0.3)), "scores"),
        _case("logits instead of probabilities", lambda w: w.scored(w.truth), "scores"),
        _case("labels of one class", one_class, "labels"),
        _case(
            "the baseline's scores are NaN",
            lambda w: w.scored(w.model(), np.full(len(w.labels), np.nan)),
        ),
        _case(
            "changed schema", lambda w: w.scored(w.model(), first=True), "schema",
            incompatible=reads,
        ),
        _case(
            "changed schema, to be judged alone", lambda w: w.scored(w.model(), first=True),
            gate={"on_schema_change": "judge_alone"}, incompatible=reads,
        ),
    ]  # fmt: skip


def _case(
    name: str,
    make: Callable[[World], Scored],
    *codes: str,
    gate: dict[str, object] | None = None,
    size: tuple[int, int] = (4000, 10),
    incompatible: str | None = None,
) -> Case:
    return Case(
        name, lambda seed: make(World(seed, *size)), not codes, frozenset(codes), gate or {},
        incompatible,
    )  # fmt: skip


def _worse(world: World, by: float) -> np.ndarray:
    """A candidate whose AUC is below the latest blessed model's by exactly so much."""
    wanted = metrics.auc(world.labels, world.model(1)) - by
    low, high = 0.0, 5.0
    for _ in range(30):
        middle = (low + high) / 2
        above = metrics.auc(world.labels, world.truth + middle * world.errors[0]) > wanted
        low, high = (middle, high) if above else (low, middle)
    return world.calibrated(world.truth + low * world.errors[0])


def _off(world: World, ratio: float) -> np.ndarray:
    return world.calibrated(world.truth + _NOISE * world.errors[0], ratio)


def _probability(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
