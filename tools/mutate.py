"""Breaks the code on purpose, one mutation of tests/mutations/ at a time, and demands that a test fails.

All is done in a copy of the tracked tree, build/mutants: the checkout itself is never changed."""

import argparse
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "build/mutants"
TEST_SECONDS = 600


def load_mutations():
    path = ROOT / "tests/mutations/mutations.py"
    spec = importlib.util.spec_from_file_location("mutations", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MUTATIONS


def copy_tree():
    """The files that git tracks; what is unchanged keeps its time, so that it is not built anew."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    wanted = {name for name in listed.stdout.decode().split("\0") if name}
    for name in wanted:
        source, copy = ROOT / name, COPY / name
        if not source.is_file() or copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    for path in COPY.rglob("*"):
        inside = path.relative_to(COPY)
        if inside.parts[0] != "build" and path.is_file() and str(inside) not in wanted:
            path.unlink()


def build(target, quiet):
    """None, or what the compiler said."""
    if not (COPY / "build/release/build.ninja").exists():
        subprocess.run(["cmake", "--preset", "release", "-DDREAMDB_WERROR=OFF"], cwd=COPY,
                       stdout=subprocess.DEVNULL, check=True)
    jobs = os.environ.get("DREAMDB_JOBS") or str(os.cpu_count() or 1)
    done = subprocess.run(["cmake", "--build", "--preset", "release", "-j", jobs, "--target",
                           target], cwd=COPY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode == 0:
        return None
    if not quiet:
        print(done.stdout[-4000:])
    return done.stdout


def run_test(mutation):
    """Whether the test passes."""
    found = [path for path in (COPY / "build/release").rglob(mutation.test) if path.is_file()]
    try:
        done = subprocess.run([found[0], f"--gtest_filter={mutation.cases}", "--gtest_brief=1"],
                              cwd=COPY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    # A filter that no case has must not look like a killed mutation, nor like a passed one.
    return done.returncode == 0 and b"0 tests ran" not in done.stdout


def judge(mutation):
    """One word for what became of it: killed, survived, or why it says nothing."""
    path = COPY / mutation.file
    original = path.read_text(encoding="utf-8")
    if original.count(mutation.old) != 1:
        return "stale"
    path.write_text(original.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        if build(mutation.test, quiet=True) is not None:
            return "uncompiled"
        return "survived" if run_test(mutation) else "killed"
    finally:
        path.write_text(original, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="./run prove --mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="of mutations (default: all)")
    names = parser.parse_args().names
    mutations = [one for one in load_mutations() if not names or one.name in names]
    unknown = set(names) - {one.name for one in mutations}
    if unknown:
        print(f"no such mutation: {', '.join(sorted(unknown))}")
        return 2
    copy_tree()
    print("mutate: building the tests, and running them as they are")
    cases = {}
    for one in mutations:
        cases.setdefault(one.test, []).append(one)
    for test, ones in cases.items():
        if build(test, quiet=False) is not None:
            return 1
        for one in {one.cases: one for one in ones}.values():
            if not run_test(one):
                print(f"mutate: {test} {one.cases} fails without any mutation")
                return 1
    words = []
    for one in mutations:
        words.append(judge(one))
        print(f"{words[-1]:<11}{one.attacks:<10}{one.name}: {one.what} "
              f"[{one.test} {one.cases}]", flush=True)
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    return 0 if set(words) <= {"killed"} else 1


if __name__ == "__main__":
    sys.exit(main())
