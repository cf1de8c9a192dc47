"""A real S3 server for tests: Ceph's gateway over one storage daemon that keeps all in memory.

    with Ceph() as ceph:
        ceph.endpoint, ceph.access_key, ceph.secret_key

As a program it starts one, prints its settings as lines for a shell, and stops it at end of input:

    python3 tests/servers/ceph.py
"""

import os
import secrets
import shutil
import subprocess
import sys
import uuid

from child_servers import (START_SECONDS, ChildServers, answers, free_ports,
                           serve_until_end_of_input)

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph-authtool",
            "ceph")
PACKAGES = "ceph-mon ceph-osd radosgw ceph-common"
MEMORY_BYTES = 4 << 30  # what the storage daemon may keep

# Every path lies in the folder of the test, every port on 127.0.0.1. The short paxos intervals take
# the start from 14 seconds to 3; without tcp_nodelay each small read would take 40 ms.
CONF = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port},v1:127.0.0.1:{mon_port_v1}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {folder}/keyring
run dir = {folder}/run
admin socket =
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
crash dir = {folder}/crash
ms bind ipv6 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
[mon]
mon data = {folder}/mon
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {memory}
osd class update on start = true
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw thread pool size = 64
rgw dns name = s3.localhost
rgw enable usage log = false
rgw enable ops log = false
rgw run sync thread = false
# All lies in memory: what was deleted must go at once, not after two hours.
rgw gc obj min wait = 1
rgw gc processor period = 2
rgw gc processor max time = 60
rgw relaxed region enforcement = true
"""


def missing_program():
    """Name of a program that is needed and not installed; None when all are there."""
    return next((name for name in PROGRAMS if shutil.which(name) is None), None)


class Ceph(ChildServers):
    """Starts when made."""

    def __init__(self):
        super().__init__("ceph")
        self.access_key, self.secret_key = "A" + secrets.token_hex(8), secrets.token_hex(16)
        port, mon_port, mon_port_v1 = free_ports(3)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.fsid = str(uuid.uuid4())
        self.mon_ports = mon_port, mon_port_v1
        self.conf = self.folder / "ceph.conf"
        for name in ("mon", "osd", "rgw", "run", "log", "crash"):
            (self.folder / name).mkdir()
        self.conf.write_text(CONF.format(folder=self.folder, fsid=self.fsid, port=port,
                                         mon_port=mon_port, mon_port_v1=mon_port_v1,
                                         memory=MEMORY_BYTES), encoding="utf-8")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def command(self, *words):
        """Output of a command that must succeed."""
        environment = {**os.environ, "CEPH_ARGS": "", "CEPH_CONF": str(self.conf)}
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              env=environment, timeout=START_SECONDS, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"{words[0]} ended with status {done.returncode}: "
                               f"{done.stderr.strip()[-500:]}")
        return done.stdout

    def ceph(self, *words):
        return self.command("ceph", "-c", self.conf, "--connect-timeout", 20, *words)

    def daemon(self, name, *words):
        self.start_child(name, [*words, "-f"], CEPH_ARGS="", CEPH_CONF=str(self.conf))

    def make_keys(self):
        caps = {"mon.": {"mon": "allow *"},
                "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
                "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
                "osd.0": {"mon": "allow profile osd", "osd": "allow *"}}
        for number, (name, allowed) in enumerate(caps.items()):
            words = ["--create-keyring"] if number == 0 else []
            words += ["--gen-key", "-n", name]
            for service, what in allowed.items():
                words += ["--cap", service, what]
            self.command("ceph-authtool", self.folder / "keyring", *words)

    def start(self):
        self.make_keys()
        v2, v1 = self.mon_ports
        monmap = self.folder / "monmap"
        self.command("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a",
                     f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]", monmap)
        self.command("ceph-mon", "-c", self.conf, "--mkfs", "-i", "a", "--monmap", monmap,
                     "--keyring", self.folder / "keyring")
        self.daemon("mon", "ceph-mon", "-c", self.conf, "-i", "a")
        osd = str(uuid.uuid4())
        self.ceph("osd", "new", osd)
        self.command("ceph-osd", "-c", self.conf, "-i", 0, "--mkfs", "--osd-uuid", osd)
        self.daemon("osd", "ceph-osd", "-c", self.conf, "-i", 0)
        self.wait_until("its storage daemon", lambda: "1 up" in self.ceph("osd", "stat"))
        self.daemon("rgw", "radosgw", "-c", self.conf, "-n", "client.rgw")
        self.wait_until("its gateway", lambda: answers(self.endpoint))
        self.add_user("dreamdb", self.access_key, self.secret_key)

    def add_user(self, name, access_key, secret_key):
        self.command("radosgw-admin", "-c", self.conf, "-n", "client.rgw", "user", "create",
                     f"--uid={name}", f"--display-name={name}", f"--access-key={access_key}",
                     f"--secret-key={secret_key}")

    def environment(self):
        """The variables that point DreamDB, and any S3 tool, here and nowhere else."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": "us-east-1",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}


if __name__ == "__main__":
    sys.exit(serve_until_end_of_input(missing_program(), PACKAGES, Ceph, Ceph.environment))
