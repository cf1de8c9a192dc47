"""A dataset on a real S3 server: by the command line, by Python, by many writers."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import dreamdb
from chaos_proxy import ChaosProxy
from child_servers import free_ports

WRITERS = 16
# How long they write; `DREAMDB_WRITERS_SECONDS=60` is the long form.
SECONDS = float(os.environ.get("DREAMDB_WRITERS_SECONDS", "4"))
# Of what the luckiest writer committed; less where commits are few: in the short form, under loss.
STARVED = 0.15 if SECONDS < 30 else 0.4
STARVED_BY_LOSS = 0.05 if SECONDS < 30 else 0.25


def run(*words, status=0, **environment):
    done = subprocess.run([os.environ["DREAMDB"], *words], capture_output=True, text=True,
                          timeout=120, check=False, env={**os.environ, **environment})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def fails(*words, **environment):
    """What a command that must fail says."""
    done = subprocess.run([os.environ["DREAMDB"], *words], capture_output=True, text=True,
                          timeout=120, check=False, env={**os.environ, **environment})
    assert done.returncode not in (0, 139), done.stdout
    for secret in (environment.get("AWS_SECRET_ACCESS_KEY"), os.environ["AWS_SECRET_ACCESS_KEY"]):
        assert not secret or secret not in done.stderr
    return done.stderr


def schema():
    return (dreamdb.Schema().add_image("img", required=False).add_embedding("emb", dim=8)
            .add_scalar_categorical("label"))


def rows(begin, count):
    random = np.random.default_rng(begin)
    return [{"_anchor": anchor, "emb": random.standard_normal(8).astype(np.float32),
             "label": ("cat", "dog")[anchor % 2], "img": bytes([anchor % 256]) * 500}
            for anchor in range(begin, begin + count)]


def test_several_endpoints_share_the_requests_and_a_dead_one_is_left_out(url, s3, monkeypatch):
    port = int(s3.endpoint.rsplit(":", 1)[1])
    dead = f"http://127.0.0.1:{free_ports(1)[0]}"
    with ChaosProxy(port) as one, ChaosProxy(port) as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"{dead},{one.endpoint},{other.endpoint}")
        dataset = dreamdb.Dataset.create("main", schema(), backend=url)
        for begin in range(0, 2000, 100):
            dataset.append_many(rows(begin, 100))
        assert one.connections > 0 and other.connections > 0
        one.__exit__()  # dies while the handle is at work
        dataset.append_many(rows(2000, 100))
        assert run("count", url).strip() == "2100"
        assert sum(len(batch["label"]) for batch in dataset.iter_stream(256, ["label", "img"])) == 2100


def test_command_line_round_trip(url, tmp_path):
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps({"_anchor": i * 10, "label": ("cat", "dog")[i % 2], "n": i})
                             + "\n" for i in range(1, 2001)), encoding="utf-8")
    run("create", url, "--field", "label:categorical", "--field", "n:int")
    run("ingest", url, str(lines))
    assert run("count", url).strip() == "2000"
    assert run("count", url, "--where", "n > 1990").strip() == "10"
    assert len(run("stream", url, "--json").splitlines()) == 2000
    run("snapshot", url, "v1")
    run("branch", url, "exp")
    run("append", f"{url}@exp", "--anchor", "5", "--set", "label=cat", "--set", "n=0")
    assert run("count", f"{url}@exp").strip() == "2001"
    assert run("count", f"{url}@main@v1").strip() == "2000"
    run("delete-ref", f"{url}@exp")
    names = [json.loads(line)["ref"] for line in run("ls", "--json", url).splitlines()]
    assert names == ["main", "main@v1"]
    assert "exp" in fails("count", f"{url}@exp")
    run("branch", url, "exp")  # what was deleted can be made again
    assert run("count", f"{url}@exp").strip() == "2000"


def test_an_http_locator_names_the_same(url, s3):
    run("create", url, "--field", "n:int")
    assert run("count", url.replace("s3:/", s3.endpoint)).strip() == "0"
    assert run("count", url.replace("s3:/", "s3+" + s3.endpoint)).strip() == "0"


def test_python_round_trip(url):
    dataset = dreamdb.Dataset.create("main", schema(), backend=url)
    wanted = rows(1, 300)
    dataset.append_many(wanted)
    again = dreamdb.Dataset.open("main", backend=url)
    assert len(again) == 300
    batches = list(again.iter_stream(64))
    assert [a for b in batches for a in b["_time_anchors"]] == [row["_anchor"] for row in wanted]
    images = [bytes(image) for b in batches for image in b["img"]]
    assert images == [row["img"] for row in wanted]
    vectors = np.concatenate([np.asarray(b["emb"], np.float32) for b in batches])
    assert np.array_equal(vectors, np.stack([row["emb"] for row in wanted]))
    found = next(iter(again.iter_vector("emb", wanted[41]["emb"], 3)))
    assert found["_time_anchors"][0] == wanted[41]["_anchor"]


def test_a_second_pass_through_the_disk_cache_sends_one_request(url, tmp_path):
    dreamdb.Dataset.create("main", schema(), backend=url).append_many(rows(1, 2000))
    cache = tmp_path / "cache"
    first = dreamdb.Dataset.open("main", backend=url, cache_dir=cache, cache_size="64MB")
    wanted = [a for b in first.iter_stream(64) for a in b["_time_anchors"]]
    assert first.store_stats()["sent_gets"] > 1 and first.store_stats()["cache_bytes_written"] > 0
    again = dreamdb.Dataset.open("main", backend=url, cache_dir=cache, cache_size="64MB")
    assert [a for b in again.iter_stream(64) for a in b["_time_anchors"]] == wanted
    stats = again.store_stats()
    assert stats["sent_gets"] == stats["waves"] == 1 and stats["sent_puts"] == stats["sent_lists"] == 0
    assert stats["bytes_received"] < 1000 < stats["cache_bytes_read"]
    cost = json.loads(subprocess.run(
        [os.environ["DREAMDB"], "count", url, "--where", 'label == "cat"', "--cache", cache, "--cost", "--json"],
        capture_output=True, check=True, timeout=120).stderr)["cost"]
    assert cost["sent"]["gets"] == cost["sent"]["requests"] == 1 and cost["cache"]["misses"] == 0


def test_the_disk_cache_knows_a_bucket_whichever_endpoint_leads_to_it(url, s3, tmp_path):
    run("create", url, "--field", "n:int")
    run("append", url, "--set", "n=1")
    cache = ["--cache", str(tmp_path / "cache"), "--cost", "--json"]
    port = int(s3.endpoint.rsplit(":", 1)[1])
    with ChaosProxy(port) as one, ChaosProxy(port) as other:
        for number, endpoints in enumerate([[one, other], [other, one], [one], [other]]):
            done = subprocess.run([os.environ["DREAMDB"], "stream", url, *cache], capture_output=True, check=True,
                                  timeout=120, env={**os.environ, "AWS_ENDPOINT_URL": ",".join(
                                      proxy.endpoint for proxy in endpoints)})
            cost = json.loads(done.stderr)["cost"]
            assert (cost["cache"]["misses"] == 0) == (cost["sent"]["requests"] == 1) == (number > 0), number


def wait_until(is_so, seconds=100):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


# Reads until it is interrupted, and says how.
READER = """
import signal, sys
import dreamdb
signal.signal(signal.SIGINT, signal.default_int_handler)
dataset = dreamdb.Dataset.open("main", backend=sys.argv[1])
try:
    for batch in dataset.iter_stream(10):
        print("batch", flush=True)
        sys.stdin.readline()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_a_stream_whose_server_stopped_answering(url, s3, monkeypatch):
    noise = np.random.default_rng(1)
    dreamdb.Dataset.create("main", schema(), backend=url).append_many(
        [{**row, "img": noise.bytes(1 << 20)} for row in rows(1, 200)])
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1])) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        monkeypatch.setenv("DREAMDB_TIMEOUT", "600")
        with subprocess.Popen([sys.executable, "-c", READER, url], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout.readline() == "batch\n"
            proxy.flows.clear()
            for _ in range(20):  # what was on its way is used up
                reader.stdin.write("\n")
            reader.stdin.flush()
            time.sleep(2)
            reader.send_signal(signal.SIGINT)
            begin = time.monotonic()
            assert reader.stdout.read().endswith("interrupted\n")
            assert reader.wait(60) == 0
            assert time.monotonic() - begin < 300  # else the time that a request is tried for


def test_ctrl_c_ends_an_ingest_that_waits_for_its_server(url, s3, monkeypatch, tmp_path):
    run("create", url, "--field", "n:int")
    (tmp_path / "rows.jsonl").write_text('{"n": 1}\n', encoding="utf-8")
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1])) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        monkeypatch.setenv("DREAMDB_TIMEOUT", "600")
        proxy.flows.clear()
        with subprocess.Popen([os.environ["DREAMDB"], "ingest", url, tmp_path / "rows.jsonl"],
                              stderr=subprocess.PIPE, text=True) as ingest:
            wait_until(lambda: proxy.connections > 0)
            ingest.send_signal(signal.SIGINT)
            assert ingest.wait(300) == 130, ingest.stderr.read()


def blobs(tmp_path, count, size):
    lines = []
    for i in range(count):
        (tmp_path / f"{i}.bin").write_bytes(os.urandom(size))
        lines.append(json.dumps({"raw": f"{i}.bin"}) + "\n")
    (tmp_path / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path / "rows.jsonl"


def interrupted_ingest(url, proxy, lines, *words, then=lambda err: None):
    """Ctrl-C when the proxy has stopped. The exit status, and what is said."""
    with subprocess.Popen([os.environ["DREAMDB"], "ingest", url, lines, *words], stderr=subprocess.PIPE,
                          text=True, env={**os.environ, "AWS_ENDPOINT_URL": proxy.endpoint,
                                          "DREAMDB_TIMEOUT": "600"}) as ingest:
        assert proxy.stopped.wait(100)
        ingest.send_signal(signal.SIGINT)
        then(ingest.stderr)
        err = ingest.stderr.read()
        return ingest.wait(300), err


@pytest.mark.parametrize("count, size, committed, words", [
    (3, 1 << 20, 0, ()),  # with the commit, in one wave
    (2, 40 << 20, 0, ()),  # in parts, by threads of their own
    (4, 40 << 20, 0, ("--batch-rows", "1")),  # while others are read
    (4, 1 << 20, 2, ("--commit-rows", "2")),
], ids=["small", "parts", "background", "second"])
def test_ctrl_c_ends_an_upload_that_stalls(url, s3, tmp_path, count, size, committed, words):
    run("create", url, "--field", "raw:blob")
    lines = blobs(tmp_path, count, size)
    pattern = rb"PUT [^ ]*/segments/[^ ]*" + (rb"partNumber=" if size > 32 << 20 else rb"")
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), stops_at=pattern,
                    stops_nth=3 if committed else 1) as proxy:  # a commit has two segments
        status, err = interrupted_ingest(url, proxy, lines, *words)
    assert status == 130, err
    assert "Cancelled" in err and "finishing" not in err
    assert ("The first 2 rows of the input are committed" if committed else "Nothing was committed") in err
    assert run("count", url).strip() == str(committed)


@pytest.mark.parametrize("words, status, rows", [((), 0, "4"), (("--commit-rows", "2"), 130, "2")],
                         ids=["last", "more"])
def test_ctrl_c_waits_for_the_commit_that_was_sent(url, s3, tmp_path, words, status, rows):
    run("create", url, "--field", "raw:blob")
    lines = blobs(tmp_path, 4, 1000)
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), stops_at=rb"PUT [^ ]*/refs/") as proxy:
        def go_on(err):
            assert "finishing the commit that was sent" in err.readline()
            proxy.flows.set()
        done, err = interrupted_ingest(url, proxy, lines, *words, then=go_on)
    assert done == status, err
    assert ("The first 2 rows of the input are committed" in err) == (status == 130)
    assert run("count", url).strip() == rows


# Opens, says so, waits for the word, and appends until the time is over.
APPENDER = """
import sys, time
import numpy as np
import dreamdb
url, writer, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
dataset = dreamdb.Dataset.open("main", backend=url)
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + seconds
commits = longest = 0
while (begin := time.monotonic()) < end:
    first = 1 + (commits * 100 + writer) * 1000
    dataset.append_many([{"_anchor": first + i, "emb": np.ones(8, np.float32), "label": "cat"}
                         for i in range(20)])
    commits += 1
    longest = max(longest, time.monotonic() - begin)
print(commits, longest)
"""


def append_by_processes(url, writers, seconds):
    """So many processes append to one ref at once. Every record must be there once, in one chain of
    commits, and nobody may starve. Commits of all together, a second."""
    dreamdb.Dataset.create("main", schema(), backend=url)
    running = [subprocess.Popen([sys.executable, "-c", APPENDER, url, str(writer), str(seconds)], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for writer in range(writers)]
    assert [one.stdout.readline() for one in running] == ["ready\n"] * writers
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=seconds + 180)[0].split() for one in running]
    assert [one.returncode for one in running] == [0] * writers
    commits = [int(one[0]) for one in told]
    print(f"{writers} writers, {seconds} s: {sum(commits)} commits ({sum(commits) / seconds:.0f} a second), "
          f"{min(commits)} to {max(commits)} each ({min(commits) / max(commits):.2f}), "
          f"longest append {max(float(one[1]) for one in told):.2f} s")
    dataset = dreamdb.Dataset.open("main", backend=url)
    anchors = [a for b in dataset.iter_stream(4096, ["label"]) for a in b["_time_anchors"]]
    wanted = sorted(1 + (commit * 100 + writer) * 1000 + i for writer in range(writers)
                    for commit in range(commits[writer]) for i in range(20))
    assert anchors == wanted
    assert len(run("log", "--json", url).splitlines()) == 1 + sum(commits)
    return commits


def test_processes_append_to_one_ref(url):
    commits = append_by_processes(url, WRITERS, SECONDS)
    assert min(commits) >= STARVED * max(commits)


def test_processes_append_though_replies_are_lost(url, s3, monkeypatch):
    port = int(s3.endpoint.rsplit(":", 1)[1])
    with ChaosProxy(port, lost=0.3, cut=0.02) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        commits = append_by_processes(url, WRITERS, max(SECONDS, 8))
        assert min(commits) >= STARVED_BY_LOSS * max(commits)
        assert proxy.losses > 20 and proxy.cuts > 5


def test_a_bucket_with_versions_is_refused_for_writing(s3):
    message = fails("create", "s3://kept/pets", "--field", "n:int")
    assert "16 of 16 writers won" in message and "versioning" in message


@pytest.mark.parametrize("variables, said", [
    ({"AWS_SECRET_ACCESS_KEY": "hush-hush"}, "does not belong to its key id"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "does not know the keys of AWS_ACCESS_KEY_ID"),
    ({"AWS_ACCESS_KEY_ID": ""}, "no key id"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "without a signature"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "check the address"),
    ({"AWS_ENDPOINT_URL": "here"}, "no endpoint"),
    ({"AWS_PROFILE": "none", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
     "AWS_PROFILE names"),
])
def test_what_is_wrong_is_named(url, variables, said):
    assert said in fails("count", url, **variables)


def test_a_missing_bucket_is_named(s3):
    for words in (("count", "s3://no-such-bucket/pets"),
                  ("create", "s3://no-such-bucket/pets", "--field", "n:int")):
        assert "there is no bucket no-such-bucket" in fails(*words)


def test_several_endpoints_share_the_requests(url, s3):
    run("create", url, "--field", "n:int", AWS_ENDPOINT_URL=f"{s3.endpoint},{s3.endpoint}/")
    assert run("count", url).strip() == "0"


def test_host_names_may_name_the_bucket(url, s3):
    run("create", url, "--field", "n:int")
    port = s3.endpoint.rsplit(":", 1)[1]
    assert run("count", url, AWS_ENDPOINT_URL=f"http://s3.localhost:{port}",
               AWS_S3_ADDRESSING_STYLE="virtual").strip() == "0"


def test_a_profile_holds_keys_and_endpoint(url, s3, tmp_path):
    run("create", url, "--field", "n:int")
    (tmp_path / "credentials").write_text(
        f"[lab]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
        f"endpoint_url = {s3.endpoint}\n", encoding="utf-8")
    assert run("count", url, AWS_PROFILE="lab", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
               AWS_ENDPOINT_URL="",
               AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials")).strip() == "0"
