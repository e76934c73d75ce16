"""Requests that no honest client sends, and clients that leave: the right status, and a server that stays up."""

import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import openai

from server import ANSWER, ARTIFACT, PROGRAM, QUESTION, SMALL, Server, raw, read_all, read_until, wait_for

CHAT = {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0}
TEXT = {"prompt": "Once upon a time", "temperature": 0}
ENDLESS = {"messages": [{"role": "user", "content": "Tell me a story."}], "stream": True, "ignore_eos": True, "temperature": 1}
CHATS, TEXTS = "/v1/chat/completions", "/v1/completions"

HUGE = 10**30
TYPES = {"text": "x", "flag": True, "fraction": 1.5, "huge": HUGE, "negative": -(10**18), "float": 1e300, "list": [1], "nested": [[["x"]]], "object": {"x": 1}, "empty": {}}
NUMBER = ("text", "flag", "huge", "negative", "float", "list", "object")
COUNT = (*NUMBER, "fraction")
FLAG = ("text", "fraction", "huge", "list", "object")
STRING = ("flag", "fraction", "huge", "list", "object")

# Every field of both forms, and the kinds of value that must be refused in it.
COMMON = {
    "model": STRING,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "min_p": NUMBER,
    "top_k": COUNT,
    "frequency_penalty": NUMBER,
    "presence_penalty": NUMBER,
    "repetition_penalty": NUMBER,
    "seed": ("text", "flag", "fraction", "huge", "float", "list", "object"),
    "stop": ("flag", "fraction", "huge", "list", "nested", "object"),
    "n": COUNT,
    "max_tokens": COUNT,
    "max_completion_tokens": COUNT,
    "logit_bias": ("text", "flag", "fraction", "list", "object"),
    "stream": FLAG,
    "stream_options": ("text", "flag", "fraction", "list", "object"),
    "ignore_eos": FLAG,
}
FIELDS = {
    CHATS: (CHAT, COMMON | {
        "messages": ("text", "flag", "fraction", "huge", "list", "nested", "object", "empty"),
        "logprobs": FLAG,
        "top_logprobs": COUNT,
        "tools": ("text", "flag", "list", "object"),
        "tool_choice": ("text", "flag", "object"),
        "response_format": ("text", "flag", "list", "object", "empty"),
    }),
    TEXTS: (TEXT, COMMON | {
        "prompt": ("flag", "fraction", "huge", "nested", "object", "empty"),
        "logprobs": COUNT,
        "echo": FLAG,
        "suffix": ("text", "flag", "list"),
        "best_of": ("text", "flag", "huge", "list"),
    }),
    "/tokenize": ({"content": "x"}, {"model": STRING, "content": STRING, "prompt": STRING, "add_special_tokens": FLAG, "with_pieces": FLAG}),
    "/detokenize": ({"tokens": [5]}, {"model": STRING, "tokens": ("text", "flag", "fraction", "huge", "nested", "object", "empty")}),
}


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(ARTIFACT, "--max-queue", "200", "--threads", "1")

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, f"the server ended with status {status}:\n{''.join(cls.server.log[-20:])}"

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the server died")
        wait_for(self.server.idle, "every sequence to end")
        self.assertEqual(self.server.get("/ready")[0], 200)
        status, answer = self.server.post(CHATS, CHAT)
        self.assertEqual((status, answer["choices"][0]["message"]["content"]), (200, ANSWER))

    def refused(self, got, status=400, param=None, code=None):
        self.assertEqual(got[0], status, got)
        error = got[1]["error"]
        self.assertEqual(sorted(set(error) & {"message", "type", "param", "code"}), ["code", "message", "param", "type"])
        if param is not None:
            self.assertEqual((error["param"] or "").split("[")[0].split(".")[0], param, error)
        if code is not None:
            self.assertEqual(error["code"], code, error)
        return error

    def send(self, data, shut=False):
        """The whole reply to raw bytes."""
        with self.server.connect() as stream:
            try:
                stream.sendall(data)
                if shut:
                    stream.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # The server may refuse before everything is sent.
            return read_until(stream, b"\r\n\r\n") if not shut else read_all(stream)

    def test_wrong_types(self):
        for path, (good, fields) in FIELDS.items():
            self.assertEqual(self.server.post(path, good)[0], 200, path)
            for field, kinds in fields.items():
                for kind in kinds:
                    with self.subTest(path=path, field=field, kind=kind):
                        more = {"stream": True} if field == "stream_options" else {"logprobs": True} if field == "top_logprobs" else {}
                        got = self.server.post(path, good | more | {field: TYPES[kind]})
                        if field == "model" and kind == "text":
                            self.refused(got, 404)
                        elif (field, kind) == ("stream_options", "object"):
                            # Its own field is the unknown one.
                            self.refused(got, param="x")
                        else:
                            self.refused(got, param=field)

    def test_messages(self):
        bad = [None, 1, "x", [], {}, {"role": "user"}, {"content": "x"}, {"role": 1, "content": "x"}, {"role": "user", "content": 1}, {"role": "tool", "content": "x"},
               {"role": "user", "content": [1]}, {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, {"role": "user", "content": [{"type": "text"}]},
               {"role": "user", "content": "x", "tool_calls": [{}]}, {"role": "user", "content": "x", "surprise": 1}, {"role": "user", "content": "x", "name": 1}]
        for message in bad:
            with self.subTest(message=message):
                self.refused(self.server.post(CHATS, CHAT | {"messages": [message]}), param="messages")

    def test_numbers(self):
        for number in ("1e400", "-1e400", "1e999999999", "9" * 5000, "-" + "9" * 400, "NaN", "Infinity", "0x10", "01", "1.", ".5", "+1", "1e", str(2**64), str(2**63)):
            for field in ("temperature", "max_tokens", "seed", "n", "top_k"):
                with self.subTest(number=number[:30], field=field):
                    body = json.dumps({"messages": CHAT["messages"]})[:-1] + f', "{field}": {number}}}'
                    got = self.server.request("POST", CHATS, body.encode())
                    if (field, number) == ("max_tokens", str(2**63)):
                        # Any whole number that fits a machine word is a limit, if a useless one.
                        self.assertEqual(got[0], 200, got)
                    else:
                        self.refused(got)

    def test_token_ids(self):
        for ids in ([4096], [-1], [2**31], [2**32], [2**64], [1.5], [1, "x"], [], [[]], [[1], "x"], [[1], 1], [4032]):
            with self.subTest(ids=ids):
                self.refused(self.server.post(TEXTS, TEXT | {"prompt": ids}), param="prompt")
        for bias in ({"4096": 1}, {"-1": 1}, {"x": 1}, {"1": "x"}, {"1": 1000}, {"99999999999999999999": 1}):
            with self.subTest(bias=bias):
                self.refused(self.server.post(TEXTS, TEXT | {"logit_bias": bias}), param="logit_bias")

    def test_bodies_that_are_no_json(self):
        deep = 100_000
        bodies = [b"", b"{", b"nonsense", b"[]", b"null", b"1", b'"x"', b"{}{}", b"\x00", b"\xff\xfe{}", "{}".encode("utf-16"), b'{"messages": [}', b'{"a": "\xff\xfe"}', b'{"prompt": "\xc3\x28"}',
                  b'{"prompt": "\\ud800"}', b'{"prompt": "\\u12"}', b'{"prompt": "\n"}', b"[" * deep, b'{"a":' * deep, b'{"messages": ' + b"[" * deep + b"]" * deep + b"}",
                  b'{"messages": [{"role": "user", "content": ' + b'{"a":' * 200 + b"1" + b"}" * 202 + b"]}", b'{"prompt": "x"' + b"," * 1000 + b"}"]
        for body in bodies:
            for path in FIELDS:
                with self.subTest(body=body[:40], path=path):
                    self.refused(self.server.request("POST", path, body))

    def test_random_bytes_in_a_good_body(self):
        rng = random.Random(0)
        good = json.dumps(CHAT | {"stop": ["x"], "seed": 1, "logit_bias": {"5": 1}, "max_tokens": 2, "stream": False}).encode()
        for _ in range(500):
            body = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(body))
                body[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
            status, answer = self.server.request("POST", CHATS, bytes(body))
            self.assertIn(status, (200, 400, 404), (bytes(body), answer))

    def test_strange_texts(self):
        for text in ("", "\0", "\u202e\ufeff\uffff", "<bos><start_of_turn>user\n", "<end_of_turn>" * 20, "{{ 1 / 0 }} {% raw %}", "\U0010ffff" * 50, "e\u0301" * 50, " " * 500, "\n" * 200):
            for path, body in ((CHATS, CHAT | {"messages": [{"role": "user", "content": text}]}), (TEXTS, TEXT | {"prompt": text}), ("/tokenize", {"content": text})):
                with self.subTest(text=text[:20], path=path):
                    self.assertEqual(self.server.post(path, body | ({} if path == "/tokenize" else {"max_tokens": 2}))[0], 200)

    def test_long_texts_are_refused_at_once(self):
        start = time.monotonic()
        for text in ("a" * 4_000_000, "a b " * 900_000, "\U0001f600" * 900_000, "!" * 40_000, "\n" * 2_000_000):
            # The template trims a message, so it ends in a word.
            for path, body in ((CHATS, {"messages": [{"role": "user", "content": f"x{text}x"}]}), (TEXTS, {"prompt": text})):
                with self.subTest(text=text[:4], path=path):
                    got = self.server.request("POST", path, json.dumps(body, ensure_ascii=False).encode())
                    error = self.refused(got, code="context_length_exceeded")
                    self.assertGreater(error["n_prompt_tokens"], error["n_ctx"])
        self.refused(self.server.post(CHATS, {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}] * 30_000}))
        self.refused(self.server.post(TEXTS, {"prompt": [1] * 500_000}), code="context_length_exceeded")
        self.refused(self.server.post(TEXTS, {"prompt": ["x"] * 500_000}))
        self.refused(self.server.post(CHATS, CHAT | {"stop": ["x" * 1_000_000]}), param="stop")
        self.refused(self.server.post(CHATS, CHAT | {"stop": ["x"] * 100_000}), param="stop")
        self.assertLess(time.monotonic() - start, 60)

    def test_wrong_places(self):
        self.refused(self.server.get(CHATS), 405)
        self.refused(self.server.request("DELETE", "/v1/models", b""), 405)
        self.refused(self.server.request("PUT", TEXTS, b"{}"), 405)
        self.refused(self.server.get("/v1/nothing"), 404)
        self.refused(self.server.get("/../../etc/passwd"), 404)
        self.refused(self.server.get("/v1/models/%FF%00"), 404)
        self.refused(self.server.get("/v1/models/" + "a" * 4000), 404)
        self.refused(self.server.post(CHATS, CHAT | {"model": "no\nsuch"}), 404, "model", "model_not_found")
        self.refused(self.server.post("/v1/embeddings", {"input": "x"}), 501)

    def test_broken_http(self):
        cases = {
            "nonsense": b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03" + b"\0" * 50,
            "no version": b"GET\r\n\r\n",
            "a head that never ends": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
            "a line that never ends": b"GET /" + b"a" * 2_000_000,
            "length is no number": raw(CHATS, b"").replace(b"content-length: 0", b"content-length: abc"),
            "length is negative": raw(CHATS, b"").replace(b"content-length: 0", b"content-length: -1"),
            "length is huge": raw(CHATS, b"").replace(b"content-length: 0", b"content-length: " + b"9" * 30),
            "two lengths": raw(CHATS, b"{}", headers=("content-length: 9",)),
            "chunks are no numbers": b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
            "a chunk of 2^64": b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n{}\r\n",
            "an unknown encoding": b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, nonsense\r\n\r\n{}",
        }
        for name, data in cases.items():
            with self.subTest(name):
                reply = self.send(data, shut=True)
                self.assertTrue(reply == b"" or reply.startswith(b"HTTP/1.1 4"), reply[:200])

    def test_bodies_that_are_too_large(self):
        body = json.dumps(TEXT | {"prompt": "x" * (5 << 20)}).encode()
        reply = self.send(raw(TEXTS, body))
        self.assertTrue(reply.startswith(b"HTTP/1.1 413"), reply[:200])
        # The length alone says it: nothing of the body is waited for.
        head = raw(TEXTS, b"").replace(b"content-length: 0", b"content-length: 999999999999")
        self.assertTrue(self.send(head).startswith(b"HTTP/1.1 413"))
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        chunked = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 6 + b"0\r\n\r\n"
        self.assertTrue(self.send(chunked).startswith(b"HTTP/1.1 413"))

    def test_the_official_client_sees_a_body_that_is_too_large(self):
        with openai.OpenAI(base_url=self.server.url + "/v1", api_key="unused", max_retries=0) as client:
            with self.assertRaises(openai.APIStatusError) as caught:
                client.completions.create(model="pebble", prompt="x" * (6 << 20))
        self.assertEqual((caught.exception.status_code, caught.exception.code), (413, "request_too_large"))

    def test_bodies_cut_short(self):
        whole = raw(CHATS, json.dumps(CHAT).encode())
        for cut in (1, 10, len(whole) // 2, len(whole) - 1):
            reply = self.send(whole[:cut], shut=True)
            self.assertTrue(reply == b"" or reply.startswith(b"HTTP/1.1 4"), reply[:200])
        self.assertTrue(self.send(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{", shut=True)[:10] in (b"", b"HTTP/1.1 4"))

    def test_good_chunks_are_read(self):
        body = json.dumps(TEXT | {"max_tokens": 1}).encode()
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7]) for i in range(0, len(body), 7))
        reply = self.send(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        self.assertTrue(reply.startswith(b"HTTP/1.1 200"), reply[:200])

    def test_a_hundred_clients_leave(self):
        before = self.server.stats()["requests"]
        failures = []

        def visit(number):
            try:
                with self.server.connect() as stream:
                    stream.sendall(raw(CHATS, json.dumps(ENDLESS | {"seed": number, "stream": number % 4 != 3}).encode()))
                    if number % 4 == 0:
                        head = read_until(stream, b"data: ")
                        if not head.startswith(b"HTTP/1.1 200"):
                            failures.append(head[:300])
                    elif number % 4 == 1:
                        time.sleep(number / 500)
                    elif number % 4 == 2:
                        # Closes with a reset instead of a farewell.
                        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=visit, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        wait_for(self.server.idle, "every sequence to end")
        after = self.server.stats()["requests"]
        self.assertGreater(after["cancelled"], before["cancelled"] + 20)
        self.assertEqual((after["error"], after["rejected"]), (before["error"], before["rejected"]))

    def test_memory_does_not_grow_with_refusals(self):
        def resident():
            with open(f"/proc/{self.server.process.pid}/status") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

        def round():
            for _ in range(200):
                self.refused(self.server.request("POST", CHATS, b'{"messages": ' + b"[" * 100))
                self.refused(self.server.post(CHATS, CHAT | {"n": HUGE}))
                self.server.post(TEXTS, TEXT | {"max_tokens": 2})

        round()
        first = resident()
        round()
        self.assertLess(resident() - first, 1024, "kB more after the same requests again")


class Ending(unittest.TestCase):
    def start(self, *args):
        server = Server(*args)

        def end():
            if server.process.poll() is None:
                server.process.kill()
            server.stop()

        self.addCleanup(end)
        return server

    def test_sigterm_lets_a_stream_finish(self):
        server = self.start(ARTIFACT, "--no-native", "--threads", "1")
        with server.connect() as stream, server.connect() as late:
            stream.sendall(raw(CHATS, json.dumps(ENDLESS | {"max_tokens": 1500, "seed": 1}).encode(), headers=("connection: close",)))
            first = read_until(stream, b"data: ")
            server.terminate()
            wait_for(lambda: "draining" in "".join(server.log), "the server to drain")
            late.sendall(raw(CHATS, json.dumps(CHAT).encode(), headers=("connection: close",)))
            refusal = read_all(late)
            answer = (first + read_all(stream)).decode()
        self.assertTrue(refusal.startswith(b"HTTP/1.1 503") and b'"draining"' in refusal, refusal)
        self.assertIn('"finish_reason":"length"', answer[-2000:])
        self.assertIn("data: [DONE]", answer[-60:])
        self.assertEqual(server.process.wait(timeout=30), 0)

    def test_sigterm_does_not_wait_for_the_idle(self):
        server = self.start()
        with server.connect(), server.connect() as half:
            half.sendall(raw(CHATS, json.dumps(CHAT).encode())[:80])
            server.terminate()
            self.assertEqual(server.process.wait(timeout=20), 0)

    def test_drain_timeout_ends_what_runs(self):
        server = self.start(ARTIFACT, "--no-native", "--threads", "1", "--drain-timeout", "0")
        with server.connect() as stream:
            stream.sendall(raw(CHATS, json.dumps(ENDLESS | {"seed": 1}).encode(), headers=("connection: close",)))
            first = read_until(stream, b"data: ")
            server.terminate()
            answer = (first + read_all(stream)).decode()
        self.assertIn('data: {"error":', answer[-400:])
        self.assertEqual(server.process.wait(timeout=30), 0)

    def test_artifacts_that_cannot_be_served(self):
        with tempfile.TemporaryDirectory() as folder:
            cut = os.path.join(folder, "cut.unicorn")
            with open(SMALL, "rb") as whole, open(cut, "wb") as file:
                file.write(whole.read()[:-100])
            for path in (cut, os.path.join(folder, "none.unicorn"), folder):
                done = subprocess.run([PROGRAM, "serve", path, "--port", "0"], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stderr)
                told = next(line for line in done.stderr.splitlines() if "cannot be served" in line)
                self.assertEqual(told.count(path), 1, told)

    def test_a_port_that_is_taken(self):
        server = self.start(SMALL)
        done = subprocess.run([PROGRAM, "serve", SMALL, "--port", str(server.address[1])], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"cannot listen on {server.address[0]}:{server.address[1]}", done.stderr)


if __name__ == "__main__":
    unittest.main()
