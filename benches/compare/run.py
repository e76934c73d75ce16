#!/usr/bin/env python3
"""Measures Unicorn against llama.cpp on this machine: Gemma 3n E2B's shape with random weights, the same in both, the engines taking turns.

usage: run.py [--work FOLDER] [--out FOLDER] [--rounds N] [--threads N]

Does all its own set-up in the work folder (about 25 GB): llama.cpp is built from the source archive of its Python package, once for all that this CPU has
and once for AVX2 only, by clang, which must be there; the checkpoint is made, compiled, converted and quantised to Q4_0. Then every round runs each
measurement once with each engine. Raw results and the commands go to the out folder; `run.py --table FOLDER` prints the table of such a folder.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LLAMA = "llama-cpp-python==0.3.36"
DEPTH = 4096
TOKENS = 64
# name -> (arguments of unicorn-rt bench, arguments of llama-bench)
SPEED = {
    "prefill 128": (["-p", "128", "-n", "0"], ["-p", "128", "-n", "0"]),
    "prefill 512": (["-p", "512", "-n", "0"], ["-p", "512", "-n", "0"]),
    f"decode {TOKENS}": (["-p", "0", "-n", str(TOKENS)], ["-p", "0", "-n", str(TOKENS)]),
    f"decode {TOKENS} at {DEPTH}": (["-p", "0", "-n", str(TOKENS), "-d", str(DEPTH)], ["-p", "0", "-n", str(TOKENS), "-d", str(DEPTH)]),
}


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def run(command, **options):
    """Runs a command; gives its output, seconds, and peak resident bytes."""
    say(" ".join(map(str, command)))
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True, **options)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} ended with status {status}")
    return out, time.monotonic() - start, usage.ru_maxrss * 1024


def once(path, make):
    """Makes a file or folder unless it is there already."""
    if not path.exists():
        make()
    return path


def build_llama(work, name, options):
    def make():
        source = once(work / "llama", lambda: fetch(work)) / "vendor/llama.cpp"
        off = [f"-DLLAMA_BUILD_{part}=OFF" for part in ("TESTS", "EXAMPLES", "SERVER", "UI", "APP")]
        clang = next((c for c in ("clang", *(f"clang-{v}" for v in range(22, 13, -1))) if shutil.which(c)), None)
        if not clang:
            sys.exit("clang is needed (apt install clang): gcc 12 builds a llama.cpp that crashes where the CPU has AMX, and a slower one elsewhere")
        off += [f"-DCMAKE_C_COMPILER={clang}", f"-DCMAKE_CXX_COMPILER={clang.replace('clang', 'clang++')}"]
        tools = {**os.environ, "PATH": f"{work}/venv/bin:{os.environ['PATH']}"}
        release = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_CURL=OFF"]
        run(["cmake", "-G", "Ninja", "-S", source, "-B", work / name, *release, *off, *options], env=tools)
        run(["ninja", "-C", work / name, "llama-bench", "llama-quantize"], env=tools)

    once(work / name / "bin/llama-bench", make)
    return work / name / "bin"


def fetch(work):
    venv(work)
    run([work / "venv/bin/pip", "download", "--no-binary", "llama-cpp-python", "--no-deps", "-d", work, LLAMA])
    archive = next(work.glob("llama_cpp_python-*.tar.gz"))
    run(["tar", "-C", work, "-xzf", archive])
    (work / archive.name.removesuffix(".tar.gz")).rename(work / "llama")


def venv(work):
    def make():
        run([sys.executable, "-m", "venv", work / "venv"])
        run([work / "venv/bin/pip", "install", "-q", "cmake", "ninja", "gguf", "scikit-build-core"])

    once(work / "venv", make)


def prepare(work):
    """Everything that is measured. Gives the paths."""
    work.mkdir(parents=True, exist_ok=True)
    run(["cargo", "build", "--release", "-p", "unicornc", "-p", "unicorn-rt", "-p", "unicorn-benches"], cwd=ROOT)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    native = build_llama(work, "native", ["-DGGML_NATIVE=ON"])
    avx2 = build_llama(work, "avx2", ["-DGGML_NATIVE=OFF"])
    checkpoint = work / "e2b"
    once(checkpoint / "config.json", lambda: (checkpoint.mkdir(exist_ok=True), run([target / "make-e2b", checkpoint])))

    def quantise():
        run([work / "venv/bin/python", ROOT / "benches/compare/to_gguf.py", checkpoint, work / "f16.gguf"])
        run([native / "llama-quantize", work / "f16.gguf", work / "q4_0.part", "Q4_0", "2"])
        (work / "f16.gguf").unlink()
        (work / "q4_0.part").rename(work / "q4_0.gguf")

    venv(work)
    once(work / "q4_0.gguf", quantise)
    return target, native, avx2, checkpoint


def unicorn_rate(rt, artifact, arguments, threads, extra=()):
    out, _, peak = run([rt, "bench", artifact, "-t", threads, "-r", "1", "--json", *arguments, *extra])
    answer = json.loads(out)
    return {"tokens_per_second": answer["tests"][0]["tokens_per_second"], "peak": peak, "about": answer["about"]}


def llama_rate(bench, model, arguments, threads):
    out, _, peak = run([bench, "-m", model, "-t", threads, "-r", "1", "-o", "json", *arguments], stderr=subprocess.DEVNULL)
    answer = json.loads(out)[0]
    return {"tokens_per_second": answer["avg_ts"], "peak": peak, "commit": answer["build_commit"], "cpu": answer["cpu_info"]}


def measure(args):
    work, out = args.work.resolve(), args.out.resolve()
    target, native, avx2, checkpoint = prepare(work)
    out.mkdir(parents=True, exist_ok=True)
    rt, model = target / "unicorn-rt", work / "q4_0.gguf"
    raw = {"read": run([target / "read-limit"])[0], "threads": args.threads, "rounds": args.rounds, "speed": {}, "first": {"unicorn": [], "llama": []}}

    compile_ = [target / "unicornc", "compile", checkpoint, "-o"]
    one = work / "one.unicorn"
    _, seconds, peak = run([*compile_, one, "--slots", "1", "--context", str(DEPTH + 4 * TOKENS)])
    raw["compile"] = {"seconds": seconds, "peak": peak}
    eight = work / "eight.unicorn"
    run([*compile_, eight, "--slots", "8", "--context", "512"])

    def note(name, engine, result):
        raw["speed"].setdefault(name, {}).setdefault(engine, []).append(result)
        (out / "compare.json").write_text(json.dumps(raw, indent=1) + "\n")

    for number in range(args.rounds):
        say(f"round {number + 1} of {args.rounds}")
        for name, (ours, theirs) in SPEED.items():
            note(name, "unicorn", unicorn_rate(rt, one, ours, args.threads))
            note(name, "llama", llama_rate(native / "llama-bench", model, theirs, args.threads))
        ours, theirs = SPEED[f"decode {TOKENS}"]
        note(f"decode {TOKENS}, 1 thread", "unicorn", unicorn_rate(rt, one, ours, 1))
        note(f"decode {TOKENS}, 1 thread", "llama", llama_rate(native / "llama-bench", model, theirs, 1))
        note(f"decode {TOKENS} x 8 streams", "unicorn", unicorn_rate(rt, eight, [*ours, "--streams", "8"], args.threads))
        for name in ("prefill 128", f"decode {TOKENS}"):
            ours, theirs = SPEED[name]
            note(f"{name}, AVX2 only", "unicorn", unicorn_rate(rt, one, ours, args.threads, ["--isa", "avx2"]))
            note(f"{name}, AVX2 only", "llama", llama_rate(avx2 / "llama-bench", model, theirs, args.threads))
        bench = [native / "llama-bench", "-m", model, "-t", args.threads, "-p", "0", "-n", "1", "-r", "1", "--no-warmup", "-o", "json"]
        for engine, command in (("unicorn", [rt, "run", one, "a", "--max-tokens", "1", "-t", args.threads]), ("llama", bench)):
            # The second of two starts: the file is cached then, and a virtual machine has memory to hand out that its host has backed.
            run(command, stderr=subprocess.DEVNULL)
            _, seconds, peak = run(command, stderr=subprocess.DEVNULL)
            raw["first"][engine].append({"seconds": seconds, "peak": peak})
    (out / "compare.json").write_text(json.dumps(raw, indent=1) + "\n")
    table(out)


def table(folder):
    """Prints the table of a run: medians and their ratio."""
    raw = json.loads((folder / "compare.json").read_text())
    median = lambda results, key: statistics.median(r[key] for r in results)
    print(f"{raw['rounds']} rounds, {raw['threads']} threads where the line does not say otherwise; medians. Memory, only read:\n\n{raw['read']}")
    print("| what | Unicorn q4 | llama.cpp Q4_0 | ratio |\n| --- | ---: | ---: | ---: |")
    for name, engines in raw["speed"].items():
        ours = median(engines["unicorn"], "tokens_per_second")
        if "llama" in engines:
            theirs = median(engines["llama"], "tokens_per_second")
            print(f"| {name}, tokens/s | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} x |")
        else:
            alone = median(raw["speed"][f"decode {TOKENS}"]["unicorn"], "tokens_per_second")
            print(f"| {name}, tokens/s together | {ours:.1f} | | {ours / alone:.2f} x one stream |")
    decode = raw["speed"][f"decode {TOKENS}"]
    ours, theirs = median(decode["unicorn"], "peak") / 1e9, median(decode["llama"], "peak") / 1e9
    print(f"| peak resident memory, decode {TOKENS}, GB | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} x |")
    ours, theirs = (median(raw["first"][e], "seconds") for e in ("unicorn", "llama"))
    print(f"| start of the process to the end of the first token, file cached, s | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} x |")
    print(f"| `unicornc compile`, s | {raw['compile']['seconds']:.0f} | | |")
    print(f"| `unicornc compile`, peak resident, GB | {raw['compile']['peak'] / 1e9:.2f} | | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "target/compare", help="where everything is made [target/compare]")
    parser.add_argument("--out", type=Path, default=ROOT / "target/compare/results", help="where results go [target/compare/results]")
    parser.add_argument("--rounds", type=int, default=3, help="times each measurement is made [3]")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of both engines [all cores]")
    parser.add_argument("--table", type=Path, metavar="FOLDER", help="only print the table of a finished run")
    args = parser.parse_args()
    if args.table:
        table(args.table)
    else:
        measure(args)


if __name__ == "__main__":
    main()
