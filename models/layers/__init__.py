"""The layers of all models; one idea a file."""

from models.layers.agreement_search import AgreementSearch
from models.layers.behavior_embedding import BehaviorEmbedding, embedding_of
from models.layers.clusters import Clusters
from models.layers.cross_feature_bias import CrossFeatureBias
from models.layers.fourier_transformer import FourierTransformer
from models.layers.gated_attention import Encoded, Gaps, GatedAttention
from models.layers.hash_pooling import HashCollisionPooling
from models.layers.history_summary import HistorySummary
from models.layers.id_dropout import IdDropout
from models.layers.interest_fusion import InterestFusion
from models.layers.item_bias import ItemBias
from models.layers.length_modulation import LengthModulation
from models.layers.mass_search import MassSearch
from models.layers.position_encoding import TargetPositionEncoding
from models.layers.relevance import TargetRelevance
from models.layers.request_features import RequestFeatures
from models.layers.search import (
    CategorySearch,
    ConsistentSearch,
    HammingSearch,
    InnerProductSearch,
    RecencySearch,
    SearchUnit,
)
from models.layers.self_attention import SelfAttention
from models.layers.simhash import SimHash
from models.layers.target_attention import TargetAttention
from models.layers.visibility import Selection, Window

__all__ = [
    "AgreementSearch",
    "BehaviorEmbedding",
    "CategorySearch",
    "Clusters",
    "ConsistentSearch",
    "CrossFeatureBias",
    "Encoded",
    "FourierTransformer",
    "Gaps",
    "GatedAttention",
    "HammingSearch",
    "HashCollisionPooling",
    "HistorySummary",
    "IdDropout",
    "InnerProductSearch",
    "InterestFusion",
    "ItemBias",
    "LengthModulation",
    "MassSearch",
    "RecencySearch",
    "RequestFeatures",
    "SearchUnit",
    "Selection",
    "SelfAttention",
    "SimHash",
    "TargetAttention",
    "TargetPositionEncoding",
    "TargetRelevance",
    "Window",
    "embedding_of",
]
