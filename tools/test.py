"""Runs every stage of the tests, goes on after a failure, and ends with one line of counts."""

import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

import fuzz
from cases import FAILED, PASSED, SKIPPED, Case, read_junit

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
REPORTS = ROOT / "build/test"
PYTHON = ROOT / "build/venv/bin/python"
JOBS = fuzz.JOBS
SKIP_STATUS = 77  # what a shell test returns to be skipped; its last line is the reason
FUZZ_SECONDS = 60

# Sanitizers try one case in so many of the exhaustive tests and of the property tests;
# DREAMDB_ONE_IN=1 ./run test asan tsan is the long form.
ONE_IN = max(1, int(os.environ.get("DREAMDB_ONE_IN", "31")))

# atexit_sleep_ms: how long a program whose threads still run waits for them to race with its exit;
# the default, a second for each of some 300 cases, was a third of the stage.
OPTIONS = {**fuzz.OPTIONS,
           "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=50"}


def run(*words, **environment):
    """Status of a command that speaks for itself."""
    return subprocess.run([str(word) for word in words], cwd=ROOT, check=False,
                          env={**os.environ, **environment}).returncode


def outcome(name, status, reason):
    return Case(name, PASSED) if status == 0 else Case(name, FAILED, reason)


def tools():
    """The law of the floors, and the tests of the tools themselves."""
    suite = unittest.defaultTestLoader.discover(str(TOOLS), "*_test.py")
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    wrong = [Case(f"tools.{test.id()}", FAILED, text.strip().split("\n")[-1])
             for test, text in result.failures + result.errors]
    skipped = [Case(f"tools.{test.id()}", SKIPPED, reason) for test, reason in result.skipped]
    right = result.testsRun - len(wrong) - len(skipped)
    return wrong + skipped + [Case("tools", PASSED)] * right + [
        outcome("layers", run(sys.executable, TOOLS / "check_layers.py"),
                "the source tree breaks tools/layers.txt; see above"),
        outcome("format", run(TOOLS / "lint.sh", "check-format"), "mend with: ./run format")]


def errors_of(log):
    """The first lines of a log that tell of errors, or its last ones where none does."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    wrong = [line.strip() for line in lines if re.search(r"[Ee]rror:|ERROR|FAILED|CMake Error", line)]
    return wrong[:40] or [line.strip() for line in lines[-40:]]


def told(log):
    """A reason for a failure that a log tells more of: its first error, and where the rest is."""
    return "; ".join([*errors_of(log)[:1], f"see {log.relative_to(ROOT)}"])


def compile_preset(preset, targets=()):
    """Configures and builds as much as can be built."""
    log = REPORTS / f"{preset}-build.log"
    with open(log, "w", encoding="utf-8") as out:
        status = subprocess.run(["cmake", "--preset", preset], cwd=ROOT, stdout=out, check=False,
                                stderr=subprocess.STDOUT).returncode
        if status == 0:
            words = ["cmake", "--build", "--preset", preset, "-j", str(JOBS)]
            words += ["--target", *targets] if targets else []
            status = subprocess.run([*words, "--", "-k", "0"], cwd=ROOT, stdout=out, check=False,
                                    stderr=subprocess.STDOUT).returncode
    if status:
        print("\n".join(errors_of(log)))
    return outcome(f"{preset}.build", status, told(log))


def one_address_layout():
    """Words before a sanitized program: g++ 12's runtimes cannot place their shadow memory when
    the kernel randomizes addresses by more than 28 bits."""
    probe = subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False)
    return ["setarch", "-R"] if probe.returncode == 0 else []


def ctest(preset, *choice, **environment):
    report = REPORTS / f"{preset}.xml"
    report.unlink(missing_ok=True)
    # Output of failures only; the progress of each test goes to the log.
    words = [*one_address_layout(), "ctest", "--test-dir", ROOT / "build" / preset, "-j", JOBS,
             "--output-on-failure", "--progress", "--no-tests=error", "--output-junit", report,
             *choice]
    status = run(*words, **OPTIONS, **environment)
    cases = read_junit(report) if report.exists() else []
    if status and not any(case.outcome == FAILED for case in cases):
        cases.append(Case(f"{preset}.ctest", FAILED, f"ctest ended with status {status}"))
    for case in cases:
        case.name = f"{preset}: {case.name}"
    return cases


def release():
    """What users get: the program, and every C++ test of it."""
    built = compile_preset("release")
    if (ROOT / "build/release/dreamdb").exists():
        link = ROOT / "build/dreamdb"
        link.unlink(missing_ok=True)
        link.symlink_to("release/dreamdb")
    return [built, *ctest("release")]


def sanitized(preset, listed, *choice):
    """Builds the test programs that a file in the build folder lists, and runs their cases."""
    configured = subprocess.run(["cmake", "--preset", preset], cwd=ROOT, capture_output=True,
                                text=True, check=False)
    if configured.returncode:
        return [Case(f"{preset}.build", FAILED, configured.stderr.strip().split("\n")[0])]
    programs = (ROOT / "build" / preset / listed).read_text(encoding="utf-8").split()
    if not programs:
        return [Case(preset, FAILED, f"{listed} names no test program (CONTRIBUTING.md)")]
    built = compile_preset(preset, programs)
    return [built, *ctest(preset, *choice, DREAMDB_ONE_IN=str(ONE_IN),
                          RC_PARAMS=f"max_success={max(10, 100 // ONE_IN)}")]


def asan():
    """Every C++ test under the address and undefined behaviour sanitizers."""
    return sanitized("asan", "tests.txt")


def tsan():
    """The C++ tests of the floors that share data between threads, under the thread sanitizer."""
    return sanitized("tsan", "thread_tests.txt", "-L", "^threads$")


def fuzzing():
    """Each corpus, then a minute of new input in all."""
    return fuzz.fuzz(FUZZ_SECONDS)


def python_package():
    """The package of this checkout, installed as users install it."""
    status = run(TOOLS / "python.sh")
    return [outcome("python.install", status, told(ROOT / "build/python.log"))]


def shell_test(path):
    name = str(path.relative_to(ROOT))
    done = subprocess.run(["bash", path], cwd=ROOT, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, text=True, env={**os.environ, **PROGRAM})
    if done.returncode == SKIP_STATUS:
        return Case(name, SKIPPED, (done.stdout.strip().split("\n") or [""])[-1])
    if done.returncode:
        print(f"{name}: FAILED with status {done.returncode}\n{done.stdout[-8000:]}")
    return outcome(name, done.returncode, f"ended with status {done.returncode}")


PROGRAM = {"DREAMDB": str(ROOT / "build/dreamdb"), "DREAMDB_ROOT": str(ROOT),
           "DREAMDB_PYTHON": str(PYTHON)}


# Folders whose files have nothing in common, so that each core may run one of them: servers, too, are
# started for each core.
APART = ("cli", "python", "servers", "spec")


def folder_stage(folder):
    """All pytest files (test_*.py, *_test.py) and shell tests (*_test.sh) of one folder."""
    def stage():
        cases = [shell_test(path) for path in sorted(folder.rglob("*_test.sh"))]
        if has_pytest(folder):
            report = REPORTS / f"{folder.name}.xml"
            report.unlink(missing_ok=True)
            shared = ["-n", len(os.sched_getaffinity(0)), "--dist=loadfile"]
            status = run(PYTHON, "-m", "pytest", folder, "-q", "-p", "no:cacheprovider",
                         f"--junitxml={report}", *(shared if folder.name in APART else []),
                         **PROGRAM)
            found = read_junit(report) if report.exists() else []
            if status and not any(case.outcome == FAILED for case in found):
                found.append(Case(f"pytest {folder.name}", FAILED, f"ended with status {status}"))
            cases += found
        return cases
    stage.__doc__ = f"The tests of {folder.relative_to(ROOT)}/."
    return stage


def has_pytest(folder):
    return any(True for pattern in ("test_*.py", "*_test.py") for _ in folder.rglob(pattern))


def test_folders():
    folders = sorted(path for path in (ROOT / "tests").glob("*") if path.is_dir())
    folders.append(ROOT / "spec")
    return [path for path in folders
            if path.is_dir() and (has_pytest(path) or any(path.rglob("*_test.sh")))]


def all_stages():
    stages = {"tools": tools, "release": release, "python": python_package}
    stages |= {str(path.relative_to(ROOT)): folder_stage(path) for path in test_folders()}
    return stages | {"asan": asan, "tsan": tsan, "fuzz": fuzzing}


def run_stage(name, stage):
    print(f"== {name}: {(stage.__doc__ or '').splitlines()[0]}", flush=True)
    try:
        return stage()
    except Exception as error:  # one broken stage must not hide the others
        print(error)
        return [Case(name, FAILED, str(error).split("\n", maxsplit=1)[0])]


def summary(results):
    """Prints failures, skips and stages; the last line is the count of all."""
    cases = [case for _, _, found in results for case in found]
    for kind in (SKIPPED, FAILED):
        for case in cases:
            if case.outcome == kind:
                print(f"{kind.upper()} {case.name}: {case.reason}")
    print(f"\n{'stage':<16}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, seconds, found in results:
        counts = [sum(case.outcome == kind for case in found) for kind in (PASSED, FAILED, SKIPPED)]
        print(f"{name:<16}{counts[0]:>8}{counts[1]:>8}{counts[2]:>9}{seconds:>9.0f}")
    passed, failed, skipped = (sum(case.outcome == kind for case in cases)
                               for kind in (PASSED, FAILED, SKIPPED))
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


def main():
    stages = all_stages()
    chosen = sys.argv[1:] or list(stages)
    unknown = [name for name in chosen if name not in stages]
    if unknown:
        print(f"no such stage: {', '.join(unknown)}; there are: {', '.join(stages)}")
        return 2
    REPORTS.mkdir(parents=True, exist_ok=True)
    results = []
    for name in chosen:
        start = time.monotonic()
        found = run_stage(name, stages[name])
        results.append((name, time.monotonic() - start, found))
    return summary(results)


if __name__ == "__main__":
    sys.exit(main())
