"""Servers for the tests of this folder, one for all of them."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import ceph as ceph_server  # noqa: E402  pylint: disable=wrong-import-position
import web_servers  # noqa: E402  pylint: disable=wrong-import-position
from s3_request import make_bucket  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def ceph():
    """A Ceph gateway with the buckets `plain` and `kept`, which keeps versions."""
    name = ceph_server.missing_program()
    if name:
        pytest.skip(f"{name} is not installed: apt-get install {ceph_server.PACKAGES}")
    with ceph_server.Ceph() as server:
        make_bucket(server.environment(), "plain")
        make_bucket(server.environment(), "kept", versioned=True)
        yield server


@pytest.fixture
def s3(ceph, monkeypatch):
    """The variables of this process, and of its children, point at Ceph."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in ceph.environment().items():
        monkeypatch.setenv(name, value)
    return ceph


@pytest.fixture
def url(s3, request):
    """A space of the test's own in the bucket `plain`."""
    return f"s3://plain/{request.node.name.replace('[', '-').replace(']', '')}"


@pytest.fixture(scope="session")
def web_servers_():
    name = web_servers.missing_program()
    if name:
        pytest.skip(f"{name} is not installed: apt-get install {web_servers.PACKAGES}")
    with web_servers.WebServers() as servers:
        yield servers


@pytest.fixture
def web(web_servers_, monkeypatch):
    """lighttpd, nginx and Apache; no variable of this process says anything about S3."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("DREAMDB_TIMEOUT", "10")
    return web_servers_
