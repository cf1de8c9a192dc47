"""Builds the fuzz targets, runs every corpus, then looks for new input for a given time in all."""

import argparse
import concurrent.futures
import math
import os
import pathlib
import subprocess
import sys

from cases import FAILED, PASSED, Case

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/asan"  # the sanitizers' libraries serve tests and fuzz targets
FOUND = ROOT / "build/fuzz"  # what runs find: crashes, and inputs that reach new code
JOBS = int(os.environ.get("DREAMDB_JOBS") or os.cpu_count() or 1)
# Each input ends within 10 s and 1 GiB, and asks for no single allocation above 512 MiB.
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-print_final_stats=0"]
OPTIONS = {"UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
           "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1"}
SYMBOLIZER = {"ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19"}


def build():
    """Names of the targets, built. RuntimeError with the output when that fails."""
    FOUND.mkdir(parents=True, exist_ok=True)
    command(["cmake", "--preset", "asan"])
    targets = (BUILD / "targets.txt").read_text(encoding="utf-8").split()
    if targets:
        command(["cmake", "--build", "--preset", "asan", "-j", str(JOBS), "--target", *targets])
    return targets


def command(words):
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{done.stdout}")


def run_target(target, *arguments):
    crashes = FOUND / "crashes"
    crashes.mkdir(exist_ok=True)
    return subprocess.run([BUILD / "targets" / target, f"-artifact_prefix={crashes}/{target}-",
                           *LIMITS, *arguments], cwd=FOUND, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**os.environ, **OPTIONS, **SYMBOLIZER},
                          text=True, errors="replace", check=False)


def judge(name, done, what, way_out):
    if done.returncode == 0:
        print(f"  {name}: {what}", flush=True)
        return Case(name, PASSED)
    print(f"  {name}: FAILED\n{done.stdout[-8000:]}", flush=True)
    return Case(name, FAILED, way_out)


def run_corpus(target):
    corpus = ROOT / "tests/corpus" / target
    inputs = [path for path in corpus.rglob("*") if path.is_file()] if corpus.is_dir() else []
    name = f"fuzz.{target}.corpus"
    if not inputs:
        return Case(name, FAILED, f"tests/corpus/{target}/ has no input; add at least one valid one")
    return judge(name, run_target(target, *map(str, sorted(inputs))), f"{len(inputs)} inputs",
                 "the last line with 'Running:' above names the input; again with: "
                 f"build/asan/targets/{target} <that file>")


def run_new(target, seconds):
    found = FOUND / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    done = run_target(target, f"-max_total_time={seconds}", "-use_value_profile=1", str(found),
                      str(ROOT / "tests/corpus" / target))
    return judge(f"fuzz.{target}.new", done, f"{seconds} s of new input",
                 f"the input is at build/fuzz/crashes/{target}-*; again with: "
                 f"build/asan/targets/{target} <that file>")


def fuzz(seconds):
    """Cases of all targets: their corpora first, then `seconds` of new input in all."""
    targets = build()
    if not targets:
        return [Case("fuzz", FAILED, "no dreamdb_floor names a FUZZ target")]
    share = min(seconds, max(1, math.ceil(seconds * JOBS / len(targets))))
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        cases = list(pool.map(run_corpus, targets))
        whole = [target for target, case in zip(targets, cases) if case.outcome == PASSED]
        return cases + list(pool.map(lambda target: run_new(target, share), whole))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="new input in all, wall clock")
    try:
        cases = fuzz(parser.parse_args().seconds)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    failed = [case for case in cases if case.outcome == FAILED]
    for case in failed:
        print(f"FAILED {case.name}: {case.reason}")
    print(f"fuzz: {len(cases) - len(failed)} passed, {len(failed)} failed; new inputs are kept in "
          "build/fuzz/corpus")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
