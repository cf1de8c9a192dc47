"""A server of HTTP that answers as a script says, for what no real server can be made to say.

    with ScriptedServer(lambda request: Reply(200, b"hello")) as server:
        server.endpoint, server.requests

A script is called with each request, one at a time, and gives a Reply, or None to hang up.
"""

import dataclasses
import email.utils
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict  # names in lower case
    body: bytes


@dataclasses.dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)
    cut_after: int | None = None  # of the body; the connection is closed then


def s3_error(status, code, message="", extra="", **headers):
    """An error as S3 says it; `extra`: more XML."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>"
    return Reply(status, body.encode(), {"content-type": "application/xml",
                                         **{k.replace("_", "-"): v for k, v in headers.items()}})


def listing(keys, truncated=False):
    parts = "".join(f"<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z"
                    "</LastModified></Contents>" for key in keys)
    more = "<NextContinuationToken>t</NextContinuationToken>" if truncated else ""
    return Reply(200, ("<ListBucketResult><IsTruncated>" + str(truncated).lower() +
                       f"</IsTruncated>{more}{parts}</ListBucketResult>").encode(),
                 {"content-type": "application/xml"})


def make_certificate(folder):
    """Files of a certificate for 127.0.0.1 that nobody has signed, and of its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                    cert, "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


class ScriptedServer:
    def __init__(self, script, certificate=None, clock_ahead=0):
        self.script, self.clock_ahead = script, clock_ahead
        self.requests = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        scheme = "https" if certificate else "http"
        self.endpoint = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            if self.tls:
                client = self.tls.wrap_socket(client, server_side=True)
            with client, client.makefile("rb") as incoming:
                while request := read_request(incoming):
                    with self.lock:
                        self.requests.append(request)
                        reply = self.script(request)
                    if reply is None or not self.answer(client, reply):
                        return
        except (OSError, ValueError):
            client.close()

    def answer(self, client, reply):
        """False when the connection is to be closed."""
        headers = {"content-length": str(len(reply.body)),
                   "date": email.utils.formatdate(time.time() + self.clock_ahead, usegmt=True),
                   **reply.headers}
        head = f"HTTP/1.1 {reply.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        body = reply.body if reply.cut_after is None else reply.body[:reply.cut_after]
        client.sendall(head.encode() + b"\r\n" + body)
        return reply.cut_after is None


def read_request(incoming):
    line = incoming.readline().decode().split()
    if len(line) != 3:
        return None
    headers = {}
    while text := incoming.readline().decode().strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", 0)))
    path, _, query = line[1].partition("?")
    return Request(line[0], urllib.parse.unquote(path),
                   dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), headers, body)
