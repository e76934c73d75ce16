// The official OpenAI client for Node against a real server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { answer, artifact, question, start, until } from "./server.mjs";

const messages = [{ role: "user", content: question }];
const story = [{ role: "user", content: "Tell me a story." }];
const chat = { model: "pebble", messages, temperature: 0 };
const connect = (server, apiKey = "unused") => new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });

async function collect(stream) {
  const all = [];
  for await (const item of stream) all.push(item);
  return all;
}

/** Fails unless the call is refused with this class, status and param. */
async function refused(call, kind, status, param) {
  const error = await call.then(() => assert.fail("nothing was refused"), (error) => error);
  assert.ok(error instanceof kind, String(error));
  assert.deepEqual([error.status, error.param ?? null], [status, param ?? null]);
  assert.ok(error.error.message && error.error.type);
  return error;
}

describe("the Node client", () => {
  let server, client;
  before(async () => {
    server = await start(artifact);
    client = connect(server);
  });
  after(async () => assert.equal(await server.stop(), 0));

  test("chat", async () => {
    const got = await client.chat.completions.create(chat);
    assert.equal(got.choices[0].message.content, answer);
    assert.equal(got.choices[0].finish_reason, "stop");
    assert.equal(got.usage.total_tokens, got.usage.prompt_tokens + got.usage.completion_tokens);
    assert.equal(got.system_fingerprint, (await server.stats()).digest);
  });

  test("chat, streamed, with usage", async () => {
    const chunks = await collect(await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } }));
    const last = chunks.pop();
    assert.equal(chunks.map((c) => c.choices[0].delta.content ?? "").join(""), answer);
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.completion_tokens > 0);
  });

  test("the stream helper accumulates", async () => {
    const runner = client.chat.completions.stream(chat);
    assert.equal(await runner.finalContent(), answer);
  });

  test("completions: text, list, token ids, streamed", async () => {
    const ask = async (prompt) => (await client.completions.create({ model: "pebble", prompt, temperature: 0, max_tokens: 8 })).choices.map((c) => c.text);
    const [alone] = await ask("Once upon a time");
    assert.ok(alone.length > 0);
    assert.equal((await ask(["The cat", "Once upon a time"]))[1], alone);
    const { tokens } = await (await fetch(`${server.url}/tokenize`, { method: "POST", body: JSON.stringify({ prompt: "Once upon a time" }) })).json();
    assert.deepEqual(await ask(tokens), [alone]);
    const stream = await client.completions.create({ model: "pebble", prompt: "Once upon a time", temperature: 0, max_tokens: 8, stream: true });
    assert.equal((await collect(stream)).map((c) => c.choices[0].text).join(""), alone);
  });

  test("models", async () => {
    const ids = (await collect(client.models.list())).map((m) => m.id);
    assert.deepEqual(ids, ["pebble"]);
    assert.equal((await client.models.retrieve("pebble")).object, "model");
    await refused(client.models.retrieve("other"), OpenAI.NotFoundError, 404, "model");
  });

  test("seed, n, stop, logprobs, logit_bias, lengths", async () => {
    const tell = (more) => client.chat.completions.create({ ...chat, messages: story, temperature: 1, max_completion_tokens: 24, ...more });
    const texts = (got) => got.choices.map((c) => c.message.content);
    const three = texts(await tell({ seed: 3, n: 3 }));
    assert.deepEqual(texts(await tell({ seed: 3, n: 3 })), three);
    assert.equal(new Set(three).size > 1, true);
    assert.equal((await tell({ max_completion_tokens: 2 })).usage.completion_tokens, 2);
    assert.equal((await client.chat.completions.create({ ...chat, stop: [" ="] })).choices[0].message.content, "27 + 48");
    const { content } = (await client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 2 })).choices[0].logprobs;
    assert.equal(Buffer.from(content.flatMap((t) => t.bytes)).toString(), answer);
    assert.ok(content.every((t) => t.top_logprobs.length === 2 && t.logprob <= 0));
    const { tokens } = await (await fetch(`${server.url}/tokenize`, { method: "POST", body: JSON.stringify({ content: "27" }) })).json();
    const biased = await client.chat.completions.create({ ...chat, max_tokens: 8, logit_bias: Object.fromEntries(tokens.map((t) => [t, -100])) });
    assert.notEqual(biased.choices[0].message.content, answer);
  });

  test("errors", async () => {
    await refused(client.chat.completions.create({ ...chat, model: "gpt-4" }), OpenAI.NotFoundError, 404, "model");
    await refused(client.chat.completions.create({ ...chat, temperature: 9 }), OpenAI.BadRequestError, 400, "temperature");
    await refused(client.chat.completions.create({ ...chat, messages: [] }), OpenAI.BadRequestError, 400, "messages");
    const long = [{ role: "user", content: "one two three ".repeat(2000) }];
    const error = await refused(client.chat.completions.create({ ...chat, messages: long }), OpenAI.BadRequestError, 400);
    assert.equal(error.code, "context_length_exceeded");
    assert.ok(error.error.n_prompt_tokens > error.error.n_ctx);
  });

  test("leaving midway cancels", async () => {
    const before = (await server.stats()).requests.cancelled;
    const stream = await client.chat.completions.create({ ...chat, messages: story, stream: true, ignore_eos: true });
    for await (const _ of stream) break;
    stream.controller.abort();
    await until(async () => (await server.stats()).running === 0, "the sequence to end");
    assert.equal((await server.stats()).requests.cancelled, before + 1);
  });
});

test("the Node client with a key and a full queue", async () => {
  const server = await start(artifact, "--api-key", "secret", "--max-queue", "0", "--threads", "1", "--no-native");
  try {
    await refused(connect(server, "wrong").chat.completions.create(chat), OpenAI.AuthenticationError, 401);
    const client = connect(server, "secret");
    const long = { ...chat, messages: story, stream: true, ignore_eos: true };
    const streams = await Promise.all(Array.from({ length: 4 }, () => client.chat.completions.create(long)));
    const error = await refused(client.chat.completions.create(chat), OpenAI.RateLimitError, 429);
    assert.equal(error.code, "queue_full");
    streams.forEach((stream) => stream.controller.abort());
    const ask = () => client.chat.completions.create(chat).then((got) => got.choices[0].message.content, (error) => (error.status === 429 ? null : Promise.reject(error)));
    let text;
    await until(async () => (text = await ask()) !== null, "the queue to empty");
    assert.equal(text, answer);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
