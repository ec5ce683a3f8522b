"""What a model must know of several labels."""

from __future__ import annotations

from pydantic import Field

from models.section import Section


class LabelTask(Section):
    """How a label is learnt."""

    weight: float = Field(
        1.0, ge=0, le=1e6, description="Weight of its loss beside those of the others."
    )
    given: str | None = Field(
        None,
        description="Another label, without which this one does not come: a target has both or is "
        "0, and the model learns the chance of both over all targets (ESMM, arXiv 1804.07931).",
    )


class LabelTasks(Section):
    """All labels of a model, of which one decides what targets are."""

    primary: str | None = Field(
        None, description="Name of the primary label; null if it is the only one."
    )
    weight: float = Field(1.0, ge=0, le=1e6, description="Weight of the primary label's loss.")
    others: dict[str, LabelTask] = Field({}, description="The other labels, by name.")

    @property
    def names(self) -> list[str]:
        """All names, the primary one first, which is "" if it is the only label."""
        return [self.primary or "", *self.others]

    @property
    def weights(self) -> list[float]:
        """Of the losses, in the order of `names`."""
        return [self.weight, *(task.weight for task in self.others.values())]


ONE_LABEL = LabelTasks()
