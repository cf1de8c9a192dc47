"""Checks that the source tree keeps the law of tools/layers.txt; prints each breach and where."""

import argparse
import pathlib
import re
import sys
from dataclasses import dataclass, field

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SUFFIXES = {".h", ".cc", ".inl"}
# Programs beside the code that may wait, draw random numbers and touch files.
BESIDE = re.compile(r"_(test|bench|fuzz)\.(cc|h)$")
WINGS = ("face", "pure", "world", "top")


@dataclass
class Floor:
    name: str
    wing: str
    level: int
    folder: pathlib.Path


@dataclass
class Law:
    floors: list = field(default_factory=list)
    never: list = field(default_factory=list)
    excepted: set = field(default_factory=set)  # (file, header)

    def floor_of(self, file):
        for floor in self.floors:
            if file.is_relative_to(floor.folder):
                return floor
        return None

    def forbids(self, header):
        return any(header.startswith(name) if name.endswith("/") else header == name
                   for name in self.never)


def read_law(text):
    """The law as written in layers.txt; ValueError names the line that is wrong."""
    law = Law()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "never":
            law.never += words[1:]
            continue
        if words[0] == "except" and len(words) == 3:
            law.excepted.add((pathlib.Path(words[1]), words[2]))
            continue
        if words[0] not in WINGS or len(words) < 2:
            raise ValueError(f"layers.txt:{number}: expected a wing {WINGS} or 'never', "
                             f"then names; found '{line.strip()}'")
        for name in words[1:]:
            root = pathlib.Path() if words[0] in ("face", "top") else pathlib.Path("src")
            law.floors.append(Floor(name, words[0], number, root / name))
    return law


def includes_of(path):
    """(line, is quoted, header) of each include, comments left out."""
    text = path.read_text(encoding="utf-8", errors="replace")
    text = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) == '"', match.group(2)


class Tree:
    """The files of one source tree, what each includes, and the breaches found."""

    def __init__(self, root, law):
        self.root, self.law = root, law
        self.own = {}     # file -> [(line, included file)]
        self.others = {}  # file -> [(line, header that is not ours)]
        self.breaches = []
        for folder in sorted({floor.folder.parts[0] for floor in law.floors}):
            for path in sorted((root / folder).rglob("*")):
                if path.suffix in SUFFIXES and path.is_file():
                    self.read(path.relative_to(root))

    def read(self, file):
        self.own[file], self.others[file] = [], []
        if self.law.floor_of(file) is None:
            self.breach(file, 1, "lies on no floor; name its folder in tools/layers.txt")
            return
        for line, quoted, header in includes_of(self.root / file):
            target = self.find(file, header)
            if target and quoted:
                self.own[file].append((line, target))
            elif target:
                self.breach(file, line, f'<{header}> is ours; write it in quotes: "{header}"')
            elif quoted:
                self.breach(file, line, f'"{header}" is in neither src/ nor include/; write own '
                            'headers as "floor/file.h", those of others in <>')
            else:
                self.others[file].append((line, header))

    def find(self, file, header):
        # Only the top floors may name a neighbour without its folder.
        roots = [pathlib.Path("src"), pathlib.Path("include")]
        if self.law.floor_of(file).wing == "top":
            roots += [pathlib.Path(), file.parent]
        for root in roots:
            if ".." not in pathlib.Path(header).parts and (self.root / root / header).is_file():
                return root / header
        return None

    def breach(self, file, line, text):
        self.breaches.append(f"{file}:{line}: {text}")

    def check(self):
        self.check_floors()
        self.check_never()
        self.check_cycles()
        return self.breaches

    def check_floors(self):
        for file, targets in self.own.items():
            here = self.law.floor_of(file)
            for line, target in targets:
                there = self.law.floor_of(target)
                if there is None or there is here:
                    continue
                if here.wing == "face":
                    self.breach(file, line, f"the face may include only itself, not {target}")
                elif there.wing != "face" and there.level > here.level:
                    self.breach(file, line, f"upward: {here.name} lies below {there.name} "
                                f"and may not include {target}")
                elif there.level == here.level:
                    self.breach(file, line, f"sideways: {here.name} and {there.name} are siblings; "
                                "move what both need to a floor below")

    def check_never(self):
        for file in self.own:
            floor = self.law.floor_of(file)
            if floor and floor.wing == "pure" and not BESIDE.search(file.name):
                self.walk_never(file)

    def walk_never(self, start):
        """Follows own includes from `start`, in width, and reports each forbidden header reached."""
        seen, queue = {start}, [(start, None)]
        for file, first_line in queue:
            for line, header in self.others.get(file, []):
                if self.law.forbids(header) and (file, header) not in self.law.excepted:
                    way = "" if file == start else f" (through {file}:{line})"
                    self.breach(start, first_line or line, f"the pure wing may not use "
                                f"<{header}>{way}; pass the value in, or move this to runtime")
            for line, target in self.own.get(file, []):
                # A pure file further down answers for itself; the face answers to whoever uses it.
                if target not in seen and self.law.floor_of(target).wing == "face":
                    seen.add(target)
                    queue.append((target, first_line or line))

    def check_cycles(self):
        done = set()
        for start in self.own:
            if start in done:
                continue
            path, place, stack = [start], {start: 0}, [iter(self.own[start])]
            while stack:
                step = next(stack[-1], None)
                if step is None:
                    done.add(path[-1])
                    del place[path.pop()]
                    stack.pop()
                    continue
                line, target = step
                if target in place:
                    ring = path[place[target]:] + [target]
                    self.breach(path[-1], line, "cycle: " + " -> ".join(map(str, ring)))
                elif target not in done:
                    place[target] = len(path)
                    path.append(target)
                    stack.append(iter(self.own.get(target, [])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    law = read_law((root / "tools/layers.txt").read_text(encoding="utf-8"))
    tree = Tree(root, law)
    breaches = tree.check()
    for breach in breaches:
        print(breach)
    print(f"layers: {len(tree.own)} files; breaches of tools/layers.txt: {len(breaches)}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
