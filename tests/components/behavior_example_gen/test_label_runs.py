"""Whole ingests with several labels and with weights."""

import math

import pydantic
import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.errors import LogError

from . import runs

ID = {"type": "int"}
COLUMNS = {"user": ID | {"column": "user"}, "item": ID | {"column": "item"}, "time": "time"}
DAY = 86_400
LIKE = {"column": "like", "given": "click"}
BUY = {"column": "act", "positives": ["buy"], "within": "2d", "given": "click"}
SHARE = {"column": "share", "positives": ["yes"]}


def _log(folder, weights=None):
    """Ten days of 6 users: clicks on even days; a like with every click of even users, and without
    any; a purchase on the day after a click of the same item; shares known of users below 4."""
    lines = ["user,item,time,click,like,act,share,w"]
    for user in range(6):
        for day in range(10):
            item = (user + day // 2) % 10
            click = day % 2 == 0
            like = user % 2 == 0
            act = "buy" if day % 4 == 1 else "view"
            share = "" if user >= 4 else ("yes" if day % 3 == 0 else "no")
            weight = (weights or {}).get((user, day), 1 + day / 10)
            row = (user, item, day * DAY, int(click), int(like), act, share, weight)
            lines.append(",".join(map(str, row)))
    (folder / "log.csv").write_text("\n".join(lines) + "\n")


def _config(folder, labels, columns=COLUMNS, **sections):
    return IngestConfig(
        log={"folder": str(folder), "files": "log.csv", "columns": columns, "shards": 1},
        label={"column": "click"},
        primary="click",
        labels=labels,
        **({"split": {"by": "time", "validation": 0.1, "eval": 0.2}} | sections),
    )


def _targets(folder, split):
    """{(user, day): values of the target's lists by name}."""
    found = {}
    for example in runs.features(folder, split):
        for t, time in enumerate(example["target_time"]):
            row = {n: v[t] for n, v in example.items() if n.startswith(("label", "target_w"))}
            found[example["user_id"][0], time // DAY] = row
    return found


def test_labels_are_those_of_the_rows(tmp_path):
    _log(tmp_path)
    config = _config(tmp_path, {"like": LIKE, "buy": BUY, "share": SHARE})
    check_log(config)
    counts = runs.execute(config, tmp_path / "out")
    train = _targets(tmp_path / "out", "train")
    cut = min(day for _, day in _targets(tmp_path / "out", "validation"))
    assert cut == 7
    for (user, day), found in train.items():
        click = day % 2 == 0
        assert found["label"] == click
        assert found["label_like"] == (click and user % 2 == 0)
        # Bought on the next day, or not within two days; unknown if these reach into validation.
        bought = float(click and day % 4 == 0) if day + 2 < cut or not click else math.nan
        assert found["label_buy"] == bought or (
            math.isnan(found["label_buy"]) and math.isnan(bought)
        )
        if user < 4:
            assert found["label_share"] == (day % 3 == 0)
        else:
            assert math.isnan(found["label_share"])
        assert "target_weight" not in found
    known = counts["labels"]["train"]
    assert known["share"] == {"known": 24, "positives": 8}  # days 1 to 6 of four users
    assert known["like"] == {"known": 36, "positives": 9}
    (warning,) = (text for text in counts["warnings"] if "`labels." in text)
    assert warning.startswith("`labels.buy` is not known of ")
    assert "their time of 2d had not ended when the log or their split did" in warning


def test_weights_travel_with_targets(tmp_path):
    _log(tmp_path)
    config = _config(tmp_path, {}, COLUMNS | {"weight": "w"})
    runs.execute(config, tmp_path / "out")
    train = _targets(tmp_path / "out", "train")
    for (_, day), found in train.items():
        assert found["target_weight"] == pytest.approx(1 + day / 10)
        assert set(found) == {"label", "target_weight"}


def test_faulty_weights_are_faulty_rows(tmp_path):
    _log(tmp_path, {(0, 1): -1, (1, 1): "", (2, 1): "x", (3, 1): "1e300"})
    config = _config(tmp_path, {}, COLUMNS | {"weight": "w"})
    with pytest.raises(LogError) as error:
        runs.execute(config, tmp_path / "out")
    for reason in ("negative", "missing", "not a number", "beyond 32-bit floats"):
        assert f"1  weight: {reason}" in str(error.value)


@pytest.mark.parametrize(
    ("zero", "says"),
    [
        (lambda day: True, "the 36 targets of the train split, 0 have a weight above 0"),
        (lambda day: day == 7, "the 6 targets of the validation split, 0 have a weight above 0"),
        (lambda day: day >= 8, "the 12 targets of the eval split, 0 have a weight above 0"),
        (
            lambda day: day % 2 == 1,
            "the 36 targets of the train split, 18 have a weight above 0, and 18 of them the label",
        ),
    ],
)
def test_weights_that_leave_nothing_are_refused(tmp_path, zero, says):
    _log(tmp_path, {(user, day): 0 for user in range(6) for day in range(10) if zero(day)})
    config = _config(tmp_path, {}, COLUMNS | {"weight": "w"})
    with pytest.raises(LogError, match=rf"{says}.*`log\.columns\.weight` \('w'\)"):
        runs.execute(config, tmp_path / "out")


def test_drawn_negatives_know_no_label_of_their_positive(tmp_path):
    _log(tmp_path)
    config = IngestConfig(
        log={
            "folder": str(tmp_path),
            "files": "log.csv",
            "columns": COLUMNS | {"behavior": "act"},
            "shards": 1,
        },
        label={"negatives": {"per_positive": 2}},
        primary="seen",
        labels={"share": SHARE, "buy": BUY | {"given": "seen"}, "both": SHARE | {"given": "seen"}},
        split={"by": "user_hash", "validation": 0.2, "eval": 0.2},
    )
    runs.execute(config, tmp_path / "out")
    drawn = shown = 0
    for example in runs.features(tmp_path / "out", "train"):
        for label, share, buy, both in zip(
            *(example[n] for n in ("label", "label_share", "label_buy", "label_both")), strict=True
        ):
            if label == 0:
                drawn += 1
                assert math.isnan(share) and buy == 0 and both == 0
            else:
                shown += not math.isnan(share)
    assert drawn and shown


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"like": LIKE | {"given": "clack"}}, "`labels.like.given` must name another label: click"),
        ({"a": LIKE | {"given": "b"}, "b": LIKE | {"given": "a"}}, "a given b given a"),
        ({"like": {"negatives": {}}}, "`labels.like.negatives` would make other targets"),
        ({"buy": BUY | {"within": "2 days"}}, "within"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, labels, told):
    _log(tmp_path)
    with pytest.raises(pydantic.ValidationError, match="(?s)" + told.replace(".", r"\.")):
        _config(tmp_path, labels)


def test_labels_without_both_values_are_refused(tmp_path):
    _log(tmp_path)
    labels = {"never": {"column": "like", "at_least": 2}}
    with pytest.raises(LogError, match=r"`labels\.never` is known of 36 and 1 for 0 of them"):
        runs.execute(_config(tmp_path, labels), tmp_path / "out")
    labels = {"gone": {"column": "act", "positives": ["gift"]}}
    with pytest.raises(LogError, match=r"no row has the value 'gift' of `labels\.gone\.positives`"):
        runs.execute(_config(tmp_path, labels), tmp_path / "out")


def test_a_label_that_is_neither_names_its_own_key(tmp_path):
    _log(tmp_path)
    with pytest.raises(LogError, match=r"neither 0 nor 1, .*; `labels\.w\.positives` names other"):
        check_log(_config(tmp_path, {"w": {"column": "w"}}))


def test_columns_of_labels_are_no_features(tmp_path):
    _log(tmp_path)
    features = {"liked": {"of": "context", "column": "like"}}
    with pytest.raises(pydantic.ValidationError, match=r"is the column of `labels\.like\.column`"):
        _config(tmp_path, {"like": LIKE}, features=features)
