"""What the README shows of a log of one's own works as it stands."""

import gzip
import re

import pytest
import yaml

from pipeline.config import load
from tests.components.behavior_example_gen import feature_oracle, runs

PRODUCTS = """item_id,brand,tags,price
kettle,Pima,kitchen|steel,39.5
teapot,Pima,kitchen,25
lamp,,,
"""


@pytest.fixture
def shop(tmp_path):
    """The example's YAML, and a small log as it describes."""
    section = (runs.ROOT / "README.md").read_text().split("## Your own log")[1]
    text = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1]
    (tmp_path / "shop.yaml").write_text(text)
    lines = ["user_id,item_id,category,ts,city"]
    for user in ("ann", "bob", "cay", "dan"):
        for hour in range(12):
            item, category = [("kettle", "tea"), ("teapot", "tea"), ("lamp", "light")][hour % 3]
            city = {"ann": "Ulm", "bob": "Bonn"}.get(user, "")
            lines.append(f"{user},{item},{category},2024-01-{hour + 1:02}T08:00:00Z,{city}")
    (tmp_path / "events-1.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (tmp_path / "products.csv").write_text(PRODUCTS)
    return tmp_path


def test_the_example_of_ones_own_log_is_ingested(shop):
    config = load(str(shop / "shop.yaml"), [f"log.folder={shop}"])
    assert yaml.safe_load((shop / "shop.yaml").read_text())["log"]["folder"] == "/data/shop"
    assert list(config.features) == ["brand", "tags", "price", "city", "hour"]
    counts = runs.execute(config.ingest, shop / "out")
    assert (counts["rows"], counts["rows_kept"], counts["warnings"]) == (48, 48, [])
    items = feature_oracle.unpack_items(runs.examples(shop / "out", "items"), config.ingest)
    assert items[b"kettle"][1] == {
        "brand": [b"Pima"],
        "tags": [b"kitchen", b"steel"],
        "price": [39.5],
    }
    assert items[b"lamp"][1]["brand"] == [b""] and items[b"lamp"][1]["tags"] == []
    train = {e["user_id"][0]: e for e in runs.features(shop / "out", "train")}
    assert {user: example["user_city"] for user, example in train.items()} == {
        b"ann": [b"Ulm"], b"bob": [b"Bonn"], b"cay": [b""], b"dan": [b""],
    }  # fmt: skip
    assert train[b"ann"]["history_item"][:3] == [b"kettle", b"teapot", b"lamp"]
    assert train[b"ann"]["history_category"][:3] == [b"tea", b"tea", b"light"]
