"""An object store as S3's REST API has it: one bucket, in memory, for whoever asks."""

import http.server
import re
import threading
import urllib.parse
from xml.sax.saxutils import escape

import pytest


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _read(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in (self.headers.get("Content-Encoding") or ""):
            data = b""
            while body:  # SIZE[;signature]\r\nBYTES\r\n, until a size of 0
                head, _, body = body.partition(b"\r\n")
                size = int(head.split(b";")[0], 16)
                if not size:
                    break
                data, body = data + body[:size], body[size + 2 :]
            body = data
        return body

    def _answer(self, status=200, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("Length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _where(self):
        """The key and the query; of the signature, only whose it is."""
        self.server.keys |= set(re.findall("Credential=([^/]+)", self.headers["Authorization"]))
        path, _, query = self.path.partition("?")
        _, _, *key = urllib.parse.unquote(path).split("/", 2)
        return "".join(key), urllib.parse.parse_qs(query, keep_blank_values=True)

    def do_HEAD(self):
        key, _ = self._where()
        if key and key not in self.server.objects:
            self._answer(404)
            return
        size = len(self.server.objects.get(key, b""))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("Last-Modified", "Mon, 31 Aug 2026 00:00:00 GMT")
        self.end_headers()

    def do_GET(self):
        key, query = self._where()
        if key:
            if key not in self.server.objects:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
                return
            data = self.server.objects[key]
            if wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or ""):
                data = data[int(wanted[1]) : int(wanted[2]) + 1]
            self._answer(200, data, Last_Modified="Mon, 31 Aug 2026 00:00:00 GMT")
            return
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        found, folders = [], set()
        for name, data in sorted(self.server.objects.items()):
            rest = name.removeprefix(prefix)
            if name.startswith(prefix) and delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            elif name.startswith(prefix):
                found.append(
                    f"<Contents><Key>{escape(name)}</Key><Size>{len(data)}</Size>"
                    "<LastModified>2026-08-31T00:00:00.000Z</LastModified></Contents>"
                )
        names = [f"<Prefix>{escape(folder)}</Prefix>" for folder in folders]
        common = [f"<CommonPrefixes>{name}</CommonPrefixes>" for name in names]
        count = len(found) + len(common)
        told = f"<KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>"
        body = f"<ListBucketResult>{told}{''.join(found + common)}</ListBucketResult>"
        self._answer(200, body.encode(), Content_Type="application/xml")

    def do_PUT(self):
        key, query = self._where()
        data = self._read()
        if "partNumber" in query:
            part = int(query["partNumber"][0])
            self.server.parts[query["uploadId"][0]][part] = data
        else:
            self.server.objects[key] = data
        self._answer(200, ETag='"e"')

    def do_POST(self):
        key, query = self._where()
        body = self._read()
        if "uploads" in query:
            upload = f"u{len(self.server.parts)}"
            self.server.parts[upload] = {}
            told = f"<UploadId>{upload}</UploadId>"
            body = f"<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>"
        elif "uploadId" in query:
            parts = self.server.parts[query["uploadId"][0]]
            self.server.objects[key] = b"".join(parts[number] for number in sorted(parts))
            body = (
                f"<CompleteMultipartUploadResult><Key>{key}</Key></CompleteMultipartUploadResult>"
            )
        else:  # several to delete
            for name in re.findall("<Key>(.*?)</Key>", body.decode()):
                self.server.objects.pop(name, None)
            body = "<DeleteResult></DeleteResult>"
        self._answer(200, body.encode(), Content_Type="application/xml")

    def do_DELETE(self):
        key, _ = self._where()
        self.server.objects.pop(key, None)
        self._answer(204)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def s3(monkeypatch):
    """The server, with `objects` by their keys; the environment leads to it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.objects, server.parts, server.keys = {}, {}, set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    yield server
    server.shutdown()
    server.server_close()
