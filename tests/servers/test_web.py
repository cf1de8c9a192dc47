"""Spaces on web servers: a folder read through a static one, WebDAV, and servers that are wrong."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

PROGRAM = os.environ["DREAMDB"]
LARGE_BYTES = 9 << 20  # more than a server without ranges can give out
UNSUPPORTED, NOT_FOUND, UNAVAILABLE, DENIED, INVALID, CORRUPTION = 11, 3, 7, 9, 2, 6


def run(*words, status=0, **environment):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=120,
                          check=False, env={**os.environ, **environment})
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if status == 0 else done.stderr


def fill(store, tmp_path, count=500):
    """A dataset with vectors, labels, and one large blob."""
    lines = tmp_path / "rows.jsonl"
    with open(lines, "w", encoding="utf-8") as out:
        for i in range(1, count + 1):
            row = {"_anchor": i * 10, "label": ("cat", "dog")[i % 2], "n": i,
                   "emb": [(i * 7919 + j * 104729) % 1000 / 500 - 1 for j in range(4)]}
            out.write(json.dumps(row) + "\n")
    run("create", store, "--field", "label:categorical", "--field", "n:int",
        "--field", "emb:embedding:4", "--field", "doc:blob?")
    run("ingest", store, lines)
    return store


def same(left, right):
    """Both locators show the same dataset, however it is asked."""
    stats = [json.loads(run("stat", locator, "--json")) for locator in (left, right)]
    assert all(stat.pop("locator") for stat in stats) and stats[0] == stats[1]
    for words in (("count",), ("stream", "--json"),
                  ("stream", "--json", "--where", 'label == "cat" and n > 300'),
                  ("values", "--json", "label"), ("log", "--json")):
        assert run(words[0], left, *words[1:]) == run(words[0], right, *words[1:])
    words = ("emb", "--like", 1000, "-k", 7, "--json", "--where", 'label == "dog"')
    found = run("search", left, *words)
    assert len(found.splitlines()) == 7
    assert found == run("search", right, *words)


@pytest.fixture
def space(web, request, tmp_path):
    """A folder that nginx serves, and its name there."""
    name = request.node.name.replace("[", "-").replace("]", "")
    return fill(web.root / name, tmp_path), name


def test_a_folder_is_read_through_a_static_server(web, space):
    folder, name = space
    address = f"web+{web.static}/{name}"
    same(folder, address)
    same(folder, f"{web.static}/{name}")  # no keys of S3: plain http:// is a web server too
    # What is committed later is seen; snapshots and branches too, and what is deleted is gone.
    run("append", folder, "--set", "n=1000", "--set", "label=cat", "--set", "emb=[1,2,3,4]")
    run("snapshot", folder, "v1")
    run("branch", folder, "exp/one")
    run("append", f"{folder}@exp/one", "--set", "n=1001", "--set", "label=cat",
        "--set", "emb=[1,2,3,4]")
    for ref in ("main", "main@v1", "exp/one"):
        same(f"{folder}@{ref}", f"{address}@{ref}")
    run("delete-ref", f"{folder}@exp/one")
    assert "exp/one" in run("count", f"{address}@exp/one", status=NOT_FOUND)


def test_under_tls_it_is_http_2_on_few_connections(web, space, monkeypatch):
    folder, name = space
    address = f"web+{web.secure}/{name}"
    assert "AWS_CA_BUNDLE" in run("count", address, status=UNAVAILABLE)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(web.certificate))
    same(folder, address)
    requests = web.secure_requests()
    assert len(requests) > 20 and all(line.endswith(" HTTP/2.0") for line in requests)


def test_opening_costs_no_listing(web, space):
    _, name = space
    done = subprocess.run([PROGRAM, "count", f"web+{web.static}/{name}", "--cost", "--json"],
                          capture_output=True, text=True, check=True)
    cost = json.loads(done.stderr.splitlines()[-1])
    cost = cost.get("cost", cost)
    assert cost["lists"] == 0 and cost["waves"] <= 3


def test_a_static_server_takes_no_writes_and_says_so(web, space):
    _, name = space
    address = f"web+{web.static}/{name}"
    said = run("append", address, "--set", "n=1", "--set", "label=cat", "--set", "emb=[1,2,3,4]",
               status=UNSUPPORTED)
    assert "it can only be read" in said and "mod_webdav" in said
    assert "no listings" in run("refs", address, status=UNSUPPORTED)
    assert "it can only be read" in run("create", f"web+{web.static}/new", "--field", "n:int",
                                        status=UNSUPPORTED)


@pytest.mark.parametrize("path, status, said", [
    ("nothing/here", NOT_FOUND, "dataset `main` not found"),
    ("spa/nothing", UNAVAILABLE, "page for people (HTTP 200)"),
    ("moved/pets", INVALID, "sends elsewhere, to http://elsewhere.example/files/"),
    ("login/pets", DENIED, "name and a password"),
    ("closed/pets", DENIED, "let its user read"),
])
def test_what_is_no_space_says_what_it_is(web, path, status, said):
    assert said in run("count", f"web+{web.static}/{path}", status=status)


def test_a_page_for_what_is_missing_does_not_hide_what_is_there(web, space):
    folder, name = space
    same(folder, f"web+{web.static}/spa/{name}")


def test_a_missing_object_is_named(web, space):
    folder, name = space
    lost = max((folder / "segments").iterdir(), key=lambda path: path.stat().st_size)
    lost.unlink()
    said = run("stream", f"web+{web.static}/{name}", status=CORRUPTION)
    assert f"segments/{lost.name}" in said
    said = run("stream", f"web+{web.static}/spa/{name}", status=UNAVAILABLE)
    assert f"segments/{lost.name}" in said and "page for people" in said


def add_large(folder, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(LARGE_BYTES))
    run("append", folder, "--set", "n=7", "--set", "label=cat", "--set", "emb=[1,2,3,4]",
        "--file", f"doc={large}", "--anchor", 7)


def test_without_ranges_small_objects_are_read_and_large_ones_refused(web, space, tmp_path):
    folder, name = space
    without = f"web+{web.static}/whole/{name}"
    same(folder, without)
    add_large(folder, tmp_path)
    assert run("show", f"web+{web.static}/{name}", 7, "--json") == run("show", folder, 7, "--json")
    said = run("export", without, tmp_path / "out", status=CORRUPTION)
    assert "know ranges" in said


@contextlib.contextmanager
def python_server(folder):
    """The server that everybody has: python3 -m http.server, which knows no ranges."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):  # pylint: disable=arguments-differ
            pass
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_the_simplest_server_will_do(space):
    folder, _ = space
    with python_server(folder) as address:
        same(folder, f"web+{address}")
        assert "it can only be read" in run("append", f"web+{address}", "--set", "n=1",
                                            "--set", "label=cat", "--set", "emb=[1,2,3,4]",
                                            status=UNSUPPORTED)


def test_with_keys_of_s3_plain_http_is_s3_and_names_the_other(web, space):
    _, name = space
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush-hush"}
    bucket = name.replace("_", "-")[:40]
    said = run("count", f"{web.static}/{bucket}/nothing", status=INVALID, **keys)
    assert "none of S3" in said and "web+http://" in said and "hush" not in said
    assert run("count", f"web+{web.static}/{name}", **keys).strip() == "500"


def test_s3_is_recognized_by_its_answer(ceph, web):
    said = run("count", f"web+{ceph.endpoint}/plain/nothing", status=DENIED)
    assert "s3+http://" in said


def test_webdav_round_trip(web, tmp_path):
    folder = fill(tmp_path / "folder", tmp_path)
    address = f"web+{web.lighttpd}/deep/er/pets"
    fill(address, tmp_path)
    assert run("stream", folder, "--json") == run("stream", address, "--json")
    assert run("count", address, "--where", "n > 490").strip() == "10"
    run("snapshot", address, "v1")
    run("branch", address, "exp/one")
    names = {json.loads(line)["ref"] for line in run("refs", address, "--json").splitlines()}
    assert names == {"main", "main@v1", "exp/one"}
    run("delete-ref", f"{address}@exp/one")
    assert "exp/one" not in run("refs", address, "--json")
    run("branch", address, "exp/one")  # a deleted name can be taken again
    same(address, f"{address}@exp/one")
    # A static server over the same files reads it as well.
    shutil.copytree(web.dav_root / "deep/er/pets", web.root / "copied")
    same(address, f"web+{web.static}/copied")


def test_many_writers_over_webdav_lose_nothing(web):
    address = f"web+{web.lighttpd}/writers"
    run("create", address, "--field", "n:int")
    script = f"for i in $(seq 10); do '{PROGRAM}' append '{address}' --set n=$i || exit 1; done"
    writers = [subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for _ in range(8)]
    for writer in writers:
        _, err = writer.communicate(timeout=120)
        assert writer.returncode == 0, err.decode()
    assert run("count", address).strip() == "80"
    assert len(run("log", address, "--json").splitlines()) == 81


@pytest.mark.parametrize("server", ["nginx_dav", "apache"])
def test_servers_whose_conditions_do_not_hold_are_refused(web, server):
    address = f"web+{getattr(web, server)}/{server}"
    said = run("create", address, "--field", "n:int", status=UNSUPPORTED)
    assert "must not be written by several" in said and "writers won a race" in said
    assert "lighttpd" in said
    done = subprocess.run([PROGRAM, "doctor", address, "--json", "--no-load"], check=False,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    body = json.loads(done.stdout)
    assert body["safe"] is False and "writers won a race" in body["reason"]
    if server == "nginx_dav":
        assert "16 of 16" in body["reason"]


def test_a_folder_is_not_written_through_webdav_nor_the_other_way(web, tmp_path):
    folder = fill(web.dav_root / "both", tmp_path, count=10)
    address = f"web+{web.lighttpd}/both"
    same_count = run("count", address)
    assert same_count == run("count", folder)
    assert "is the space of a folder" in run(
        "append", address, "--set", "n=1", "--set", "label=cat", "--set", "emb=[1,2,3,4]",
        status=UNSUPPORTED)
    assert run("count", folder) == same_count
    run("create", f"web+{web.lighttpd}/dav", "--field", "n:int")
    assert "WebDAV" in run("create", web.dav_root / "dav", "--field", "n:int", status=UNSUPPORTED)
    assert run("count", f"web+{web.lighttpd}/dav").strip() == "0"


def examined(address, code):
    done = subprocess.run([PROGRAM, "doctor", address, "--json"], check=False, timeout=120,
                          capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    body = json.loads(done.stdout)
    return {one["check"]: one for one in body["findings"]}, body


def test_doctor_says_what_can_be_done(web, space):
    _, name = space
    findings, body = examined(f"web+{web.static}/{name}", 1)
    assert body["read_only"] is True and "it can only be read" in body["reason"]
    assert findings["read"]["health"] == findings["ranges"]["health"] == "good"
    assert "no listings" in findings["list"]["found"] and "cleaning" not in findings
    findings, _ = examined(f"web+{web.static}/whole/{name}", 1)
    assert findings["ranges"]["health"] == "note" and "Range" in findings["ranges"]["to_do"]
    findings, body = examined(f"web+{web.lighttpd}/examined", 0)
    assert body["safe"] is True and body["read_only"] is False
    assert all(one["health"] == "good" for one in body["findings"])
    left = [path for path in (web.dav_root / "examined").rglob("*") if path.is_file()]
    assert len(left) == 1 and "/.dreamdb/writing/" in str(left[0])
    text = subprocess.run([PROGRAM, "doctor", f"web+{web.static}/{name}"], check=False,
                          capture_output=True, text=True, timeout=60).stdout
    assert "READ-ONLY" in text


def test_doctor_mends_the_names_that_web_servers_give_out(web, space):
    folder, name = space
    shutil.rmtree(folder / "refs")
    run("count", f"web+{web.static}/{name}", status=NOT_FOUND)
    findings, _ = examined(folder, 0)
    assert "1 are set right" in findings["web"]["found"]
    same(folder, f"web+{web.static}/{name}")
