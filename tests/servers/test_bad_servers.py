"""What users and networks get wrong, met by the command line: the message names the thing and the
way out, the exit code is right, the time is bounded, and nothing secret is printed."""

import datetime
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from chaos_proxy import ChaosProxy
from scripted_server import Reply, ScriptedServer, listing, make_certificate, s3_error

PROGRAM = os.environ["DREAMDB"]
TIMEOUT = 2   # seconds a request may take with all its attempts
# Much for a loaded machine, and still less than the minute that would be taken were TIMEOUT not heeded.
SLACK = 40
SECRET, TOKEN = "hush-hush-secret-key", "hush-hush-session-token"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN,
        "AWS_REGION": "us-east-1", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CONFIG_FILE": "/dev/null"}

INVALID, NOT_FOUND, CORRUPTION, UNAVAILABLE, UNKNOWN, DENIED, EXHAUSTED, UNSUPPORTED = 2, 3, 6, 7, 8, 9, 10, 11
URL = "s3://bucket/pets"
LS = ("ls", URL)
APPEND = ("append", URL, "--set", "n=1")


def run(*words, **variables):
    """A run in which nothing secret was printed, within its time."""
    environment = {"DREAMDB_TIMEOUT": str(TIMEOUT),
                   **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **variables}
    begin = time.monotonic()
    done = subprocess.run([PROGRAM, *words, "--cost"], capture_output=True, text=True, timeout=300,
                          check=False, env=environment)
    done.seconds = time.monotonic() - begin
    for secret in (variables.get("AWS_SECRET_ACCESS_KEY"), variables.get("AWS_SESSION_TOKEN")):
        assert not secret or secret not in done.stdout + done.stderr
    return done


def says(code, texts, *words, seconds=TIMEOUT + SLACK, **variables):
    """A run that ends with `code` and a message with all `texts`, within `seconds`."""
    done = run(*words, **variables)
    assert done.returncode == code, done.stdout + done.stderr
    for text in texts:
        assert text in done.stderr, done.stderr
    assert done.seconds < seconds, done.stderr
    return done


def server_says(script, code, texts, *words, **variables):
    with ScriptedServer(script) as server:
        done = says(code, texts, *words, AWS_ENDPOINT_URL=server.endpoint, **{**KEYS, **variables})
        return done, server.requests


# Keys and clocks

@pytest.mark.parametrize("words", [LS, ("count", URL), ("create", URL, "--field", "n:int")])
@pytest.mark.parametrize("error, texts", [
    (s3_error(400, "ExpiredToken", "The provided token has expired."),
     ["the session token of AWS_ACCESS_KEY_ID has expired", "get a new one"]),
    (s3_error(403, "InvalidAccessKeyId"), ["does not know the keys of AWS_ACCESS_KEY_ID", "correct"]),
    (s3_error(403, "SignatureDoesNotMatch"), ["secret key of AWS_ACCESS_KEY_ID", "correct it"]),
    (s3_error(403, "AccessDenied"), ["may not", "bucket's owner"]),
])
def test_refused_keys(words, error, texts):
    server_says(lambda _: error, DENIED, texts, *words)


def test_wrong_keys_on_ceph(s3):
    for name, value, text in (("AWS_SECRET_ACCESS_KEY", SECRET, "does not belong to its key id"),
                              ("AWS_ACCESS_KEY_ID", "nobody", "does not know the keys")):
        for words in (("ls", "s3://plain/x"), ("create", "s3://plain/x", "--field", "n:int")):
            says(DENIED, [text, "correct"], *words, **{**s3.environment(), name: value})


def test_a_token_that_is_renewed_on_disk_is_read_again(tmp_path):
    credentials = tmp_path / "credentials"

    def write(token):
        credentials.write_text(f"[default]\naws_access_key_id = AK\naws_secret_access_key = {SECRET}\n"
                               f"aws_session_token = {token}\n", encoding="utf-8")

    def script(request):
        if request.headers["x-amz-security-token"] == TOKEN:
            time.sleep(1.1)  # files are read once a second at most
            write("fresh")
            return s3_error(400, "ExpiredToken")
        return listing([])
    write(TOKEN)
    done, requests = server_says(script, 0, [], *LS, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                                 AWS_SESSION_TOKEN="", DREAMDB_TIMEOUT="20",
                                 AWS_SHARED_CREDENTIALS_FILE=str(credentials))
    assert [one.headers["x-amz-security-token"] for one in requests] == [TOKEN, "fresh"]
    assert TOKEN not in done.stderr and SECRET not in done.stderr


def test_a_profile_whose_keys_are_elsewhere_is_named_before_anything_is_sent(tmp_path):
    (tmp_path / "config").write_text("[profile train]\nsso_session = corp\n", encoding="utf-8")
    for words in (LS, ("create", URL, "--field", "n:int"), ("doctor", URL)):
        _, requests = server_says(lambda _: listing([]), UNSUPPORTED,
                                  ["profile train of", "sso_session", "export-credentials --profile train"],
                                  *words, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="",
                                  AWS_PROFILE="train", AWS_CONFIG_FILE=str(tmp_path / "config"))
        assert requests == []


def test_a_clock_that_is_off_is_corrected_by_the_servers():
    ahead = 2 * 3600

    def script(request):
        then = datetime.datetime.strptime(request.headers["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        off = abs(then.timestamp() - time.time() - ahead)
        return listing([]) if off < 900 else s3_error(403, "RequestTimeTooSkewed")
    with ScriptedServer(script, clock_ahead=ahead) as server:
        says(0, [], *LS, AWS_ENDPOINT_URL=server.endpoint, **KEYS)
        assert len(server.requests) == 2


def test_a_clock_that_cannot_be_corrected_is_named():
    done, _ = server_says(lambda _: s3_error(403, "RequestTimeTooSkewed", date="Mon, 02 Jan 2023 03:04:05 GMT"),
                          DENIED, ["min", "ahead of the server's", "set the clock"], *LS)
    assert "s3://bucket/pets" in done.stderr


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec* out) {
  int (*real)(clockid_t, struct timespec*) = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const int status = real(clock, out);
  if (clock == CLOCK_REALTIME) out->tv_sec -= 7200;
  return status;
}
"""


def test_a_machine_two_hours_behind_works_on_ceph(url, s3, tmp_path):
    (tmp_path / "clock.c").write_text(CLOCK, encoding="utf-8")
    library = tmp_path / "clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    late = {**s3.environment(), "LD_PRELOAD": str(library)}
    says(0, [], "create", url, "--field", "n:int", **late)
    says(0, [], "append", url, "--set", "n=1", **late)
    assert run("count", url, **late).stdout.strip() == "1"
    findings = json.loads(run("doctor", "--json", url, **late).stdout)["findings"]
    clock = next(one for one in findings if one["check"] == "clock")
    assert clock["health"] == "note" and "min behind the server's" in clock["found"]


# Places

def test_a_missing_bucket_on_ceph(s3):
    for words in (("ls", "s3://no-such-bucket/x"), ("create", "s3://no-such-bucket/x", "--field", "n:int")):
        says(INVALID, ["no bucket no-such-bucket at " + s3.endpoint, "AWS_ENDPOINT_URL"], *words,
             **s3.environment())


def test_a_bucket_of_another_region_is_followed():
    def script(request):
        if "/eu-west-1/s3/" in request.headers["authorization"]:
            return listing([])
        return s3_error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")
    _, requests = server_says(script, 0, [], *LS)
    assert len(requests) == 2


def test_a_redirect_that_cannot_be_followed_is_named():
    server_says(lambda _: s3_error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1",
                                   location="https://elsewhere.example/bucket?token=" + TOKEN),
                INVALID, ["the server sends elsewhere, to https://elsewhere.example/bucket",
                          "AWS_ENDPOINT_URL"], *LS)
    server_says(lambda _: Reply(302, b"", {"location": "https://login.example/"}), INVALID,
                ["https://login.example/", "AWS_ENDPOINT_URL"], *LS)


# Proxies

PAGE = Reply(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", {"content-type": "text/html"})


@pytest.mark.parametrize("words", [LS, ("count", URL), ("create", URL, "--field", "n:int")])
def test_a_page_for_people_is_no_data(words):
    server_says(lambda _: PAGE, UNAVAILABLE, ["a page for people", "proxy", URL], *words)


@pytest.mark.parametrize("reply, texts", [
    (Reply(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}), ["502", "try again later"]),
    (Reply(503, b"", {}), ["503", "fewer requests"]),
    (s3_error(500, "InternalError", "We encountered an internal error."), ["InternalError", "again"]),
    (Reply(200, b"{}", {"content-type": "application/json"}), ["none of S3", "AWS_ENDPOINT_URL"]),
    (Reply(200, b"", {}), ["none of S3", "AWS_ENDPOINT_URL"]),
    (Reply(200, b"<ListBucketResult><IsTruncated>fal", {}), ["none of S3"]),
    (Reply(200, b"x" * 1000, {}, cut_after=10), ["try again later"]),
    (None, ["try again later"]),
])
def test_broken_replies_end_in_time(reply, texts):
    server_says(lambda _: reply, UNAVAILABLE, [*texts, URL], *LS)


def test_a_listing_in_the_wrong_order_is_refused():
    _, requests = server_says(lambda _: listing(["pets/refs/b", "pets/refs/a"]), CORRUPTION,
                              ["pets/refs/a after pets/refs/b", "cannot be used"], *LS)
    assert len(requests) == 1


def rows(path, count, size):
    """Rows with an image each, of so many bytes."""
    images = path / "images"
    images.mkdir()
    lines = []
    for i in range(count):
        (images / f"{i}.bin").write_bytes(os.urandom(size))
        lines.append(json.dumps({"_anchor": i + 1, "raw": f"images/{i}.bin"}))
    (path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path / "rows.jsonl"


def test_a_proxy_that_cuts_large_replies_is_got_through(url, s3, tmp_path):
    lines = rows(tmp_path, 12, 1 << 20)
    says(0, [], "ingest", url, str(lines), "--create", "--field", "raw:blob", seconds=200, **s3.environment())
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), reply_max=700_000) as proxy:
        done = run("export", url, str(tmp_path / "out"),
                   **{**s3.environment(), "AWS_ENDPOINT_URL": proxy.endpoint, "DREAMDB_TIMEOUT": "30"})
        assert done.returncode == 0, done.stderr
        assert proxy.cuts >= 12
    exported = sorted(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.stat().st_size == 1 << 20
                      and path.is_file())
    assert exported == sorted(path.read_bytes() for path in (tmp_path / "images").iterdir())


def test_a_proxy_that_cuts_large_uploads_is_named(url, s3, tmp_path):
    lines = rows(tmp_path, 4, 1 << 20)
    says(0, [], "create", url, "--field", "raw:blob", **s3.environment())
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), request_max=700_000) as proxy:
        done = says(UNAVAILABLE, ["segments/", "the connection was cut while its", "bytes were uploaded",
                                  "nothing was committed", "limit on the size of a body"],
                    "ingest", url, str(lines), **{**s3.environment(), "AWS_ENDPOINT_URL": proxy.endpoint})
        assert "may have happened" not in done.stderr
        assert proxy.endpoint in done.stderr
    assert run("count", url, **s3.environment()).stdout.strip() == "0"


def test_a_proxy_that_refuses_large_uploads_is_named(url, s3, tmp_path):
    lines = rows(tmp_path, 4, 1 << 20)
    says(0, [], "create", url, "--field", "raw:blob", **s3.environment())
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), refuse_above=700_000) as proxy:
        says(EXHAUSTED, ["refuses so large a body", "raise its limit"], "ingest", url, str(lines),
             **{**s3.environment(), "AWS_ENDPOINT_URL": proxy.endpoint})
    assert run("count", url, **s3.environment()).stdout.strip() == "0"


def test_a_slow_link_is_waited_for_while_bytes_move(url, s3, tmp_path):
    """Each way it takes several times what a request may take without progress."""
    lines = rows(tmp_path, 6, 1 << 20)
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), rate=700_000) as proxy:
        slow = {**s3.environment(), "AWS_ENDPOINT_URL": proxy.endpoint, "DREAMDB_TIMEOUT": "3"}
        says(0, [], "ingest", url, str(lines), "--create", "--field", "raw:blob", seconds=200, **slow)
        done = says(0, ["retries 0"], "export", url, str(tmp_path / "out"), seconds=200, **slow)
        assert "hedges 0" in done.stderr
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()
                and path.stat().st_size == 1 << 20]) == 6


def closing(status, body=b"", kind="text/plain"):
    return (f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n").encode() + body


@pytest.mark.parametrize("reply, text", [
    (closing(200, PAGE.body, "text/html"), "a page for people (HTTP 200)"),
    (closing(200), "answered HTTP 200 without an ETag"),
    (closing(202), "answered HTTP 202"),
    (closing(200, b"<Error><Code>InternalError</Code></Error>", "application/xml"), "InternalError"),
    (closing(412), "HTTP 412"),
], ids=["page", "empty", "accepted", "error", "refused"])
def test_a_swap_that_is_misanswered_ends_in_time_and_says_so(url, s3, reply, text):
    says(0, [], "create", url, "--field", "n:int", **s3.environment())
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), swap_reply=reply) as proxy:
        says(UNKNOWN, [text, "it is what it was", "`main`"], "append", url, "--set", "n=1",
             **{**s3.environment(), "AWS_ENDPOINT_URL": proxy.endpoint})
        assert 1 < proxy.swaps < 60
    assert run("count", url, **s3.environment()).stdout.strip() == "0"


@pytest.mark.parametrize("first", [0, 1])
def test_an_ingest_whose_last_commit_is_unknown_says_which_rows(url, s3, tmp_path, first):
    says(0, [], "create", url, "--field", "n:int", **s3.environment())
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(f'{{"n": {i}}}\n' for i in range(25)), encoding="utf-8")
    words = ("ingest", url, str(lines), "--commit-rows", "10", "--batch-rows", "10")
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), swap_reply=closing(202), swaps_passed=first) as proxy:
        there = {**s3.environment(), "AWS_ENDPOINT_URL": proxy.endpoint}
        done = says(UNKNOWN, [f"Rows {10 * first + 1} to {10 * first + 10} of the input may be committed or not",
                              f"`dreamdb log {url}", f"--skip {10 * first + 10}", f"--skip {10 * first}",
                              "doubles these rows", "--idempotency-key"], *words, seconds=200, **there)
        assert "Nothing was committed" not in done.stderr and "same command" not in done.stderr
        if not first:
            done = says(UNKNOWN, ["Rows 1 to 10", "with the same --idempotency-key again"], *words,
                        "--idempotency-key", "k", seconds=200, **there)
            assert "doubles" not in done.stderr
    assert run("count", url, **s3.environment()).stdout.strip() == str(10 * first)


def test_what_a_server_echoes_is_shown_without_secrets():
    def script(request):
        told = " ".join(f"{name}: {value}" for name, value in request.headers.items())
        return s3_error(400, "Odd", f"{SECRET} {TOKEN} {told}")
    done, requests = server_says(script, INVALID, ["Odd", "(redacted)"], *LS)
    signature = requests[0].headers["authorization"].rsplit("Signature=", 1)[1]
    assert len(signature) == 64 and signature not in done.stderr


def test_a_plain_locator_of_an_s3_server_is_told_of():
    with ScriptedServer(lambda _: s3_error(404, "NoSuchKey")) as server:
        says(NOT_FOUND, ["not found", "It answers as S3 does", "s3+http://"], "count",
             server.endpoint + "/bucket/pets", AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_CONFIG_FILE="/dev/null")


# Connections

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_a_certificate_nobody_knows_is_named_and_can_be_trusted(certificate):
    with ScriptedServer(lambda _: listing([]), certificate) as server:
        variables = {**KEYS, "AWS_ENDPOINT_URL": server.endpoint}
        says(UNAVAILABLE, ["certificate", "AWS_CA_BUNDLE", server.endpoint], *LS, **variables)
        assert server.requests == []
        says(0, [], *LS, **variables, AWS_CA_BUNDLE=str(certificate[0]))
        says(UNAVAILABLE, ["AWS_CA_BUNDLE"], *LS, **variables, AWS_CA_BUNDLE="/no/such/file")
        other = server.endpoint.replace("127.0.0.1", "localhost")
        says(UNAVAILABLE, ["certificate"], *LS, AWS_CA_BUNDLE=str(certificate[0]),
             **{**variables, "AWS_ENDPOINT_URL": other})
        plain = server.endpoint.replace("https", "http")
        says(UNAVAILABLE, [plain], *LS, **{**variables, "AWS_ENDPOINT_URL": plain})


def test_tls_to_a_server_that_has_none(certificate):
    with ScriptedServer(lambda _: listing([])) as server:
        secure = server.endpoint.replace("http", "https")
        says(UNAVAILABLE, [secure, "http://"], *LS, **{**KEYS, "AWS_ENDPOINT_URL": secure})


@pytest.mark.parametrize("words", [LS, ("count", URL), APPEND, ("create", URL, "--field", "n:int")])
def test_a_host_that_accepts_and_never_answers(words):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        says(UNAVAILABLE, [endpoint, "try again later"], *words, **{**KEYS, "AWS_ENDPOINT_URL": endpoint})


def test_a_host_that_sends_a_byte_now_and_then_ends_in_time():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def drip(client):
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while True:
                client.sendall(b"x")
                time.sleep(0.2)
        except OSError:
            pass

    def accept():
        while True:
            try:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return
    threading.Thread(target=accept, daemon=True).start()
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    says(UNAVAILABLE, [endpoint], *LS, **{**KEYS, "AWS_ENDPOINT_URL": endpoint})
    listener.close()


@pytest.mark.parametrize("endpoint, texts", [
    ("http://127.0.0.1:1", ["127.0.0.1:1", "check the address"]),
    ("http://no-such-host.invalid", ["no-such-host.invalid", "check the address"]),
])
def test_nobody_there(endpoint, texts):
    says(UNAVAILABLE, texts, *LS, **{**KEYS, "AWS_ENDPOINT_URL": endpoint})


def test_of_several_endpoints_each_is_named():
    says(UNAVAILABLE, ["http://127.0.0.1:1", "http://127.0.0.1:9", "http://no-such-host.invalid"], *LS, **KEYS,
         AWS_ENDPOINT_URL="http://127.0.0.1:1,http://127.0.0.1:9,http://no-such-host.invalid")


@pytest.mark.parametrize("locator", ["http://me:hush-hush@host/bucket/pets", "s3://me:hush-hush@bucket/pets",
                                     "web+https://me:hush-hush@host:80/pets@main"])
def test_a_password_in_a_locator_is_refused_and_not_shown(locator):
    done = says(INVALID, ["has a user and a password", "AWS_SECRET_ACCESS_KEY"], "count", locator, **KEYS)
    assert "hush" not in done.stderr + done.stdout


@pytest.mark.parametrize("variables, texts", [
    ({"AWS_REGION": "us east"}, ["\"us east\" is no name of a region", "AWS_REGION"]),
    ({"AWS_ENDPOINT_URL": "here"}, ["\"here\" is no endpoint"]),
    ({"AWS_ENDPOINT_URL": "http://user:hush@host"}, ["names a user", "AWS_ACCESS_KEY_ID"]),
    ({"DREAMDB_TIMEOUT": "soon"}, ["DREAMDB_TIMEOUT"]),
    ({"AWS_SECRET_ACCESS_KEY": SECRET + "\n"}, ["AWS_ACCESS_KEY_ID", "copy it again"]),
    ({"AWS_ACCESS_KEY_ID": ""}, ["no key id"]),
])
def test_settings_that_are_wrong_are_named(variables, texts):
    done = says(INVALID, texts, *LS, **{**KEYS, **variables})
    assert "hush" not in done.stderr
