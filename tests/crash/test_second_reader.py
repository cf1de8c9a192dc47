"""The second reader agrees with what killed writers left: every hash, every value, every version."""

import os
import pathlib
import random
import struct
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(os.environ.get("DREAMDB_ROOT", pathlib.Path(__file__).parents[2]))
WRITER = pathlib.Path(os.environ.get("DREAMDB_CRASH_TEST", ROOT / "build/release/tests/crash_test"))
KILLS = 12
SALTS_PER_BATCH = 16
ASSIGNED_SALT = 1 << 32

sys.path.insert(0, str(ROOT / "spec/reference"))
from dreamdb_reference import read_space  # noqa: E402


def batch_rows(batch):
    """How many rows a batch has, as tests/crash/kill_writer.h says."""
    return 1 + batch * 7 % 9


def kill_a_writer(folder, run, commits, seconds):
    """The batches that a writer was told were committed before it died, some time after so many."""
    with subprocess.Popen([WRITER, "--writer", folder, str(run)], stdout=subprocess.PIPE) as writer:
        told = writer.stdout.read(8 * commits)
        time.sleep(seconds)
        writer.kill()
        told += writer.stdout.read()
    return {number for (number,) in struct.iter_unpack("=Q", told[: len(told) // 8 * 8])}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "space"
    acknowledged = set()
    for run in range(KILLS):
        acknowledged |= kill_a_writer(folder, run, random.randint(1, 40), random.uniform(0, 0.02))
    return folder, acknowledged


def test_every_record_is_there_and_whole(killed):
    folder, acknowledged = killed
    batches = {}
    for row in read_space(folder, "main").rows():
        salt = row["values"]["salt"] % ASSIGNED_SALT
        batches.setdefault(salt // SALTS_PER_BATCH, set()).add(salt)
    assert acknowledged, "no writer lived long enough to commit"
    assert acknowledged <= batches.keys()
    for batch, salts in batches.items():
        assert len(salts) == batch_rows(batch), f"batch {batch} is there in part"


def test_every_version_has_right_hashes(killed):
    folder, _ = killed
    done = subprocess.run(
        [sys.executable, "-m", "dreamdb_reference", folder, "--ref", "main", "--all"],
        cwd=ROOT / "spec/reference", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
