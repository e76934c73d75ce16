#!/usr/bin/env python3
"""From the sorted lines of trace.cpp, of a program that generates one stream: what each launch adds to a token, from the end of the one before it.

Launches overlap, so a launch's own duration says little; the ends do not overlap, and their distances add up to the token.
"""

import statistics
import sys

FIRST = "embed_0"  # The launch that begins a token.
TOKENS = 8  # The last whole ones.


def main() -> None:
    rows = []
    for line in sys.stdin:
        begin, end, blocks, threads, registers, name = line.split(None, 5)
        if name.strip() not in ("copy", "graph"):
            rows.append((int(begin), int(end), name.strip(), int(blocks), int(threads), int(registers)))
    starts = [at for at, row in enumerate(rows) if row[2] == FIRST]
    tokens = [rows[a:b] for a, b in zip(starts, starts[1:])][-TOKENS:]
    if not tokens:
        sys.exit(f"no two launches of {FIRST}: is this the trace of a program that generates?")
    added: dict[tuple, list[float]] = {}
    spans = []
    for token in tokens:
        last = token[0][0]
        for _, end, *shape in token:
            added.setdefault(tuple(shape), []).append((end - last) / 1e3)
            last = max(last, end)
        spans.append((last - token[0][0]) / 1e3)
    print(f"{len(tokens[0])} launches, {statistics.median(spans):.0f} microseconds from the first's begin to the last's end (median of {len(tokens)} tokens)")
    print("| us a token | launches | us each (median) | launch | blocks | threads | registers |")
    print("| ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for (name, blocks, threads, registers), times in sorted(added.items(), key=lambda item: -sum(item[1])):
        each, count = statistics.median(times), len(times) // len(tokens)
        print(f"| {sum(times) / len(tokens):.1f} | {count} | {each:.2f} | {name} | {blocks} | {threads} | {registers} |")


if __name__ == "__main__":
    main()
