"""Signed requests to an S3 server, for what DreamDB itself does not do: buckets and their settings."""

import datetime
import hashlib
import hmac
import urllib.error
import urllib.parse
import urllib.request


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def s3_request(environment, method, path, query=None, body=b"", headers=None):
    """(status, headers, body) of one request with the keys of `environment` (AWS_* variables)."""
    endpoint = environment["AWS_ENDPOINT_URL"]
    region = environment["AWS_REGION"]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    text = "&".join(f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}"
                    for k, v in sorted((query or {}).items()))
    signed = {"host": urllib.parse.urlsplit(endpoint).netloc, "x-amz-date": now,
              "x-amz-content-sha256": sha256(body), **(headers or {})}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = f"{method}\n{path}\n{text}\n{lines}\n{names}\n{sha256(body)}"
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{sha256(canonical.encode())}"
    key = ("AWS4" + environment["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={environment['AWS_ACCESS_KEY_ID']}/"
                               f"{scope}, SignedHeaders={names}, Signature={key.hex()}")
    request = urllib.request.Request(f"{endpoint}{path}" + (f"?{text}" if text else ""),
                                     data=body if method in ("PUT", "POST") else None,
                                     method=method, headers=signed)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def make_bucket(environment, name, versioned=False):
    """Makes the bucket; with `versioned` it keeps versions, also when it is there already."""
    status, _, body = s3_request(environment, "PUT", f"/{name}")
    assert status == 200, body
    if versioned:
        setting = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        status, _, body = s3_request(environment, "PUT", f"/{name}", {"versioning": ""}, setting)
        assert status == 200, body
