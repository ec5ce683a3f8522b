"""TensorFlow Serving's REST interface, and the pages of a server: health, readiness, metrics.

Reference: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import threading
import zlib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from pipeline import __version__
from pipeline.serve import json_tensors, prometheus
from pipeline.serve.errors import Code, RequestError
from pipeline.serve.metrics import Metrics
from pipeline.serve.service import Request, Service

_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>[0-9]{1,19}))?(?P<what>:predict|/metadata|)"
)
_BLOCK = 1 << 16
_LOG = logging.getLogger("everlong")
_IDLE_SECONDS = 60  # after which a connection that asks nothing is closed


class RestServer:
    """Listens, each connection in a thread of its own.

    Args:
      host: name or address to listen on.
      port: to listen on; 0: any that is free.
      service: answers requests.
      metrics: of `/metrics`.
      most_bytes: of a request's body.

    Raises:
      OSError: if it cannot listen there.
    """

    def __init__(
        self, host: str, port: int, service: Service, metrics: Metrics, most_bytes: int
    ) -> None:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._server = _Server(family, address, service, metrics, most_bytes)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def drain(self, seconds: float) -> None:
        """Takes no more requests, and waits so long at most for those that it has."""
        self._server.draining = True
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        with self._server.idle:
            self._server.idle.wait_for(lambda: not self._server.busy, seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # connections that ask nothing would never end
    request_queue_size = 128

    def __init__(
        self, family: int, address: Any, service: Service, metrics: Metrics, most_bytes: int
    ) -> None:
        self.address_family = family
        self.service, self.metrics, self.most_bytes = service, metrics, most_bytes
        self.busy = 0  # requests that were begun and not answered
        self.idle = threading.Condition()
        self.draining = False
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which may take long and is not needed.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):  # as where a client went away
            _LOG.info("a connection failed: %s: %s", type(error).__name__, error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = f"everlong/{__version__}"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    error_content_type = "application/json"
    error_message_format = '{"error": "%(message)s"}'

    def do_GET(self) -> None:
        self._counted(self._get)

    def do_POST(self) -> None:
        self._counted(self._post)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()  # a client such as curl, of a megabyte or more, waits for it
        return going_on

    def _counted(self, answer: Any) -> None:
        server = self.server
        with server.idle:
            server.busy += 1
        try:
            answer()
            self.wfile.flush()
        finally:
            with server.idle:
                server.busy -= 1
                server.idle.notify_all()

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._send(HTTPStatus.OK, b"ok\n", "text/plain")
        elif path == "/readyz":
            self._ready()
        elif path == "/metrics":
            self._send(HTTPStatus.OK, self.server.metrics.text(), prometheus.CONTENT_TYPE)
        elif (found := _PATH.fullmatch(path)) and found["what"] != ":predict":
            answer = self._metadata if found["what"] else self._status
            try:
                self._send_json(answer(found["model"], _version(found["version"])))
            except RequestError as error:
                self._refuse(error)
        else:
            self._refuse(_no_page(self.command, path))

    def _ready(self) -> None:
        service = self.server.service
        states = service.states(service.name, None)
        ready = not self.server.draining and any(s.state == "AVAILABLE" for s in states)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        self._send(status, b"ready\n" if ready else b"no version serves\n", "text/plain")

    def _post(self) -> None:
        body = self._body()
        if body is None:
            return
        path = self.path.partition("?")[0]
        found = _PATH.fullmatch(path)
        if not found or found["what"] != ":predict":
            return self._refuse(_no_page(self.command, path))
        if self.server.draining:
            return self._refuse(RequestError(Code.UNAVAILABLE, "the server is shutting down"))
        asked: json_tensors.Body

        def read() -> Request:
            nonlocal asked
            asked = json_tensors.body(body)
            return Request(
                found["model"],
                _version(found["version"]),
                asked.signature,
                lambda signature: json_tensors.arrays(asked, signature),
            )

        try:
            _, answer = self.server.service.predict("rest", read)
        except RequestError as error:
            return self._refuse(error)
        self._send(HTTPStatus.OK, json_tensors.text(answer.outputs, asked.rows))

    def _body(self) -> bytes | None:
        """Reads the body; None: there is none that could be read, and the client was told."""
        told, most = self.headers.get("Content-Length", ""), self.server.most_bytes
        if not re.fullmatch("[0-9]{1,19}", told):
            self.close_connection = True
            self._error(HTTPStatus.LENGTH_REQUIRED, "a request needs a Content-Length")
            return None
        length = int(told)
        if length > most:
            for begin in range(0, length, _BLOCK):  # a client that still sends hears no answer
                if not self.rfile.read(min(_BLOCK, length - begin)):
                    break
            text = f"the body has {length:,} bytes; at most {most:,} are taken"
            self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
            return None
        body = self.rfile.read(length)
        if len(body) < length:  # the client went away
            self.close_connection = True
            return None
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding == "identity":
            return body
        if encoding != "gzip":
            text = f"Content-Encoding {encoding}: is not taken; send gzip, or plain text"
            self._error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
            return None
        return self._unpacked(body)

    def _unpacked(self, packed: bytes) -> bytes | None:
        """What gzip packed, as of `_body`."""
        most, reader = self.server.most_bytes, zlib.decompressobj(wbits=31)
        try:
            body = reader.decompress(packed, most + 1)
        except zlib.error:
            body = b""
        if len(body) > most:
            text = f"the body has more than {most:,} bytes when it is unpacked"
            self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
            return None
        if not reader.eof:
            self._error(HTTPStatus.BAD_REQUEST, "the body is no gzip, or a part of it")
            return None
        return body

    def _status(self, model: str, version: int | None) -> dict[str, Any]:
        return {
            "model_version_status": [
                {
                    "version": str(state.version),
                    "state": state.state,
                    "status": {
                        "error_code": "UNKNOWN" if state.fault else "OK",
                        "error_message": state.fault,
                    },
                }
                for state in self.server.service.states(model, version)
            ]
        }

    def _metadata(self, model: str, version: int | None) -> dict[str, Any]:
        number, definition = self.server.service.definition(model, version)
        signatures = json_format.MessageToDict(
            get_model_metadata_pb2.SignatureDefMap(signature_def=definition),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        return {
            "model_spec": {"name": model, "signature_name": "", "version": str(number)},
            "metadata": {"signature_def": signatures},
        }

    def _refuse(self, error: RequestError) -> None:
        self._error(HTTPStatus(error.code.value), str(error))

    def _error(self, status: HTTPStatus, sentence: str) -> None:
        self._send_json({"error": sentence}, status)

    def _send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: HTTPStatus, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.server.draining or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _version(text: str | None) -> int | None:
    return None if text is None else int(text)


def _no_page(method: str, path: str) -> RequestError:
    return RequestError(
        Code.NOT_FOUND,
        f"there is no {method} {path[:100]}; there are POST /v1/models/NAME[/versions/V]:predict, "
        "GET /v1/models/NAME[/versions/V][/metadata], /healthz, /readyz and /metrics",
    )
