"""The typed sections of a configuration: their common base, and every model's hyper-parameters."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Union

import pydantic
from pydantic import Field

from models.section import Section

# Bounds far above what anybody trains, so that a slip is refused before it takes all memory.
Width = Annotated[int, Field(ge=1, le=16_384)]
PositiveInt = Annotated[int, Field(ge=1, le=1_000_000)]
NonNegativeInt = Annotated[int, Field(ge=0, le=1_000_000)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Search = Literal["per_head", "shared", "mass"]


class FrameConfig(Section):
    """What all models share: embeddings, the short-term module, and the head."""

    # Longest history that the model can read; None: it has no bound of its own.
    longest: ClassVar[int | None] = None

    name: str
    item_dim: Width = Field(32, description="Width of an item's embedding.")
    category_dim: Width = Field(32, description="Width of a category's embedding.")
    cross_dim: Width = Field(
        8, description="Width of each cross feature's embedding (behaviour type, dwell ...)."
    )
    num_heads: Width = Field(
        4, description="Attention heads, of the short-term module and of the long-term one."
    )
    short_seq_len: NonNegativeInt = Field(
        50, description="Behaviours that the short-term attention reads; 0 leaves it out."
    )
    cross_layers: int = Field(2, ge=0, le=1000, description="TFRS Cross layers before the MLP.")
    mlp_units: tuple[Width, ...] = Field((256, 128), description="Widths of the MLP's layers.")
    dropout: Rate = Field(0.0, description="Dropout rate within the MLP.")
    id_dropout: Rate = Field(
        0.0,
        description="Share of the items, and of the categories, that a training step takes for "
        "unknown ones: so it learns to rank what it does not know, by what else is known of it. "
        "0.1 gained 0.010 AUC among unseen items and cost 0.002 among the others "
        "(docs/findings.md).",
    )
    num_experts: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="MLPs of `mlp_units`, of which each label's tower reads a mixture of its own "
        "(MMoE); 1: a shared bottom.",
    )
    tower_units: tuple[Width, ...] = Field(
        (64,), description="Widths of each label's own layers, where there are several labels."
    )
    ranking_weight: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Weight, beside the cross-entropy's 1, of a loss on the order of targets that "
        "one request showed; 0 leaves it out. Of no effect where requests show one target.",
    )
    summary_len: NonNegativeInt = Field(
        50,
        description="Newest behaviours whose cross features the head reads on average, beside the "
        "length of the whole visible history, whatever the target; 0 leaves both out, which cost "
        "0.002 AUC on MovieLens-1M (docs/findings.md).",
    )
    length_modulation: bool = Field(
        False,
        description="Whether attentions depend on how long the visible history is: in what they "
        "ask for, and how sharply (LAIN, arXiv 2601.19142).",
    )
    item_bias: bool = Field(
        False,
        description="Whether the target's item adds a logit of its own: AUC was worse with it "
        "where items do not differ in quality (docs/findings.md).",
    )

    @property
    def target_dim(self) -> int:
        """Width of a target's embedding: its item's and its category's."""
        return self.item_dim + self.category_dim


class RetrievalConfig(FrameConfig):
    """A model that retrieves `top_k` behaviours out of the whole history."""

    top_k: PositiveInt = Field(
        50,
        description="K: behaviours retrieved for each target; best no fewer than a target's own "
        "kind was seen (docs/findings.md).",
    )


class AvgPoolingConfig(FrameConfig):
    """Average pooling of the whole visible history."""

    name: Literal["avg_pooling"]


class DinConfig(FrameConfig):
    """DIN: target attention over the last `last` behaviours, or over all of them."""

    name: Literal["din"]
    last: PositiveInt | None = Field(
        50, description="Behaviours that the attention reads; null reads the whole history."
    )


class TwinConfig(RetrievalConfig):
    """TWIN (arXiv 2302.02352): the search ranks by the very attention that then reads."""

    name: Literal["twin"]
    search: Search = Field(
        "shared",
        description=(
            "Whose ranking retrieves: per_head reads the heads' rankings in turn until K unique "
            "behaviours are found (paper), which is all that the attention ranks highest; shared "
            "ranks by the mean over heads, which is faster and ranked better at 10,000 behaviours; "
            "mass by the mean over heads of their softmax, which keeps most of the attention."
        ),
    )
    cross_features: bool = Field(
        True,
        description="Whether cross features are read: by the relevance, the values and the "
        "short-term attention.",
    )
    projection: bool = Field(
        True,
        description="Whether the projections of query and key are learned; false keeps them as "
        "they start, scaled slices.",
    )
    position_encoding: bool = Field(
        False, description="Whether distance and age of a retrieved behaviour bias its attention."
    )


class TwinV2Config(RetrievalConfig):
    """TWIN-V2 (arXiv 2407.16357): TWIN over clusters of behaviours, for histories of thousands."""

    name: Literal["twin_v2"]
    search: Search = Field("shared", description="As TWIN's.")
    compression: PositiveInt = Field(
        10, description="Behaviours to a cluster, on average; 1 is TWIN."
    )
    chunk: PositiveInt = Field(
        1000,
        description="Behaviours, counted from the oldest, that are clustered among themselves, a "
        "multiple of `compression`. Those after the last whole chunk before a target are read "
        "singly: a history shorter than that is TWIN's.",
    )

    @pydantic.model_validator(mode="after")
    def _whole_clusters(self) -> TwinV2Config:
        if self.chunk % self.compression:
            raise ValueError(
                f"`chunk` must be a multiple of `compression`. Received: {self.chunk} and "
                f"{self.compression}"
            )
        return self


class HstuConfig(FrameConfig):
    """HSTU (arXiv 2402.17152): causal attention without a softmax over the whole history."""

    # It compares each behaviour with each other: at 2,000, scores of a usual batch take gigabytes.
    longest: ClassVar[int | None] = 512

    name: Literal["hstu"]
    blocks: Width = Field(2, description="Blocks, one on the other.")
    block_dropout: Rate = Field(0.0, description="Dropout rate of what a block adds.")


class MirrnConfig(RetrievalConfig):
    """MIRRN (arXiv 2411.15005): three queries, SimHash retrieval, Fourier transformers."""

    name: Literal["mirrn"]
    granularities: tuple[Literal["target", "local", "global"], ...] = Field(
        ("target", "local", "global"), description="Which queries retrieve."
    )
    hash_bits: Width = Field(32, description="m: sign bits of a SimHash code.")
    agreement_margin: float = Field(
        0.18,
        ge=0,
        le=1,
        description="Share of m: of the K behaviours that a query retrieves, those are kept whose "
        "agreement with it is so close to the best's; 1 keeps all (paper), which costs 0.03 AUC "
        "where fewer than K belong to a query (docs/findings.md).",
    )
    local_query: Literal["mean", "gru", "last_m"] = Field(
        "mean",
        description=(
            "How the local subsequence becomes a query: its mean; a GRU over, or the mean of, its "
            "newest `local_last` behaviours."
        ),
    )
    local_last: PositiveInt = Field(
        16, description="Behaviours that `local_query: gru` and `last_m` read."
    )
    global_query: Literal["mean", "cluster"] = Field(
        "mean",
        description=(
            "How the visible history becomes a query: its mean; or the mean of its behaviours in "
            "the hash bucket most frequent in it."
        ),
    )
    position_encoding: bool = Field(
        True, description="Whether distance and age relative to the target are added."
    )
    refinement: Literal["fourier", "self_attention", "none"] = Field(
        "fourier", description="What mixes a retrieved subsequence before it is averaged."
    )
    shared_refinement: bool = Field(
        False,
        description="Whether one refinement serves all queries, and not, as released, one each.",
    )
    fourier_mix: Literal["block", "diagonal"] = Field(
        "block", description="Complex weights per head: a block (paper) or its diagonal (released)."
    )
    fourier_transform: Literal["auto", "fft", "matmul"] = Field(
        "auto",
        description="How the Fourier transformer is computed: tf.signal.rfft and irfft, or a real "
        "matrix, which gives the same numbers; auto: the matrix up to 100 behaviours retrieved, "
        "where it is faster, else tf.signal.",
    )
    refinement_dropout: Rate = Field(0.0, description="Dropout rate within the refinement.")

    @pydantic.field_validator("granularities")
    @classmethod
    def _some_granularity(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError(
                f"`granularities` must name at least one of target, local, global, each once. "
                f"Received: {list(value)}"
            )
        return value


class SimHardConfig(RetrievalConfig):
    """SIM-hard: retrieves the newest behaviours in the target's category."""

    name: Literal["sim_hard"]


class SimSoftConfig(RetrievalConfig):
    """SIM-soft: retrieves by the inner product of embeddings."""

    name: Literal["sim_soft"]


class EtaConfig(RetrievalConfig):
    """ETA: retrieves by the Hamming distance of SimHash codes."""

    name: Literal["eta"]
    hash_bits: Width = Field(32, description="m: sign bits of a SimHash code.")


class SdimConfig(FrameConfig):
    """SDIM: averages the behaviours whose hash signatures collide with the target's."""

    name: Literal["sdim"]
    hash_bits: Width = Field(48, description="m: sign bits in all.")
    signature_bits: Width = Field(3, description="tau: sign bits of one signature.")

    @pydantic.model_validator(mode="after")
    def _whole_signatures(self) -> SdimConfig:
        if self.hash_bits % self.signature_bits:
            raise ValueError(
                f"`hash_bits` must be a multiple of `signature_bits`. Received: "
                f"{self.hash_bits} and {self.signature_bits}"
            )
        return self


class DareConfig(RetrievalConfig):
    """DARE (arXiv 2410.02604): separate tables for attention and for representation."""

    name: Literal["dare"]
    attention_dim: Width = Field(16, description="Width per feature of the attention tables.")


def _named(section: type[FrameConfig]) -> Iterator[tuple[str, type[FrameConfig]]]:
    """The sections below `section` that are a model's, by its name."""
    for model in section.__subclasses__():
        values = typing.get_args(model.model_fields["name"].annotation)
        if values:
            yield values[0], model
        yield from _named(model)


# Every model's section by its name.
MODELS = dict(sorted(_named(FrameConfig)))

if typing.TYPE_CHECKING:
    ModelConfig = FrameConfig
else:
    ModelConfig = Annotated[Union[tuple(MODELS.values())], Field(discriminator="name")]  # noqa: UP007
