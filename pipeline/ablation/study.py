"""A study: which variants of a configuration are trained, on which data, against which of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import Field

from models import feature_config
from models.feature_config import Features
from models.section import Section
from pipeline.config import Config, load
from pipeline.errors import ConfigError, describe
from pipeline.yaml_text import find_file, read

SHIPPED = Path(__file__).parents[1] / "studies"
OF_VARIANTS = ("model", "training")
OF_DATA = ("log", "features", "tables", "label", "history", "split")
ALL_FEATURES = "all features"  # name of the data from which `leave_out` leaves nothing out
ONE_DATA = ""  # name of the data of a study that has no `data`
# What lies beside the results of the studies in an output folder, which are called like them.
DATA, RUNS, LOG = "data", "runs", "log.txt"

Overrides = dict[str, Any]


def shipped() -> list[str]:
    """Returns the names of the studies that ship with Everlong."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


class Study(Section):
    """A study file; overrides are `section.key: value`, as `--set` takes them."""

    question: str = Field(description="What the study answers, in one sentence.")
    common: Overrides = Field({}, description="Overrides of all variants; --set goes above them.")
    data: dict[str, Overrides] = Field(
        {},
        description=f"Data sets by name: overrides of {', '.join(OF_DATA[:-1])} and {OF_DATA[-1]}. "
        "Each gets examples of its own; empty: the configuration's data alone.",
    )
    leave_out: Literal["features"] | None = Field(
        None,
        description=f"Instead of `data`: features makes a data set {ALL_FEATURES!r} and, for each "
        "feature of the configuration, one without it.",
    )
    variants: dict[str, Overrides] = Field(
        min_length=1, description="Variants by name: overrides of model and training."
    )
    reference: str = Field(
        description="What all others are compared with: a variant, on each data set; or a data "
        "set, for each variant."
    )

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Study:
        if self.leave_out and self.data:
            raise ValueError(
                "`leave_out` makes the data sets, so it excludes `data`. Received: "
                f"{[*self.data]}; remove one of them"
            )
        data = [ALL_FEATURES] if self.leave_out else [*self.data]
        both = set(self.variants) & set(data)
        if both:
            raise ValueError(f"a variant and a data set share a name. Received: {sorted(both)}")
        if self.reference not in {*self.variants, *data}:
            raise ValueError(
                f"`reference` must name one of {[*self.variants, *data]}. "
                f"Received: {self.reference!r}"
            )
        for name, overrides in {"common": self.common, **self.variants}.items():
            _check_sections(name, overrides, OF_VARIANTS, "declare a data set under `data`")
        for name, overrides in self.data.items():
            _check_sections(name, overrides, OF_DATA, "declare a variant under `variants`")
        return self

    def on(self, config: Config) -> Study:
        """The study with the data sets that `leave_out` stands for.

        Raises:
          ConfigError: if there is nothing to leave out.
          LogError: if a column is not found.
        """
        if self.leave_out is None:
            return self
        if not config.features:
            raise ConfigError(
                "study: leaves each configured feature out in turn, and "
                f"{config.name!r} configures none; give it `features`, or choose another study"
            )
        joined = _joined_columns(config)
        data: dict[str, Overrides] = {ALL_FEATURES: {}}
        for name in config.features:
            left = {n: f for n, f in config.features.items() if n != name}
            unused = set(config.tables) & (
                feature_config.tables_of(config.features).keys() - feature_config.tables_of(left)
            )
            left_out = [f"features.{name}", *(f"tables.{table}" for table in sorted(unused))]
            left_out += [f"log.tables.{t}" for t in joined if not _is_used(t, joined, left, config)]
            data[f"without {name}"] = dict.fromkeys(left_out)
        return Study.model_validate(self.model_dump() | {"leave_out": None, "data": data})

    def overrides(self, data: str, variant: str) -> Overrides:
        """All that the study changes for a variant on a data set."""
        return self.common | self.data.get(data, {}) | self.variants[variant]


def _joined_columns(config: Config) -> dict[str, list[str]]:
    """The columns that are used of each joined table, by its name."""
    if not config.log.tables:
        return {}
    from components.behavior_example_gen.sources.columns import find_columns

    return find_columns(config.ingest).joined


def _is_used(table: str, joined: Mapping[str, list[str]], left: Features, config: Config) -> bool:
    """Whether a joined table has a column that some features, or rows themselves, still use."""
    owner, ingest = config.log.tables[table].of, config.ingest
    used = {getattr(feature, "column", None) for feature in left.values() if feature.of == owner}
    used.update(*map(ingest.needed_columns, ingest.tables()))
    return not used.isdisjoint(joined[table])


@dataclasses.dataclass(frozen=True)
class Case:
    """One variant on one data set.

    Attributes:
      data: name of the data set; `ONE_DATA` if the study has none.
      variant: name of the variant.
      config: all of its configuration; valid.
      reference: the (data, variant) that it is compared with; its own, if it is a reference.
    """

    data: str
    variant: str
    config: Config
    reference: tuple[str, str]

    @property
    def name(self) -> str:
        """What it is called in tables and progress."""
        return f"{self.variant}, {self.data}" if self.data else self.variant

    @property
    def is_reference(self) -> bool:
        """Whether others are compared with it."""
        return self.reference == (self.data, self.variant)


def load_study(name: str) -> Study:
    """Reads a study.

    Args:
      name: path of a YAML file, or a shipped name such as "models".

    Raises:
      ConfigError: if there is no such file, it is no study, or it has a name that is taken.
    """
    path = find_file(Path(name), SHIPPED / f"{name}.yaml")
    if path is None:
        known = ", ".join(shipped())
        raise ConfigError(
            f"--study: no file {name[:200]!r}; give a YAML file, or a shipped study: {known}"
        )
    if path.stem in (DATA, RUNS, LOG):
        raise ConfigError(
            f"--study {name}: must not be called {path.stem!r}: its results go to a folder of that "
            f"name, and {path.stem!r} is taken there by what all studies share; rename the file"
        )
    try:
        return Study.model_validate(read(path))
    except pydantic.ValidationError as error:
        raise ConfigError(describe(error, Study, str(path))) from None


def plan(study: Study, config: str, overrides: list[str]) -> list[Case]:
    """Validates every variant on every data set, before anything starts.

    Args:
      study: what to train.
      config: file or shipped name of the configuration that all start from.
      overrides: of the command line, `section.key=value`; above `common`, below the variants.

    Raises:
      ConfigError: naming the variant, its key and its value.
    """
    cases = []
    for data, of_data in (study.data or {ONE_DATA: {}}).items():
        for variant, of_variant in study.variants.items():
            reference = (
                (study.reference, variant) if study.reference in study.data
                else (data, study.reference)
            )  # fmt: skip
            layers = [*_texts(study.common), *overrides, *_texts(of_data), *_texts(of_variant)]
            try:
                valid = load(config, layers)
            except ConfigError as error:
                where = f" on the data set {data!r}" if data else ""
                raise ConfigError(f"study: variant {variant!r}{where}: {error}") from None
            cases.append(Case(data, variant, valid, reference))
    return cases


def _texts(overrides: Overrides) -> list[str]:
    return [f"{key}={json.dumps(value)}" for key, value in overrides.items()]


def _check_sections(
    name: str, overrides: Overrides, sections: tuple[str, ...], way_out: str
) -> None:
    for key in overrides:
        if key.split(".")[0] not in sections:
            raise ValueError(
                f"{name!r} may override {' and '.join(f'{s}.*' for s in sections)} only. "
                f"Received: {key!r}; {way_out}"
            )
