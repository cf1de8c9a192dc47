"""`dreamdb doctor` on a real S3 server: good buckets, bad ones, keys that may do little, its end."""

import json
import os
import signal
import subprocess
import time

import pytest

from chaos_proxy import ChaosProxy
from s3_request import make_bucket, s3_request

PROGRAM = os.environ["DREAMDB"]


def doctor(*words, code, **environment):
    done = subprocess.run([PROGRAM, "doctor", *words], capture_output=True, text=True, timeout=120,
                          check=False, env={**os.environ, **environment})
    assert done.returncode == code, done.stdout + done.stderr
    secret = environment.get("AWS_SECRET_ACCESS_KEY", os.environ["AWS_SECRET_ACCESS_KEY"])
    assert secret not in done.stdout + done.stderr
    return done.stdout


def examined(url, code, **environment):
    """The findings by check, and the whole object."""
    body = json.loads(doctor("--json", url, code=code, **environment))
    return {one["check"]: one for one in body["findings"]}, body


def keys_of(s3, bucket, prefix):
    """All object names below the prefix, by a client of our own."""
    _, _, body = s3_request(s3.environment(), "GET", f"/{bucket}",
                            {"list-type": "2", "prefix": prefix})
    return [part.split("</Key>")[0] for part in body.decode().split("<Key>")[1:]]


def create(url):
    subprocess.run([PROGRAM, "create", url, "--field", "n:int"], check=True, timeout=60,
                   capture_output=True)


def is_verdict(key):
    return "/.dreamdb/writing/" in key


def allow(s3, bucket, user, actions):
    """Lets `user` do these actions in the bucket and no others, with objects of his own neither."""
    others = {"GetObject", "PutObject", "DeleteObject", "ListBucket"} - set(actions)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]},
         "Action": [f"s3:{action}" for action in sorted(some)],
         "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
        for effect, some in (("Allow", actions), ("Deny", others)) if some]}
    status, _, body = s3_request(s3.environment(), "PUT", f"/{bucket}", {"policy": ""},
                                 json.dumps(policy).encode())
    assert status in (200, 204), body


@pytest.fixture(scope="module")
def guest(ceph):
    """The variables of a user who owns nothing."""
    ceph.add_user("guest", "GUESTKEY", "guest-secret-key")
    return {"AWS_ACCESS_KEY_ID": "GUESTKEY", "AWS_SECRET_ACCESS_KEY": "guest-secret-key"}


def test_what_was_sent_is_told(url):
    done = subprocess.run([PROGRAM, "doctor", "--no-load", "--cost", "--json", url], timeout=120,
                          capture_output=True, text=True, check=True)
    sent = json.loads(done.stderr)["cost"]["sent"]
    assert sent["gets"] > 5 and sent["puts"] > 5 and sent["swaps"] >= 16
    assert sent["lists"] > 1 and sent["deletes"] > 1


def test_a_good_bucket_is_safe_in_one_screen(url, s3):
    text = doctor(url, code=0)
    assert "SAFE for many writers at once" in text
    assert len(text.splitlines()) <= 25 and max(map(len, text.splitlines())) <= 100
    for word in ("list", "write", "read", "delete", "versions", "race", "tags", "ranges", "listing",
                 "parts", "clock", "latency", "throughput"):
        assert word in text
    keys = keys_of(s3, "plain", url.removeprefix("s3://plain/"))
    assert len(keys) == 1 and is_verdict(keys[0])


def test_json_has_figures_and_at_least_two_connections_race(url):
    findings, body = examined(url, 0)
    assert body["safe"] is True and all(one["health"] == "good" for one in body["findings"])
    assert body["small_get"]["count"] >= 10 and body["put_mb_s"] > 0 and body["connections"] >= 2
    connections = int(findings["race"]["found"].split("over ")[1].split(" connections")[0])
    assert connections >= 16


def test_a_bucket_with_versions_is_unsafe_and_writers_are_refused(s3):
    findings, body = examined("s3://kept/examined", 1)
    assert body["safe"] is False and "16 of 16 writers won" in body["reason"]
    assert "lifecycle" in findings["versions"]["to_do"]
    assert keys_of(s3, "kept", "examined") == []


def test_a_proxy_that_refuses_large_bodies_is_safe_for_small_ones_as_writers_find(url, s3, tmp_path):
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), refuse_above=2 << 20) as proxy:
        there = {"AWS_ENDPOINT_URL": proxy.endpoint}
        findings, body = examined(url, 0, **there)
        assert body["safe"] is True and body["object_bytes_max"] == 2 << 20
        assert findings["parts"]["health"] == "note"
        assert "Objects up to 2 MiB go up whole" in findings["parts"]["found"]
        assert "--commit-bytes" in findings["parts"]["to_do"]
        text = " ".join(doctor(url, "--no-load", code=0, **there).split())
        assert "SAFE for many writers at once, with objects up to 2.1 MB:" in text

        def run(*words, code):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False,
                                  timeout=60, env={**os.environ, **there})
            assert done.returncode == code, done.stderr
            return done
        run("create", url, "--field", "raw:blob", code=0)
        (tmp_path / "small").write_bytes(os.urandom(1 << 20))
        (tmp_path / "large").write_bytes(os.urandom(40 << 20))
        run("append", url, "--file", f"raw={tmp_path}/small", code=0)
        refused = run("append", url, "--file", f"raw={tmp_path}/large", code=10)
        assert "refuses so large a body" in refused.stderr
        assert run("count", url, code=0).stdout.strip() == "1"


def test_versions_that_are_switched_on_later_end_the_verdict(s3):
    make_bucket(s3.environment(), "later")
    doctor("s3://later/pets", code=0)
    assert len(keys_of(s3, "later", "pets")) == 1
    make_bucket(s3.environment(), "later", versioned=True)
    doctor("s3://later/pets", code=1)
    assert keys_of(s3, "later", "pets") == []
    done = subprocess.run([PROGRAM, "create", "s3://later/pets", "--field", "n:int"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 11 and "16 of 16 writers won" in done.stderr


def test_keys_that_only_read(s3, guest):
    make_bucket(s3.environment(), "lent")
    create("s3://lent/pets")
    allow(s3, "lent", "guest", ["GetObject", "ListBucket"])
    findings, body = examined("s3://lent/pets", 2, **guest)
    assert body["safe"] is None
    health = {name: one["health"] for name, one in findings.items()}
    assert health["list"] == health["read"] == "good"
    assert health["write"] == "note" and health["race"] == "unknown"
    assert "may not write" in findings["write"]["found"]
    assert "was passed" in findings["race"]["found"]
    assert "cleaning" not in findings  # nothing was written, so nothing is left
    # Reading works, writing says why not.
    done = subprocess.run([PROGRAM, "count", "s3://lent/pets"], capture_output=True, text=True,
                          check=False, env={**os.environ, **guest}, timeout=60)
    assert done.returncode == 0 and done.stdout.strip() == "0"
    done = subprocess.run([PROGRAM, "append", "s3://lent/pets", "--set", "n=1"], text=True,
                          capture_output=True, check=False, env={**os.environ, **guest}, timeout=60)
    assert done.returncode == 9 and "Reading may still work" in done.stderr


def test_each_permission_is_told_apart(s3, guest):
    make_bucket(s3.environment(), "parts")
    allow(s3, "parts", "guest", ["GetObject", "PutObject"])
    findings, _ = examined("s3://parts/pets", 0, **guest)
    assert findings["list"]["health"] == findings["delete"]["health"] == "note"
    assert findings["write"]["health"] == findings["read"]["health"] == "good"
    assert "are left" in findings["cleaning"]["found"]
    allow(s3, "parts", "guest", ["PutObject", "DeleteObject"])
    findings, _ = examined("s3://parts/pets", 2, **guest)
    assert findings["read"]["health"] == "note" and findings["delete"]["health"] == "good"
    create("s3://parts/pets")
    allow(s3, "parts", "guest", ["ListBucket"])
    findings, _ = examined("s3://parts/pets", 2, **guest)
    assert findings["list"]["health"] == "good"
    assert findings["read"]["health"] == findings["write"]["health"] == "note"
    assert "may not read" in findings["read"]["found"]


@pytest.mark.parametrize("url_, variables, said", [
    ("s3://no-such-bucket/x", {}, "there is no bucket no-such-bucket"),
    ("s3://plain/x", {"AWS_SECRET_ACCESS_KEY": "hush-hush-hush"}, "does not belong to its key id"),
    ("s3://plain/x", {"AWS_ACCESS_KEY_ID": "nobody"}, "does not know the keys"),
    ("s3://plain/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "check the address"),
])
def test_what_cannot_be_told_says_why(s3, url_, variables, said):
    text = " ".join(doctor(url_, code=2, **variables).split())
    assert said in text and "UNKNOWN" in text


def start(url):
    return subprocess.Popen([PROGRAM, "doctor", url], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


@pytest.mark.parametrize("after_ms", [30, 100, 250, 600, 1000])
def test_ctrl_c_leaves_nothing(url, s3, after_ms):
    running = start(url)
    time.sleep(after_ms / 1000)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    # It may have been faster, or not yet so far as to catch the signal.
    assert running.returncode in (0, 130, -signal.SIGINT)
    left = keys_of(s3, "plain", url.removeprefix("s3://plain/"))
    assert [key for key in left if not is_verdict(key)] == []


def test_what_a_killed_run_left_is_removed_by_the_next(url, s3):
    prefix = url.removeprefix("s3://plain/")

    def has_objects():
        return any(not is_verdict(key) for key in keys_of(s3, "plain", prefix))
    for _ in range(20):  # the time to meet is short
        running = start(url)
        while running.poll() is None and not has_objects():
            pass
        running.kill()
        running.communicate()
        time.sleep(0.5)  # what was sent may still arrive
        if has_objects():
            break
    else:
        pytest.fail("no run was killed while it had objects")
    assert "leftovers" in doctor(url, code=0)
    keys = keys_of(s3, "plain", prefix)
    assert len(keys) == 1 and is_verdict(keys[0])


def test_two_at_once_do_not_disturb_each_other(url):
    running = [start(url) for _ in range(3)]
    for one in running:
        out, err = one.communicate(timeout=60)
        assert one.returncode == 0, out.decode() + err.decode()
