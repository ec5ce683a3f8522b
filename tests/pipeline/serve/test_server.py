"""Both protocols against the signatures themselves, what is refused, and rolling updates."""

from __future__ import annotations

import base64
import gc
import gzip
import http.client
import json
import math
import socket
import threading
import weakref

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from components.errors import InputError
from pipeline.serve import server as server_module
from pipeline.serve.expected import Expected
from tests.pipeline.serve.tiny import (
    INPUTS,
    Rest,
    Rpc,
    expected,
    predict_request,
    probability,
    publish,
    refused,
    running,
    wait_until,
)

CLOSE = {"rtol": 0, "atol": 1e-7}  # float32 of numbers below 1/8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    publish(folder, 3)
    publish(folder, 7)
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with running(folder) as server:
        yield server


@pytest.fixture
def rest(server):
    return Rest(server.rest_port)


@pytest.fixture
def rpc(server):
    return Rpc(server.grpc_port)


def values(tensor) -> np.ndarray:
    return tf.make_ndarray(tensor)


def example(history: int, targets: list[int]) -> bytes:
    feature = {
        "history_time": tf.train.Feature(int64_list=tf.train.Int64List(value=range(history))),
        "target_item": tf.train.Feature(int64_list=tf.train.Int64List(value=targets)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def test_columns_over_rest(rest):
    status, answer = rest.score()
    assert status == 200
    assert list(answer) == ["outputs"]
    np.testing.assert_allclose(answer["outputs"]["probability"], expected(7), **CLOSE)
    np.testing.assert_allclose(answer["outputs"]["probability_like"], expected(7) / 2, **CLOSE)


def test_rows_over_rest(rest):
    rows = [{name: column[user] for name, column in INPUTS.items()} for user in (0, 1)]
    rows[0]["target_brand"] = [{"b64": base64.b64encode(b"a").decode()}, "bc"]
    status, answer = rest.post({"signature_name": "score", "instances": rows})
    assert status == 200
    assert list(answer) == ["predictions"]
    for user in (0, 1):
        found = answer["predictions"][user]
        assert set(found) == {"probability", "probability_like"}
        np.testing.assert_allclose(found["probability"], expected(7)[user], **CLOSE)


def test_serialized_examples_over_rest(rest):
    serialized = {"b64": base64.b64encode(example(4, [10, 20])).decode()}
    wanted = [[probability(7, item, 4, 0) for item in (10, 20)]]
    for body, key in (
        ({"instances": [serialized]}, "predictions"),
        ({"instances": [{"examples": serialized}]}, "predictions"),
        ({"inputs": [serialized]}, "outputs"),
        ({"inputs": {"examples": [serialized]}}, "outputs"),
    ):
        status, answer = rest.post(body)
        assert (status, list(answer)) == (200, [key])
        np.testing.assert_allclose(answer[key], wanted, **CLOSE)


def test_an_example_with_a_name_that_is_no_text_is_scored(rest):
    """TensorFlow passes over what it does not know; only Python would read all names."""
    odd = example(4, [10]) + b"\x0a\x07\x0a\x05\x0a\x01\xff\x12\x00"  # {"\xff": empty}
    status, answer = rest.post({"inputs": [{"b64": base64.b64encode(odd).decode()}]})
    assert (status, answer["outputs"]) == (200, [[pytest.approx(probability(7, 10, 4, 0))]])


def test_grpc_gives_the_same_numbers(rpc, rest):
    answer = rpc.score()
    assert answer.model_spec.name == "everlong"
    assert answer.model_spec.version.value == 7
    assert answer.model_spec.signature_name == "score"
    assert len(answer.outputs["probability"].float_val) == 4  # as many clients read it
    for name, scale in (("probability", 1), ("probability_like", 2)):
        found = values(answer.outputs[name])
        np.testing.assert_allclose(found, expected(7) / scale, **CLOSE)
        np.testing.assert_array_equal(found, np.float32(rest.score()[1]["outputs"][name]))


def test_grpc_gives_the_wanted_outputs_only(rpc):
    request = predict_request()
    request.output_filter.append("probability_like")
    assert list(rpc.prediction.Predict(request).outputs) == ["probability_like"]
    request.output_filter.append("probabilty")
    code, told = refused(lambda: rpc.prediction.Predict(request))
    assert code == "INVALID_ARGUMENT"
    assert told == "there is no output 'probabilty'; the nearest is 'probability'"


def test_a_user_without_a_history(rest):
    inputs = {"history_item": [[]], "history_length": [0], "target_item": [[10]]}
    status, answer = rest.score(inputs | {"target_brand": [[""]]})
    assert status == 200
    np.testing.assert_allclose(
        answer["outputs"]["probability"], [[probability(7, 10, 0, 0)]], **CLOSE
    )


def test_status_and_metadata(rest, rpc):
    status, answer = rest.get("/v1/models/everlong")
    assert status == 200
    ok = {"error_code": "OK", "error_message": ""}
    told = {"version": "7", "state": "AVAILABLE", "status": ok}
    assert answer == {"model_version_status": [told]}
    assert rest.get("/v1/models/everlong/versions/7") == (200, answer)
    status, answer = rest.get("/v1/models/everlong/metadata")
    assert answer["model_spec"] == {"name": "everlong", "signature_name": "", "version": "7"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures["score"]["inputs"]) == set(INPUTS)
    assert signatures["score"]["inputs"]["target_brand"]["dtype"] == "DT_STRING"

    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "everlong"
    (one,) = rpc.model.GetModelStatus(asked).model_version_status
    assert (one.version, one.state) == (7, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "everlong"
    found = rpc.prediction.GetModelMetadata(asked)
    assert found.model_spec.version.value == 7
    definition = get_model_metadata_pb2.SignatureDefMap()
    assert found.metadata["signature_def"].Unpack(definition)
    assert set(definition.signature_def["score"].inputs) == set(INPUTS)


def with_inputs(**changes) -> dict:
    inputs = {name: value for name, value in (INPUTS | changes).items() if value is not None}
    return {"signature_name": "score", "inputs": inputs}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 400, "the body is no JSON: "),
        (b"\xff", 400, "the body is no JSON: "),
        (b'{"inputs": {}, "inputs": {}}', 400, "the key 'inputs' is twice in an object; keep one"),
        (b'{"instances": [{"a": 1, "a": 2}]}', 400, "the key 'a' is twice in an object; keep one"),
        (b"[" * 100_000, 400, "the body is no JSON: "),
        ([1], 400, "the body must be a JSON object. Received: [1]"),
        ({}, 400, "the body must have either 'inputs' or 'instances'"),
        ({"inputs": [], "instances": []}, 400, "either 'inputs' or 'instances'"),
        ({"input": []}, 400, "there is no key 'input'; the nearest is 'inputs'"),
        ({"instances": []}, 400, "instances: must be a list of at least one. Received: []"),
        ({"signature_name": "score", "instances": [1]}, 400, "must be an object, by their names"),
        (
            {"signature_name": "score", "instances": [{"a": 1}, {}]},
            400,
            "instances: 1 and 0 have not the same inputs: a is in one only",
        ),
        ({"signature_name": 1, "inputs": []}, 400, "signature_name: must be a text. Received: 1"),
        (
            {"signature_name": "scor", "inputs": []},
            404,
            "there is no signature 'scor'; the nearest is 'score'",
        ),
        ({"inputs": ["x"]}, 400, "Could not parse example input"),
        # Cut off, which begins with a line end, and what is no text, as packed ones.
        ({"inputs": [{"b64": "CgVhYmM="}]}, 400, "must be serialized tf.Examples"),
        ({"inputs": [{"b64": "////////"}]}, 400, "must be serialized tf.Examples"),
        ({"inputs": ["漢" * 4000]}, 400, "must be serialized tf.Examples"),
        ({"inputs": [{"b64": "?"}]}, 400, 'examples: is no base64: "?"'),
        ({"inputs": [1]}, 400, "examples: must be text or {'b64': …}. Received: 1"),
        (
            with_inputs(target_itme=[[1]]),
            400,
            "there is no input of signature 'score' 'target_itme'; the nearest is 'target_item'",
        ),
        (with_inputs(target_item=None), 400, "target_item: is missing; signature 'score' takes it"),
        (with_inputs(target_item=[[1.5, 2]]), 400, "target_item: must be int64. Received: 1.5"),
        (with_inputs(target_item=[["1", 2]]), 400, 'target_item: must be int64. Received: "1"'),
        (with_inputs(target_item=[[1, None]]), 400, "target_item: must be int64. Received: null"),
        (with_inputs(target_item=[[True]]), 400, "target_item: must be int64. Received: true"),
        (
            with_inputs(target_item=[[1, 2**63]]),
            400,
            "target_item: must be int64. Received: 9223372036854775808",
        ),
        (
            with_inputs(target_item=[[1], [2, 3]]),
            400,
            "target_item: its lists must be equally long",
        ),
        (with_inputs(target_brand=[["a"], ["b", "c"]]), 400, "its lists must be equally long"),
        (
            with_inputs(target_item=[1, 2]),
            400,
            "target_item: must be of shape [any, any]. Received",
        ),
        (
            with_inputs(history_length=[4, 1]),
            400,
            "history_length: must be 0 to 3, the 'columns' of été",
        ),
    ],
)
def test_what_rest_refuses(rest, body, status, sentence):
    found, answer = rest.post(body)
    assert (found, list(answer)) == (status, ["error"]), answer
    assert sentence in answer["error"]
    assert "\n" not in answer["error"]
    assert rest.score()[0] == 200  # on the same connection


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/v1/models/everlogn:predict", "there is no model 'everlogn'; the nearest is 'everlong'"),
        ("/v1/models/everlong/versions/3:predict", "there is no version 3; 7 is served"),
        (
            "/v1/models/everlong:classify",
            "there is no POST /v1/models/everlong:classify; there are",
        ),
        ("/", "there is no POST /; there are POST /v1/models/NAME"),
    ],
)
def test_what_rest_does_not_find(rest, path, sentence):
    status, answer = rest.post(with_inputs(), path)
    assert status == 404
    assert answer["error"].startswith(sentence)
    assert rest.get(path)[0] == 404


def test_what_rest_does_not_read(server, rest):
    status, answer = rest.post(b" " * (1 << 20) + b"{}")
    assert (status, answer) == (
        413,
        {"error": "the body has 1,048,578 bytes; at most 1,048,576 are taken"},
    )
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    connection.putrequest("POST", "/v1/models/everlong:predict")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 411
    assert answer.read() == b'{"error": "a request needs a Content-Length"}'


def test_a_packed_body_is_read_as_far_as_it_may_be(server, rest):
    plain = json.dumps({"signature_name": "score", "inputs": INPUTS}).encode()

    def post(body, encoding="gzip"):
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
        path = "/v1/models/everlong:predict"
        connection.request("POST", path, body, {"Content-Encoding": encoding})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    assert post(gzip.compress(plain)) == rest.post(plain)
    cut = 400, {"error": "the body is no gzip, or a part of it"}
    assert post(gzip.compress(plain)[:-4]) == cut
    assert post(plain) == cut
    most = "the body has more than 1,048,576 bytes when it is unpacked"
    assert post(gzip.compress(b" " * (1 << 24))) == (413, {"error": most})
    assert post(plain, "br") == (
        415,
        {"error": "Content-Encoding br: is not taken; send gzip, or plain text"},
    )


def test_a_client_that_asks_whether_to_send_is_told_so(server):
    """As curl does with bodies of a megabyte or more: else it waits, for a second or for ever."""
    body = b'{"inputs": []}'
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as client:
        head = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 404 ")


def test_what_grpc_refuses(rpc):
    def told(**changes):
        return refused(lambda: rpc.score(**changes))

    assert told(signature="scor") == (
        "NOT_FOUND",
        "there is no signature 'scor'; the nearest is 'score'",
    )
    assert told(target_item=np.zeros([2, 2], np.int32)) == (
        "INVALID_ARGUMENT",
        "target_item: must be int64. Received: int32",
    )
    assert told(target_item=None) == (
        "INVALID_ARGUMENT",
        "target_item: is missing; signature 'score' takes it",
    )
    assert told(target_itme=[[1]])[1].endswith("'target_itme'; the nearest is 'target_item'")
    assert told(history_length=[4, 1]) == (
        "INVALID_ARGUMENT",
        "history_length: must be 0 to 3, the 'columns' of été",
    )
    assert told(target_item=np.array([1])) == (
        "INVALID_ARGUMENT",
        "target_item: must be of shape [any, any]. Received: [1]",
    )
    assert told(target_item=np.zeros([1, 200_000], np.int64))[0] == "RESOURCE_EXHAUSTED"  # 1.6 MB
    assert rpc.score().model_spec.version.value == 7


def test_a_tensor_without_values_is_not_read_as_zeros(rpc):
    for name in ("history_length", "target_brand"):
        request = predict_request()
        for values in ("int64_val", "string_val", "tensor_content"):
            request.inputs[name].ClearField(values)
        assert refused(lambda: rpc.prediction.Predict(request)) == (  # noqa: B023
            "INVALID_ARGUMENT",
            f"{name}: its shape has {np.size(INPUTS[name])} values, of which none is sent",
        )


def test_damaged_messages(server, rpc):
    request = predict_request()
    request.model_spec.name = "other"
    assert refused(lambda: rpc.prediction.Predict(request)) == (
        "NOT_FOUND",
        "there is no model 'other'; there are everlong",
    )
    request = predict_request()
    request.model_spec.version.value = 3
    assert refused(lambda: rpc.prediction.Predict(request)) == (
        "NOT_FOUND",
        "there is no version 3; 7 is served",
    )
    request = predict_request()
    for size in (2**40, 2**20):  # of rows of two
        request.inputs["target_item"].tensor_shape.dim[0].size = size
        assert refused(lambda: rpc.prediction.Predict(request)) == (
            "INVALID_ARGUMENT",
            f"target_item: its shape has {2 * size:,} values, of which fewer are sent; the last "
            "may stand for those that follow in no more than 1,048,576",
        )
    request.inputs["target_item"].tensor_shape.dim[0].size = 5
    code, told = refused(lambda: rpc.prediction.Predict(request))
    assert code == "INVALID_ARGUMENT"
    assert told.startswith("target_item: is no tensor: ")
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        assert refused(lambda: call(b"\xff\xff")) == (
            "INVALID_ARGUMENT",
            "the message is no PredictRequest",
        )
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Classify")
        assert refused(lambda: call(b""))[0] == "UNIMPLEMENTED"


def test_a_port_that_is_taken(server, folder):
    for flag in ("rest_port", "grpc_port"):
        port = getattr(server, flag)
        name = f"--{flag.replace('_', '-')} {port}: cannot listen on 127.0.0.1"
        with pytest.raises(InputError, match=name), running(folder, **{flag: port}):
            pass


def test_health_and_metrics(folder):
    version = folder / "7"
    (version / "assets" / "brand").write_bytes(b"a\n\xc3\xa9t\xc3\xa9\n")
    (version / "assets" / "item").write_bytes(b"1\n2\n10\n30\n")
    vocabularies = {"history_item": "item", "target_item": "item", "target_brand": "brand"}
    types = {"target_brand": "string"}
    inputs = {
        name: {"dtype": types.get(name, "int64"), "vocabulary": of}
        for name, of in vocabularies.items()
    }
    told = {"signatures": {"score": {"inputs": inputs}}}
    (version / "everlong_model.json").write_text(json.dumps(told))
    with running(folder) as server:
        rest, rpc = Rest(server.rest_port), Rpc(server.grpc_port)
        assert rest.get("/healthz") == (200, "ok\n")
        assert rest.get("/readyz") == (200, "ready\n")
        rest.score()
        rpc.score()
        rest.post({"inputs": [{"b64": base64.b64encode(example(20, [10])).decode()}]})
        rest.score(INPUTS | {"history_length": [9, 9]})
        rest.post({"signature_name": "made up", "inputs": []})
        text = rest.get("/metrics")[1]
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    requests = {line: float(n) for line, n in lines.items() if "requests_total" in line}
    assert requests == {
        'everlong_requests_total{protocol="rest",signature="score",code="OK"}': 1,
        'everlong_requests_total{protocol="grpc",signature="score",code="OK"}': 1,
        'everlong_requests_total{protocol="rest",signature="serving_default",code="OK"}': 1,
        'everlong_requests_total{protocol="rest",signature="score",code="INVALID_ARGUMENT"}': 1,
        'everlong_requests_total{protocol="rest",signature="",code="NOT_FOUND"}': 1,
    }
    assert lines['everlong_request_seconds_count{signature="score"}'] == "3"
    # Histories of 3 and 1, twice, and of 20.
    assert lines['everlong_history_length_bucket{le="0"}'] == "0"
    assert lines['everlong_history_length_bucket{le="10"}'] == "4"
    assert lines['everlong_history_length_bucket{le="30"}'] == "5"
    assert float(lines["everlong_history_length_sum"]) == 28
    assert float(lines['everlong_score_count{output="probability"}']) == 9
    total = 2 * expected(7).sum() + probability(7, 10, 20, 0)
    found = float(lines['everlong_score_sum{output="probability"}'])
    assert math.isclose(found, total, rel_tol=1e-5)
    # Twice: behaviours 1, 2, 3 and 4; targets 10, 20, 30 and 40; brands a, bc and été, one without.
    # Once: the target 10 of an example.
    for name, asked, unknown in (
        ("history_item", 8, 4), ("target_item", 9, 4), ("target_brand", 6, 2),
    ):  # fmt: skip
        assert float(lines[f'everlong_ids_total{{input="{name}"}}']) == asked
        assert float(lines[f'everlong_unknown_ids_total{{input="{name}"}}']) == unknown
    assert "everlong_score_drift" not in lines, "9 scores tell nothing"
    assert lines["everlong_model_version"] == "7"
    assert lines["everlong_queued_requests"] == "0"


def test_an_empty_folder_waits_for_a_version(tmp_path):
    with running(tmp_path) as server:
        rest, rpc = Rest(server.rest_port), Rpc(server.grpc_port)
        assert rest.get("/healthz")[0] == 200
        assert rest.get("/readyz") == (503, "no version serves\n")
        assert rest.score() == (503, {"error": "no version of the model is loaded yet"})
        assert refused(rpc.score) == ("UNAVAILABLE", "no version of the model is loaded yet")
        assert "\neverlong_model_version " not in rest.get("/metrics")[1]
        publish(tmp_path, 2)
        wait_until(lambda: rest.get("/readyz")[0] == 200)
        np.testing.assert_allclose(rest.score()[1]["outputs"]["probability"], expected(2), **CLOSE)


def test_a_versions_own_folder(tmp_path):
    version = publish(tmp_path, 5)
    with running(version) as server:
        publish(tmp_path, 6)
        server.versions.poll()
        assert server.versions.version == 5
    version.rename(tmp_path / "Format-Serving")
    with running(tmp_path / "Format-Serving") as server:
        assert server.versions.version == 1
        found = Rest(server.rest_port).score()[1]["outputs"]["probability"]
        np.testing.assert_allclose(found, expected(5), **CLOSE)


def versions_of(probabilities: np.ndarray) -> set[int]:
    """The versions that gave the scores of many targets of item 10, without history or brand."""
    return {round((one - 10 / 10000) * 100) for one in np.ravel(probabilities)}


def test_a_rolling_update_loses_and_mixes_nothing(tmp_path, caplog):
    """Clients of both kinds ask all the time, while two more versions appear."""
    caplog.set_level("INFO", "everlong")
    publish(tmp_path, 1)
    many = {
        "history_item": np.zeros([2, 0], np.int64),
        "history_length": np.zeros([2], np.int64),
        "target_item": np.full([2, 300], 10, np.int64),
        "target_brand": np.full([2, 300], b"", object),
    }
    plain = {name: array.tolist() for name, array in many.items() if array.dtype != object}
    plain["target_brand"] = [[""] * 300] * 2
    seen: list[list[int]] = [[] for _ in range(4)]
    failed = []

    def over_rest(number: int, port: int) -> None:
        client = Rest(port)
        while 3 not in seen[number]:
            status, answer = client.score(plain)
            assert status == 200, answer
            (version,) = versions_of(answer["outputs"]["probability"])
            assert versions_of(2 * np.array(answer["outputs"]["probability_like"])) == {version}
            seen[number].append(version)

    def over_grpc(number: int, port: int) -> None:
        client = Rpc(port)
        while 3 not in seen[number]:
            answer = client.score(**many)
            (version,) = versions_of(values(answer.outputs["probability"]))
            assert answer.model_spec.version.value == version
            seen[number].append(version)

    def guarded(client, *arguments) -> None:
        try:
            client(*arguments)
        except BaseException as error:
            failed.append(error)
            seen[arguments[0]].append(3)

    with running(tmp_path) as server:
        with server.versions.lease() as (_, model):
            first = weakref.ref(model)
        del model
        ports = server.rest_port, server.grpc_port
        threads = [
            threading.Thread(target=guarded, args=(client, number, ports[number % 2]))
            for number, client in enumerate([over_rest, over_grpc] * 2)
        ]
        for thread in threads:
            thread.start()
        for version in (2, 3):
            before = version - 1
            wait_until(lambda v=before: failed or all(v in found for found in seen))
            publish(tmp_path, version)
        for thread in threads:
            thread.join()
        wait_until(lambda: "version 2 is released" in caplog.text)
        gc.collect()
        assert first() is None  # its memory is free again
    assert not failed
    for found in seen:
        assert found == sorted(found)
        assert set(found) == {1, 2, 3}


def test_a_corrupt_version_is_passed_over(tmp_path, caplog):
    caplog.set_level("INFO", "everlong")
    publish(tmp_path, 1)
    with running(tmp_path) as server:
        rest = Rest(server.rest_port)
        broken = tmp_path / "2"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"no model")
        wait_until(lambda: "version 2 cannot be served" in caplog.text)
        for _ in range(5):
            server.versions.poll()
        assert caplog.text.count("version 2 cannot be served and is passed over: ") == 1
        assert rest.score()[0] == 200
        states = rest.get("/v1/models/everlong")[1]["model_version_status"]
        assert [(s["version"], s["state"], s["status"]["error_code"]) for s in states] == [
            ("2", "END", "UNKNOWN"),
            ("1", "AVAILABLE", "OK"),
        ]
        assert rest.get("/readyz")[0] == 200
        (broken / "saved_model.pb").unlink()
        broken.rmdir()
        publish(tmp_path, 2)  # it has changed, so it is tried again
        wait_until(lambda: server.versions.version == 2)
        np.testing.assert_allclose(rest.score()[1]["outputs"]["probability"], expected(2), **CLOSE)


def test_a_versions_own_requests_come_first(tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO", "everlong")
    counts = []
    warm_up = server_module.warm_up.warm_up

    def counted(model):
        counts.append(warm_up(model))

    monkeypatch.setattr(server_module.warm_up, "warm_up", counted)
    publish(tmp_path, 1)
    publish(tmp_path, 2, [predict_request(), predict_request()])
    with running(tmp_path) as server:
        assert (server.versions.version, counts) == (2, [2])
        publish(tmp_path, 3, [predict_request(target_item=None)])
        wait_until(lambda: "version 3 cannot be served" in caplog.text)
        assert "target_item: is missing; signature 'score' takes it" in caplog.text
        assert server.versions.version == 2


class Blocking:
    """Stands for a model: its signature `score` waits until it is let go."""

    name = "score"
    expected = Expected()

    def __init__(self) -> None:
        self.inputs = {"target_item": tf.TensorSpec([None, None], tf.int64)}
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.calls = 0

    def signature(self, name):
        return self

    def __call__(self, tensors):
        self.calls += 1
        self.begun.release()
        assert self.go.wait(60)
        return {"probability": np.float32([[0.5]])}


@pytest.fixture
def blocking(monkeypatch):
    model = Blocking()
    monkeypatch.setattr(server_module, "load", lambda folder: model)
    yield model
    model.go.set()


ITEM = {"target_item": [[1]]}
ITEM_ALONE = {**dict.fromkeys(INPUTS), **ITEM}  # for `predict_request`


def in_thread(call, *arguments, **named):
    """Calls it in a thread; returns the list that its result goes to, and the thread."""
    found: list = []
    thread = threading.Thread(target=lambda: found.append(call(*arguments, **named)))
    thread.start()
    return found, thread


def test_a_full_queue_refuses(tmp_path, blocking):
    (tmp_path / "1").mkdir()
    with running(tmp_path, workers=1, queue=1) as server:
        runs, first = in_thread(Rest(server.rest_port).score, ITEM)
        blocking.begun.acquire()
        waits, second = in_thread(Rest(server.rest_port).score, ITEM)
        rest = Rest(server.rest_port)
        wait_until(lambda: "everlong_queued_requests 1" in rest.get("/metrics")[1])
        sentence = "1 requests run and 1 wait, which is the most; try again later"
        assert rest.score(ITEM) == (429, {"error": sentence})
        told = refused(lambda: Rpc(server.grpc_port).score(**ITEM_ALONE))
        assert told == ("RESOURCE_EXHAUSTED", sentence)
        assert rest.get("/healthz")[0] == 200
        blocking.go.set()
        first.join()
        second.join()
        assert runs == waits == [(200, {"outputs": [[0.5]]})]
        assert rest.score(ITEM)[0] == 200


def test_deadlines_are_kept(tmp_path, blocking):
    (tmp_path / "1").mkdir()
    sentence = "the deadline passed before there was an answer"
    with running(tmp_path, workers=1, timeout_seconds=0.2) as server:
        rest = Rest(server.rest_port)
        assert rest.score(ITEM) == (504, {"error": sentence})
        assert rest.score(ITEM) == (504, {"error": sentence})  # while it waits
        code, _ = refused(lambda: Rpc(server.grpc_port).score(timeout=0.1, **ITEM_ALONE))
        assert code == "DEADLINE_EXCEEDED"
        text = rest.get("/metrics")[1]
        wanted = 'requests_total{protocol="rest",signature="score",code="DEADLINE_EXCEEDED"} 2'
        assert wanted in text
        # A client may give up before the server does.
        wait_until(lambda: "everlong_queued_requests 0" in rest.get("/metrics")[1])
        blocking.go.set()
        wait_until(lambda: "everlong_running_requests 0" in rest.get("/metrics")[1])
        assert blocking.calls == 1  # what waited in vain was never begun


def test_draining_answers_what_was_begun(tmp_path, blocking):
    (tmp_path / "1").mkdir()
    with running(tmp_path) as server:
        idle = Rest(server.rest_port)
        assert idle.get("/readyz")[0] == 200
        by_rest, first = in_thread(Rest(server.rest_port).score, ITEM)
        by_grpc, second = in_thread(Rpc(server.grpc_port).score, **ITEM_ALONE)
        for _ in range(2):
            blocking.begun.acquire()
        _, drained = in_thread(server.drain)
        wait_until(lambda: idle.get("/readyz")[0] == 503)
        blocking.go.set()
        for thread in (first, second, drained):
            thread.join()
        assert by_rest == [(200, {"outputs": [[0.5]]})]
        assert list(by_grpc[0].outputs["probability"].float_val) == [0.5]
        with pytest.raises(ConnectionRefusedError):
            Rest(server.rest_port).get("/healthz")
