#!/usr/bin/env python3
"""Counts the lines of the rooms of a checkout, by default this one: `figures.py [DIR]`.

Counts production lines: everything before the first `#[cfg(test)]` of a `mod`.
Test files are left out.
"""
import re
import sys
from pathlib import Path

PILLARS = ["onboard", "enable", "market", "sell", "incentivize"]
SHARED = ["store.rs", "api.rs", "lookup.rs"]


def production(path: Path) -> str:
    return re.split(r"#\[cfg\(test\)\]\nmod ", path.read_text())[0]


def is_test(path: Path) -> bool:
    return "test" in path.stem or "tests" in path.parts


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    totals = dict.fromkeys([*SHARED, "all"], 0)
    boxed = appends = 0
    print(f"{'room':32}{'store':>7}{'api':>7}{'lookup':>7}{'all':>7}")
    for pillar in PILLARS:
        for room in sorted(p for p in (root / "services" / pillar / "src").iterdir() if p.is_dir() and p.name != "migration"):
            counts = dict.fromkeys([*SHARED, "all"], 0)
            for path in (p for p in room.rglob("*.rs") if not is_test(p.relative_to(root))):
                text = production(path)
                lines = text.count("\n")
                counts["all"] += lines
                if path.name in SHARED:
                    counts[path.name] += lines
                boxed += text.count(".boxed()")
                appends += len(re.findall(r"\bappend\(tx, cx", text))
            for name, count in counts.items():
                totals[name] += count
            print(f"{pillar + '/' + room.name:32}" + "".join(f"{counts[name]:7}" for name in [*SHARED, "all"]))
    print(f"{'total':32}" + "".join(f"{totals[name]:7}" for name in [*SHARED, "all"]))
    print(f"store.rs, api.rs and lookup.rs together: {sum(totals[name] for name in SHARED)}")
    print(f"futures boxed in rooms: {boxed}; places in rooms that append: {appends}")


main()
