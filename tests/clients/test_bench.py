"""`unicorn-rt bench` as a user meets it: what it measures, what it leaves out with a word, where the time goes."""

import json
import os
import subprocess
import unittest


def bench(*arguments):
    command = [os.environ["UNICORN_RT"], "bench", os.environ["UNICORN_ARTIFACT"], "-t", "2", "-r", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


class Bench(unittest.TestCase):
    def test_every_combination_is_measured_once(self):
        out, _ = bench("-p", "0,32", "-n", "4,8", "-d", "0,64", "--streams", "1,3", "--json")
        tests = {test["test"]: test for test in json.loads(out)["tests"]}
        names = ["pp32"] + [f"tg{n}{d}{s}" for n in (4, 8) for d in ("", "@d64") for s in ("", " x3")]
        self.assertEqual(sorted(tests), sorted(names))
        self.assertEqual(tests["tg8@d64 x3"]["tokens"], 24)
        self.assertTrue(all(test["tokens_per_second"] > 0 for test in tests.values()))

    def test_what_does_not_fit_is_left_out_with_a_word(self):
        out, err = bench("-p", "0", "-n", "4", "-d", "0,100000", "--streams", "1,99", "--json")
        self.assertEqual([test["test"] for test in json.loads(out)["tests"]], ["tg4"])
        self.assertEqual(err.count("do not fit"), 3)

    def test_the_profile_adds_up(self):
        out, _ = bench("-p", "0", "-n", "16", "--profile")
        rows = [line.split("|") for line in out.splitlines() if line.startswith("|") and " %" in line.split("|")[1]]
        self.assertTrue(any("tail matmul q4 embed_tokens" in row[5] or "tail matmul q8 embed_tokens" in row[5] for row in rows), out)
        self.assertAlmostEqual(sum(float(row[1].split("%")[0]) for row in rows), 100, delta=5)


if __name__ == "__main__":
    unittest.main()
