//! What clients read: objects, chunks, usage, log-probabilities, lists, counters.

use super::client::tokenizer;
use super::*;
use crate::generate::{Request, Scheduler};

fn chat(text: &str) -> Value {
    json!({ "model": "demo", "messages": [{ "role": "user", "content": text }], "temperature": 0, "max_tokens": 12 })
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What the model says, without a server.
fn expected(prompt: Vec<u32>, max_tokens: usize) -> (Vec<u32>, String) {
    let mut scheduler = Scheduler::new(Box::new(Fake::new(limits())), tokenizer(), TEXT).unwrap();
    let request = Request { prompt, max_tokens: Some(max_tokens), params: SamplingParams::greedy(), ..Request::default() };
    let ids: Vec<u32> = scheduler.generate(request).unwrap().map(|t| t.unwrap().id).collect();
    let text = tokenizer().decode(&ids, false);
    (ids, text)
}

fn chat_prompt(text: &str) -> Vec<u32> {
    tokenizer().encode(&format!("<bos><start_of_turn>user\n{text}<end_of_turn>\n<start_of_turn>model\n")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_answer() {
    let server = Server::new().await;
    let got = server.post("/v1/chat/completions", chat("Hello there")).await;
    let (value, prompt) = (got.json(), chat_prompt("Hello there"));
    let (_, text) = expected(prompt.clone(), 12);
    assert_eq!((got.status, &value["object"], &value["model"]), (200, &json!("chat.completion"), &json!("demo")));
    assert!(value["id"].as_str().unwrap().starts_with("chatcmpl-") && value["created"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(value["system_fingerprint"], "0123abcd");
    let choice =
        json!({ "index": 0, "message": { "role": "assistant", "content": text, "refusal": null }, "logprobs": null, "finish_reason": "length" });
    assert_eq!(value["choices"], json!([choice]));
    let n = prompt.len();
    let usage = json!({ "prompt_tokens": n, "completion_tokens": 12, "total_tokens": n + 12, "prompt_tokens_details": { "cached_tokens": 0 } });
    assert_eq!(value["usage"], usage);
    assert_eq!((&value["timings"]["prompt_n"], &value["timings"]["predicted_n"]), (&json!(n), &json!(12)));
    let again = server.post("/v1/chat/completions", chat("Hello there")).await.json();
    assert_eq!(again["choices"], value["choices"]);
    assert_eq!(again["usage"]["prompt_tokens_details"]["cached_tokens"], n - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_chat_joins_to_the_whole_one() {
    let server = Server::new().await;
    let whole = server.post("/v1/chat/completions", chat("Hi")).await.json();
    let body = with(chat("Hi"), json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let got = server.post("/v1/chat/completions", body).await;
    assert!(got.head.contains("cache-control: no-cache") && got.head.contains("x-accel-buffering: no"));
    let mut frames = got.frames();
    assert_eq!(frames.pop().unwrap(), "[DONE]");
    let mut chunks: Vec<Value> = frames.iter().map(|f| serde_json::from_str(f).unwrap()).collect();
    let usage = chunks.pop().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["total_tokens"], whole["usage"]["total_tokens"]);
    assert_eq!(
        chunks[0]["choices"],
        json!([{ "index": 0, "delta": { "role": "assistant", "content": "" }, "logprobs": null, "finish_reason": null }])
    );
    let last = chunks.pop().unwrap();
    assert_eq!(last["choices"], json!([{ "index": 0, "delta": {}, "logprobs": null, "finish_reason": "length" }]));
    assert_eq!(last["timings"]["predicted_n"], 12);
    let mut text = String::new();
    for chunk in &chunks {
        assert_eq!((&chunk["object"], &chunk["id"], &chunk["usage"]), (&json!("chat.completion.chunk"), &last["id"], &Value::Null));
        assert!(chunk.as_object().unwrap().contains_key("usage") && chunk["choices"][0]["finish_reason"].is_null());
        text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap());
    }
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    let plain = server.post("/v1/chat/completions", with(chat("Hi"), json!({ "stream": true }))).await;
    assert!(plain.frames().iter().all(|f| !f.contains("\"usage\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_take_four_kinds_of_prompts() {
    let server = Server::new().await;
    let ids = tokenizer().encode_prompt("Once upon").unwrap();
    let (_, text) = expected(ids.clone(), 16);
    let got = |prompt: Value| server.post("/v1/completions", json!({ "prompt": prompt, "temperature": 0, "ignore_eos": true }));
    let value = got(json!("Once upon")).await.json();
    assert!(value["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(value["object"], "text_completion");
    assert_eq!(value["choices"], json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": "length" }]));
    assert_eq!(got(json!(ids)).await.json()["choices"][0]["text"], text);
    for list in [json!(["Once upon", "x"]), json!([ids, [40]])] {
        let value = got(list).await.json();
        assert_eq!((&value["choices"][0]["text"], &value["choices"][1]["index"]), (&json!(text), &json!(1)));
        assert_eq!(value["usage"]["completion_tokens"], 32);
    }
    let echo = server.post("/v1/completions", json!({ "prompt": "Once upon", "echo": true, "max_tokens": 0 })).await.json();
    assert_eq!((&echo["choices"][0]["text"], &echo["choices"][0]["finish_reason"]), (&json!("Once upon"), &json!("length")));
    let body = json!({ "prompt": "Once upon", "temperature": 0, "echo": true, "stream": true, "ignore_eos": true });
    let frames = server.post("/v1/completions", body).await.frames();
    let texts =
        frames[..frames.len() - 1].iter().map(|f| serde_json::from_str::<Value>(f).unwrap()["choices"][0]["text"].as_str().unwrap().to_owned());
    assert_eq!(texts.collect::<String>(), format!("Once upon{text}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_choices_have_seeds_of_their_own() {
    let server = Server::new().await;
    let body = json!({ "prompt": ["a", "b"], "n": 3, "seed": -5, "max_tokens": 6, "user": "u", "metadata": {} });
    let value = server.post("/v1/completions", body.clone()).await.json();
    let texts: Vec<&Value> = value["choices"].as_array().unwrap().iter().map(|c| &c["text"]).collect();
    assert_eq!(texts.len(), 6);
    assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[3]);
    assert_eq!((&value["usage"]["prompt_tokens"], &value["usage"]["completion_tokens"]), (&json!(4), &json!(36)));
    assert_eq!(server.post("/v1/completions", body.clone()).await.json()["choices"], value["choices"]);
    let frames = server.post("/v1/completions", with(body, json!({ "stream": true }))).await.frames();
    let mut streamed = vec![String::new(); 6];
    let mut ends = 0;
    for frame in &frames[..frames.len() - 1] {
        let choice = &serde_json::from_str::<Value>(frame).unwrap()["choices"][0];
        streamed[choice["index"].as_u64().unwrap() as usize].push_str(choice["text"].as_str().unwrap());
        ends += usize::from(choice["finish_reason"] == "length");
    }
    assert_eq!((streamed.iter().map(|t| json!(t)).collect::<Vec<_>>(), ends), (texts.into_iter().cloned().collect(), 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn logprobs_in_both_forms() {
    let server = Server::new().await;
    let value = server.post("/v1/chat/completions", with(chat("Hi"), json!({ "logprobs": true, "top_logprobs": 2 }))).await.json();
    let content = value["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let (ids, _) = expected(chat_prompt("Hi"), 12);
    assert_eq!(content.len(), 12);
    for (entry, id) in content.iter().zip(ids) {
        assert_eq!(entry["bytes"], json!(tokenizer().token_bytes(id)));
        let top = entry["top_logprobs"].as_array().unwrap();
        assert!(top.len() == 2 && top[0]["logprob"].as_f64() >= top[1]["logprob"].as_f64() && entry["logprob"].as_f64().unwrap() < 0.0);
        // Greedy: the token is the likeliest.
        assert_eq!((&top[0]["token"], &top[0]["logprob"]), (&entry["token"], &entry["logprob"]));
    }
    let bare = server.post("/v1/chat/completions", with(chat("Hi"), json!({ "logprobs": true, "stream": true }))).await.frames();
    let entries: usize = bare[..bare.len() - 1]
        .iter()
        .filter_map(|f| serde_json::from_str::<Value>(f).unwrap()["choices"][0]["logprobs"]["content"].as_array().map(Vec::len))
        .sum();
    assert_eq!(entries, 12);
    let value = server.post("/v1/completions", json!({ "prompt": "a", "temperature": 0, "max_tokens": 4, "logprobs": 3 })).await.json();
    let logprobs = &value["choices"][0]["logprobs"];
    for key in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        assert_eq!(logprobs[key].as_array().unwrap().len(), 4, "{key}");
    }
    assert_eq!((&logprobs["text_offset"][0], logprobs["top_logprobs"][0].as_object().unwrap().len()), (&json!(0), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_bias_and_parts() {
    let server = Server::new().await;
    let whole = server.post("/v1/chat/completions", chat("Hi")).await.json();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    let (at, _) = text.char_indices().nth(6).unwrap();
    let stop = &text[at..text.char_indices().nth(9).unwrap().0];
    for streamed in [false, true] {
        let got = server.post("/v1/chat/completions", with(chat("Hi"), json!({ "stop": ["never", stop], "stream": streamed }))).await;
        let (said, reason) = if streamed {
            let chunks: Vec<Value> = got.frames().iter().filter_map(|f| serde_json::from_str(f).ok()).collect();
            let said = chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect::<String>();
            (said, chunks.last().unwrap()["choices"][0]["finish_reason"].clone())
        } else {
            let value = got.json();
            (value["choices"][0]["message"]["content"].as_str().unwrap().to_owned(), value["choices"][0]["finish_reason"].clone())
        };
        assert_eq!((said.as_str(), reason), (&text[..text.find(stop).unwrap()], json!("stop")));
    }
    let only = tokenizer().token_id("a").unwrap();
    let biased = with(chat("Hi"), json!({ "logit_bias": { only.to_string(): 100 }, "max_completion_tokens": 3 }));
    assert_eq!(server.post("/v1/chat/completions", biased).await.json()["choices"][0]["message"]["content"], "aaa");
    let ended = with(chat("Hi"), json!({ "logit_bias": { "11": 100 } }));
    let ended = server.post("/v1/chat/completions", ended).await.json();
    assert_eq!((&ended["choices"][0]["message"]["content"], &ended["choices"][0]["finish_reason"]), (&json!(""), &json!("stop")));
    let parts = json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hi" }], "name": null }], "temperature": 0, "max_tokens": 12,
        "tools": [], "tool_choice": "none", "response_format": { "type": "text" }, "modalities": ["text"], "parallel_tool_calls": true, "store": false });
    assert_eq!(server.post("/v1/chat/completions", parts).await.json()["choices"], whole["choices"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_tokens_and_counters() {
    let server = Server::with(|_| (), 8, |config| config.vllm_names = true).await;
    let card = server.get("/v1/models/demo").await.json();
    assert_eq!(
        (&card["id"], &card["object"], &card["owned_by"], &card["max_model_len"]),
        (&json!("demo"), &json!("model"), &json!("unicorn"), &json!(96))
    );
    assert_eq!(server.get("/v1/models").await.json(), json!({ "object": "list", "data": [card] }));

    let ids = tokenizer().encode_prompt("Hello <end_of_turn>").unwrap();
    let tokens = server.post("/tokenize", json!({ "prompt": "Hello <end_of_turn>" })).await.json();
    assert_eq!(tokens, json!({ "tokens": ids, "count": ids.len(), "max_model_len": 96 }));
    let bare = server.post("/tokenize", json!({ "content": "Hello <end_of_turn>", "with_pieces": true })).await.json();
    assert_eq!((&bare["count"], &bare["tokens"][0]["id"]), (&json!(ids.len() - 1), &json!(ids[1])));
    let chat = server.post("/tokenize", json!({ "messages": [{ "role": "user", "content": "Hi" }] })).await.json();
    assert_eq!(chat["tokens"], json!(chat_prompt("Hi")));
    assert_eq!(server.post("/detokenize", json!({ "tokens": ids })).await.json()["content"], "<bos>Hello <end_of_turn>");

    let body = json!({ "prompt": "a b c", "max_tokens": 5 });
    let usage = server.post("/v1/completions", body).await.json()["usage"].clone();
    let stats = server.get("/stats").await.json();
    let of = &stats["models"][0];
    assert_eq!((&of["tokens"]["generated"], &of["tokens"]["prompt"], &of["requests"]["length"]), (&json!(5), &usage["prompt_tokens"], &json!(1)));
    assert_eq!((&of["details"]["device"], &of["state"]), (&json!("fake"), &json!("ready")));
    let got = server.get("/metrics").await;
    let text = String::from_utf8(got.body.clone()).unwrap();
    for line in [
        "unicorn_generated_tokens_total{model_name=\"demo\"} 5",
        "unicorn_requests_finished_total{model_name=\"demo\",reason=\"length\"} 1",
        "unicorn_time_to_first_token_seconds_count{model_name=\"demo\"} 1",
        "unicorn_inter_token_latency_seconds_bucket{le=\"+Inf\",model_name=\"demo\"} 4",
        "vllm:num_requests_running{model_name=\"demo\"} 0",
        "vllm:prefix_cache_hits_total{model_name=\"demo\"} 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l.starts_with(line)), "{line} is not in\n{text}");
    }
    assert!(got.head.contains("content-type: application/openmetrics-text"));
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_are_kept_or_made() {
    let server = Server::new().await;
    let id = |headers: &'static [(&'static str, &'static str)]| {
        let address = server.address;
        async move {
            let head = reply(send(address, "GET", "/live", headers, b"").await).await.head;
            head.lines().find_map(|line| line.strip_prefix("x-request-id: ").map(str::to_owned)).unwrap()
        }
    };
    assert_eq!(id(&[("X-Request-Id", "abc-1")]).await, "abc-1");
    assert_eq!(id(&[]).await.len(), 36);
    assert_ne!(id(&[("X-Request-Id", "not ok")]).await, "not ok");
}

/// Who runs what is told as it is when it is asked, not as it was at load.
#[test]
fn stats_know_of_lost_devices() {
    use crate::hal::roster::{Kind, Roster, Standing};
    let mut served = client::model("demo", Fake::new(limits()), 1);
    let roster = Arc::new(Roster::default());
    roster.set(Kind::Gpu, Standing::Runs("Radeon".into()));
    roster.set(Kind::Npu, Standing::Runs("npu1".into()));
    served.info.roster = Some(roster.clone());
    let details = || metrics::model_stats(&served)["details"].clone();
    assert_eq!(details(), json!({ "device": "gpu+npu", "gpu": "Radeon", "npu": "npu1" }));
    roster.lose(Kind::Gpu, "it fell off the bus".into());
    assert_eq!(details(), json!({ "device": "npu", "gpu": null, "npu": "npu1", "lost": { "gpu": "Radeon: it fell off the bus" } }));
}
