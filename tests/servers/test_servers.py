"""The C++ programs that need servers."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_program(**variables):
    program = ROOT / "build/release/tests/remote_server_test"
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, **variables})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_stores_on_ceph(s3):
    run_program(DREAMDB_TEST_BUCKET="plain", DREAMDB_TEST_VERSIONED_BUCKET="kept")


def test_stores_on_lighttpd(web):
    run_program(DREAMDB_TEST_DAV=f"{web.lighttpd}/conformance")
