#!/usr/bin/env python3
"""Prints the tables of README.md from the raw results of a run: benches/runs/tables.py benches/runs/<date>-<machine>"""
import glob, json, os, statistics, sys

run = sys.argv[1]
read = lambda name: json.load(open(os.path.join(run, name)))
sizes = read("sizes.json")
print("| format | file | exact match | perplexity | against bf16 | bits per character | largest logit difference |")
print("|---|---:|---:|---:|---:|---:|---:|")
base = read("eval-text-bf16.json")["perplexity"]
for q in ("bf16", "q8", "q4"):
    s, t, g = read(f"eval-skills-{q}.json"), read(f"eval-text-{q}.json"), read(f"eval-golden-{q}.json")
    change = "" if q == "bf16" else f"{100 * (t['perplexity'] / base - 1):+.2f} %"
    print(f"| {q} | {sizes[q] / 1e6:.1f} MB | {s['exact_match']:.3f} ({s['right']} of {s['total']}) | {t['perplexity']:.2f} | {change} | {t['bits_per_character']:.4f} | {g['largest_logit_difference']:.4f} |")


def bench(pattern):
    """Medians over all files of a pattern, and what they say of the process."""
    rates, about = {}, {}
    for name in sorted(glob.glob(os.path.join(run, pattern))):
        result = json.load(open(name))
        about = result["about"]
        for test in result["tests"]:
            rates.setdefault(test["test"], []).append(test["tokens_per_second"])
    return {k: statistics.median(v) for k, v in rates.items()}, about


columns = ("pp128", "pp512", "tg64", "step1", "step64")
print("\n| model, format | threads | " + " | ".join(columns) + " | load | plan | resident |")
print("|---|---:|" + "---:|" * (len(columns) + 3))
for model, pattern in [(f"Pebble {q}", f"bench-{q}") for q in ("bf16", "q8", "q4")] + [("E2B shape q4", "e2b-q4")]:
    for threads in (1, 2):
        rates, about = bench(f"{pattern}-t{threads}-*.json")
        cells = [f"{rates[c]:.0f}" if rates[c] > 1000 else f"{rates[c]:.1f}" for c in columns]
        print(f"| {model} | {threads} | " + " | ".join(cells) + f" | {about['load_seconds']:.2f} s | {about['plan_bytes'] / 1e6:.1f} MB | {about['resident_after_run'] / 1e6:.1f} MB |")

print("\n| Pebble, 1 thread | plain | AVX2 | AVX-512 |")
print("|---|---:|---:|---:|")
for q in ("q4", "q8", "bf16"):
    isas = {isa: bench(f"isa-{q}-{isa}.json")[0] for isa in ("plain", "avx2", "avx512")}
    for test in ("pp128", "tg32"):
        plain = isas["plain"][test]
        print(f"| {q} {test} | {plain:.0f} | {isas['avx2'][test]:.0f} ({isas['avx2'][test] / plain:.0f} x) | {isas['avx512'][test]:.0f} ({isas['avx512'][test] / plain:.0f} x) |")
