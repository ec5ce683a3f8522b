"""TensorFlow Serving's gRPC interface: the calls that score, and that tell of the model."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from pipeline.serve import proto_tensors
from pipeline.serve.errors import RequestError, invalid
from pipeline.serve.service import Request, Service

_SIGNATURES = "signature_def"  # the one field of metadata that there is
# Beside requests that run or wait, so many are listened to, to be told that there is no room.
_TURNED_AWAY = 4
_Status = get_model_status_pb2.ModelVersionStatus
Asked = TypeVar("Asked", bound=Message)


class RpcServer:
    """Listens.

    Args:
      host: name or address to listen on.
      port: to listen on; 0: any that is free.
      service: answers requests.
      most: requests that it runs or lets wait at once.
      most_bytes: of a message.

    Raises:
      OSError: if it cannot listen there.
    """

    def __init__(self, host: str, port: int, service: Service, most: int, most_bytes: int) -> None:
        calls = _Calls(service)
        threads = most + _TURNED_AWAY
        self._server = grpc.server(
            ThreadPoolExecutor(threads, "everlong-grpc"),
            options=[
                ("grpc.so_reuseport", 0),  # two servers would share the port, unnoticed
                ("grpc.max_receive_message_length", most_bytes),
                ("grpc.max_send_message_length", -1),
            ],
            maximum_concurrent_rpcs=threads,
        )
        # The generated base classes log a traceback for each call that is not there.
        self._server.add_generic_rpc_handlers(
            (
                _handler(
                    "PredictionService",
                    Predict=calls.predict,
                    GetModelMetadata=calls.metadata,
                ),
                _handler("ModelService", GetModelStatus=calls.status),
            )
        )
        try:
            self.port: int = self._server.add_insecure_port(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            )
        except RuntimeError as error:
            raise OSError("the port is taken or may not be listened on") from error

    def start(self) -> None:
        """Begins to answer."""
        self._server.start()

    def drain(self, seconds: float) -> None:
        """Takes no more requests, and waits so long at most for those that it has."""
        self._server.stop(seconds).wait()


class _Calls:
    def __init__(self, service: Service) -> None:
        self._service = service

    def predict(self, message: bytes, context: grpc.ServicerContext) -> Message:
        def read() -> Request:
            asked = _parsed(predict_pb2.PredictRequest, message)
            spec = asked.model_spec
            return Request(
                spec.name,
                _version(spec),
                proto_tensors.signature_name(spec),
                lambda signature: proto_tensors.arrays(asked.inputs, signature),
                tuple(asked.output_filter),
            )

        request, answer = self._service.predict("grpc", read, context.time_remaining())
        return predict_pb2.PredictResponse(
            model_spec=_spec(request.model, answer.version, request.signature),
            outputs=proto_tensors.protos(answer.outputs),
        )

    def metadata(self, message: bytes, context: grpc.ServicerContext) -> Message:
        asked = _parsed(get_model_metadata_pb2.GetModelMetadataRequest, message)
        if list(asked.metadata_field) != [_SIGNATURES]:
            raise invalid(
                f"metadata_field: must be {_SIGNATURES!r}. Received: {list(asked.metadata_field)}"
            )
        spec = asked.model_spec
        version, definition = self._service.definition(spec.name, _version(spec))
        answer = get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=_spec(spec.name, version)
        )
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=definition)
        answer.metadata[_SIGNATURES].Pack(signatures)
        return answer

    def status(self, message: bytes, context: grpc.ServicerContext) -> Message:
        asked = _parsed(get_model_status_pb2.GetModelStatusRequest, message)
        spec = asked.model_spec
        answer = get_model_status_pb2.GetModelStatusResponse()
        for state in self._service.states(spec.name, _version(spec)):
            status = answer.model_version_status.add(
                version=state.version, state=_Status.State.Value(state.state)
            )
            if state.fault:
                status.status.error_code = 2  # UNKNOWN
                status.status.error_message = state.fault
        return answer


def _handler(service: str, **calls: Callable[..., Message]) -> Any:
    """Handlers of a service's calls, by name."""
    return grpc.method_handlers_generic_handler(
        f"tensorflow.serving.{service}",
        {
            name: grpc.unary_unary_rpc_method_handler(
                _told(call), response_serializer=lambda message: message.SerializeToString()
            )
            for name, call in calls.items()
        },
    )


def _told(call: Callable[..., Message]) -> Callable[..., Message]:
    def answer(message: bytes, context: grpc.ServicerContext) -> Message:
        try:
            return call(message, context)
        except RequestError as error:
            context.abort(grpc.StatusCode[error.code.name], str(error))

    return answer


def _parsed(kind: type[Asked], message: bytes) -> Asked:
    try:
        return kind.FromString(message)
    except DecodeError:
        raise invalid(f"the message is no {kind.__name__}") from None


def _version(spec: model_pb2.ModelSpec) -> int | None:
    if spec.version_label:
        raise invalid(f"version_label {spec.version_label[:100]!r}: versions have no labels here")
    return spec.version.value if spec.HasField("version") else None


def _spec(name: str, version: int, signature: str = "") -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version
    return spec
