"""The official OpenAI client for Python: whatever has the wrong shape raises in its typed models."""

import asyncio
import unittest

import openai

from server import ANSWER, ARTIFACT, QUESTION, SMALL, Server, wait_for

CHAT = [{"role": "user", "content": QUESTION}]
STORY = [{"role": "user", "content": "Tell me a story."}]


def client(server, key):
    return openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0, timeout=60)


class WithServer(unittest.TestCase):
    args = ()
    key = "unused"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.args)
        cls.client = client(cls.server, cls.key)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        status = cls.server.stop()
        assert status == 0, f"the server ended with status {status}:\n{''.join(cls.server.log[-20:])}"

    def chat(self, messages=None, **more):
        return self.client.chat.completions.create(**{"model": "pebble", "messages": messages or CHAT, "temperature": 0} | more)

    def complete(self, prompt, **more):
        return self.client.completions.create(**{"model": "pebble", "prompt": prompt, "temperature": 0, "max_tokens": 12} | more)

    def refused(self, kind, status, call, param=None):
        with self.assertRaises(kind) as caught:
            call()
        error = caught.exception
        self.assertEqual((error.status_code, error.param), (status, param), error.message)
        self.assertTrue(error.body["message"] and error.body["type"])
        return error


class Chat(WithServer):
    def test_answer(self):
        answer = self.chat()
        self.assertEqual(answer.choices[0].message.content, ANSWER)
        self.assertEqual((answer.choices[0].message.role, answer.choices[0].finish_reason), ("assistant", "stop"))
        self.assertEqual((answer.object, answer.model), ("chat.completion", "pebble"))
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertLessEqual(answer.usage.prompt_tokens_details.cached_tokens, answer.usage.prompt_tokens)

    def test_stream_is_the_same_answer(self):
        chunks = list(self.chat(stream=True))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), ANSWER)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason], ["stop"])
        self.assertEqual(len({c.id for c in chunks}), 1)
        self.assertTrue(all(c.usage is None for c in chunks))

    def test_stream_with_usage(self):
        whole = self.chat()
        *chunks, last = list(self.chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual((last.choices, last.usage.total_tokens), ([], whole.usage.total_tokens))
        self.assertTrue(all(c.usage is None for c in chunks))

    def test_stream_helper_accumulates(self):
        with self.client.chat.completions.stream(model="pebble", messages=CHAT, temperature=0) as stream:
            self.assertEqual(stream.get_final_completion().choices[0].message.content, ANSWER)

    def test_conversation(self):
        more = [*CHAT, {"role": "assistant", "content": ANSWER}, {"role": "user", "content": [{"type": "text", "text": "What is 20 + 30?"}]}]
        answer = self.chat(more, max_tokens=40)
        self.assertGreater(answer.usage.prompt_tokens, self.chat().usage.prompt_tokens)
        self.assertTrue(answer.choices[0].message.content)

    def test_fingerprint_is_the_artifact(self):
        self.assertEqual(self.chat().system_fingerprint, self.server.stats()["digest"])
        self.assertEqual(next(iter(self.chat(stream=True))).system_fingerprint, self.server.stats()["digest"])

    def test_lengths(self):
        for field in ("max_tokens", "max_completion_tokens"):
            answer = self.chat(**{field: 3})
            self.assertEqual((answer.usage.completion_tokens, answer.choices[0].finish_reason), (3, "length"))

    def test_stop(self):
        answer = self.chat(stop=" = ")
        self.assertEqual((answer.choices[0].message.content, answer.choices[0].finish_reason), ("27 + 48", "stop"))
        answer = self.chat(stop=["nowhere", "48"], stream=True)
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in answer), "27 + ")

    def test_seeds(self):
        def story(seed):
            return self.chat(STORY, temperature=1, seed=seed, max_tokens=40).choices[0].message.content

        self.assertEqual(story(7), story(7))
        self.assertGreater(len({story(seed) for seed in range(5)}), 1)

    def test_choices(self):
        answer = self.chat(STORY, temperature=1, seed=1, n=3, max_tokens=20)
        self.assertEqual([c.index for c in answer.choices], [0, 1, 2])
        self.assertGreater(len({c.message.content for c in answer.choices}), 1)
        texts, ends = {}, 0
        for chunk in self.chat(STORY, temperature=1, seed=1, n=3, max_tokens=20, stream=True):
            for choice in chunk.choices:
                texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
                ends += choice.finish_reason is not None
        self.assertEqual(([texts[i] for i in range(3)], ends), ([c.message.content for c in answer.choices], 3))

    def test_logprobs(self):
        answer = self.chat(logprobs=True, top_logprobs=3)
        tokens = answer.choices[0].logprobs.content
        self.assertEqual(b"".join(bytes(t.bytes) for t in tokens).decode(), ANSWER)
        for token in tokens:
            self.assertEqual(len(token.top_logprobs), 3)
            # Greedy: the token is the likeliest one.
            self.assertEqual((token.token, token.logprob), (token.top_logprobs[0].token, token.top_logprobs[0].logprob))
            self.assertLessEqual(token.logprob, 0)

    def test_logit_bias(self):
        first = self.complete("Once upon a time", max_tokens=1)
        tokens = self.server.post("/tokenize", {"content": first.choices[0].text})[1]["tokens"]
        other = self.complete("Once upon a time", max_tokens=1, logit_bias={str(tokens[0]): -100})
        self.assertNotEqual(other.choices[0].text, first.choices[0].text)
        forced = self.complete("Once upon a time", max_tokens=3, logit_bias={str(tokens[0]): 100})
        self.assertEqual(forced.choices[0].text, first.choices[0].text * 3)

    def test_leaving_midway_cancels(self):
        before = self.server.stats()["requests"]["cancelled"]
        stream = self.chat(STORY, stream=True, extra_body={"ignore_eos": True})
        next(iter(stream))
        stream.close()
        wait_for(self.server.idle, "the sequence to end")
        self.assertEqual(self.server.stats()["requests"]["cancelled"], before + 1)


class Completions(WithServer):
    def test_text(self):
        answer = self.complete("Once upon a time")
        self.assertEqual((answer.object, answer.usage.completion_tokens), ("text_completion", 12))
        self.assertTrue(answer.choices[0].text)
        streamed = "".join(c.choices[0].text for c in self.complete("Once upon a time", stream=True))
        self.assertEqual(streamed, answer.choices[0].text)

    def test_list_and_tokens(self):
        prompts = ["Once upon a time", "The cat"]
        alone = [self.complete(p).choices[0].text for p in prompts]
        self.assertEqual([c.text for c in self.complete(prompts).choices], alone)
        ids = [self.server.post("/tokenize", {"prompt": p})[1]["tokens"] for p in prompts]
        self.assertEqual(self.complete(ids[0]).choices[0].text, alone[0])
        self.assertEqual([c.text for c in self.complete(ids).choices], alone)

    def test_echo(self):
        self.assertTrue(self.complete("Once upon a time", echo=True).choices[0].text.startswith("Once upon a time"))

    def test_logprobs(self):
        answer = self.complete("Once upon a time", logprobs=2)
        logprobs = answer.choices[0].logprobs
        self.assertEqual("".join(logprobs.tokens), answer.choices[0].text)
        self.assertEqual((len(logprobs.token_logprobs), logprobs.text_offset[0]), (12, 0))

    def test_default_length(self):
        self.assertEqual(self.complete("Once upon a time", max_tokens=openai.NOT_GIVEN, extra_body={"ignore_eos": True}).usage.completion_tokens, 16)


class Models(WithServer):
    args = ("--model", f"a={ARTIFACT}", "--model", f"b={SMALL}")

    def test_list_and_retrieve(self):
        models = {m.id: m for m in self.client.models.list()}
        self.assertEqual(sorted(models), ["a", "b"])
        for name, model in models.items():
            self.assertEqual(self.client.models.retrieve(name), model)
        self.refused(openai.NotFoundError, 404, lambda: self.client.models.retrieve("c"), "model")

    def test_each_answers_for_itself(self):
        answers = {name: self.chat(model=name) for name in ("a", "b")}
        for index, (name, answer) in enumerate(answers.items()):
            self.assertEqual((answer.model, answer.choices[0].message.content), (name, ANSWER))
            self.assertEqual(answer.system_fingerprint, self.server.stats(index)["digest"])
        self.assertNotEqual(answers["a"].system_fingerprint, answers["b"].system_fingerprint)


class Errors(WithServer):
    args = (ARTIFACT, "--api-key", "secret", "--max-queue", "0", "--threads", "1", "--no-native")

    key = "secret"

    def stats(self):
        return self.server.get("/stats", self.key)[1]["models"][0]

    def test_key(self):
        for key in ("wrong", "secre", "secret2"):
            with client(self.server, key) as other:
                self.refused(openai.AuthenticationError, 401, lambda: other.chat.completions.create(model="pebble", messages=CHAT))
        self.assertEqual(self.chat().choices[0].message.content, ANSWER)

    def test_model(self):
        self.refused(openai.NotFoundError, 404, lambda: self.chat(model="gpt-4"), "model")

    def test_parameters(self):
        for field, value in {"temperature": 3, "top_p": 0, "n": 0, "max_tokens": 0, "presence_penalty": -3, "top_logprobs": 21}.items():
            self.refused(openai.BadRequestError, 400, lambda: self.chat(logprobs=True, **{field: value}), field)
        self.refused(openai.BadRequestError, 400, lambda: self.chat(extra_body={"surprise": 1}), "surprise")
        self.refused(openai.BadRequestError, 400, lambda: self.chat([{"role": "king", "content": "x"}]), "messages[0].role")
        self.refused(openai.BadRequestError, 400, lambda: self.chat(response_format={"type": "json_object"}), "response_format")

    def test_too_long(self):
        error = self.refused(openai.BadRequestError, 400, lambda: self.chat([{"role": "user", "content": "one two three " * 2000}]))
        self.assertEqual((error.code, error.body["n_ctx"]), ("context_length_exceeded", 2048))
        self.assertGreater(error.body["n_prompt_tokens"], 2048)
        self.assertIn("2048", error.message)
        self.assertIn(str(error.body["n_prompt_tokens"]), error.message)

    def test_full_queue(self):
        slots = self.stats()["limits"]["requests"]
        streams = [self.chat(STORY, stream=True, extra_body={"ignore_eos": True}) for _ in range(slots)]
        error = self.refused(openai.RateLimitError, 429, self.chat)
        self.assertEqual((error.code, error.response.headers["retry-after"]), ("queue_full", "1"))
        for stream in streams:
            stream.close()
        wait_for(lambda: self.stats()["running"] == 0 and self.stats()["waiting"] == 0, "the sequences to end")
        self.assertEqual(self.chat().choices[0].message.content, ANSWER)

    def test_embeddings_are_not_offered(self):
        self.refused(openai.InternalServerError, 501, lambda: self.client.embeddings.create(model="pebble", input="x"))


class Async(WithServer):
    def test_together_as_alone(self):
        alone, together = asyncio.run(self.stories())
        self.assertEqual(together, alone)
        self.assertGreater(len(set(alone)), 1)

    async def stories(self):
        async with openai.AsyncOpenAI(base_url=self.server.url + "/v1", api_key="unused", max_retries=0) as asynchronous:

            async def story(seed):
                answer = await asynchronous.chat.completions.create(model="pebble", messages=STORY, temperature=1, seed=seed, max_tokens=60)
                return answer.choices[0].message.content

            return [await story(seed) for seed in range(8)], list(await asyncio.gather(*map(story, range(8))))


if __name__ == "__main__":
    unittest.main()
