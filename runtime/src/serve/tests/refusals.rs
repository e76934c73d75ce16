//! What is refused: the status, the field, the shape. The server stays up.

use super::*;
use tokio::io::AsyncWriteExt;

const CHAT: &str = "/v1/chat/completions";
const TEXT_ROUTE: &str = "/v1/completions";

fn hello() -> Value {
    json!([{ "role": "user", "content": "Hi" }])
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_are_named() {
    let server = Server::new().await;
    let cases = [
        ("messages", json!({})),
        ("messages", json!({ "messages": [] })),
        ("messages", json!({ "messages": "Hi" })),
        ("messages[0]", json!({ "messages": [1] })),
        ("messages[0].role", json!({ "messages": [{ "content": "Hi" }] })),
        ("messages[0].role", json!({ "messages": [{ "role": "tool", "content": "Hi" }] })),
        ("messages[1].content", json!({ "messages": [{ "role": "user", "content": "a" }, { "role": "assistant", "content": null }] })),
        ("messages[0].content", json!({ "messages": [{ "role": "user", "content": 5 }] })),
        (
            "messages[0].content[1]",
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": {} }] }] }),
        ),
        ("messages[0].content[0]", json!({ "messages": [{ "role": "user", "content": [{ "type": "text" }] }] })),
        ("messages[0].tool_calls", json!({ "messages": [{ "role": "user", "content": "a", "tool_calls": [{}] }] })),
        ("messages[0].colour", json!({ "messages": [{ "role": "user", "content": "a", "colour": 1 }] })),
        ("messages", json!({ "messages": [{ "role": "user", "content": "a" }, { "role": "user", "content": "b" }] })),
        ("model", json!({ "model": 5, "messages": hello() })),
        ("temperature", json!({ "messages": hello(), "temperature": "hot" })),
        ("temperature", json!({ "messages": hello(), "temperature": 2.5 })),
        ("temperature", json!({ "messages": hello(), "temperature": -1e300 })),
        ("top_p", json!({ "messages": hello(), "top_p": 0 })),
        ("top_k", json!({ "messages": hello(), "top_k": -2 })),
        ("top_k", json!({ "messages": hello(), "top_k": 1.5 })),
        ("min_p", json!({ "messages": hello(), "min_p": 2 })),
        ("frequency_penalty", json!({ "messages": hello(), "frequency_penalty": 3 })),
        ("presence_penalty", json!({ "messages": hello(), "presence_penalty": [] })),
        ("repetition_penalty", json!({ "messages": hello(), "repetition_penalty": 0 })),
        ("seed", json!({ "messages": hello(), "seed": 1.5 })),
        ("seed", json!({ "messages": hello(), "seed": 18_446_744_073_709_551_615u64 })),
        ("stop", json!({ "messages": hello(), "stop": 5 })),
        ("stop", json!({ "messages": hello(), "stop": [""] })),
        ("stop", json!({ "messages": hello(), "stop": vec!["x"; 17] })),
        ("stop", json!({ "messages": hello(), "stop": "x".repeat(2000) })),
        ("n", json!({ "messages": hello(), "n": 0 })),
        ("n", json!({ "messages": hello(), "n": 17 })),
        ("max_tokens", json!({ "messages": hello(), "max_tokens": 0 })),
        ("max_tokens", json!({ "messages": hello(), "max_tokens": -1 })),
        ("max_completion_tokens", json!({ "messages": hello(), "max_completion_tokens": true })),
        ("logit_bias", json!({ "messages": hello(), "logit_bias": { "a": 1 } })),
        ("logit_bias", json!({ "messages": hello(), "logit_bias": { "1": 101 } })),
        ("logit_bias", json!({ "messages": hello(), "logit_bias": { "4032": 1 } })),
        ("logit_bias", json!({ "messages": hello(), "logit_bias": [1] })),
        ("logprobs", json!({ "messages": hello(), "logprobs": 2 })),
        ("top_logprobs", json!({ "messages": hello(), "top_logprobs": 2 })),
        ("top_logprobs", json!({ "messages": hello(), "logprobs": true, "top_logprobs": 21 })),
        ("stream", json!({ "messages": hello(), "stream": "yes" })),
        ("stream_options", json!({ "messages": hello(), "stream_options": {} })),
        ("include_usage", json!({ "messages": hello(), "stream": true, "stream_options": { "include_usage": 1 } })),
        ("tools", json!({ "messages": hello(), "tools": [{ "type": "function" }] })),
        ("functions", json!({ "messages": hello(), "functions": [{}] })),
        ("tool_choice", json!({ "messages": hello(), "tool_choice": "required" })),
        ("response_format", json!({ "messages": hello(), "response_format": { "type": "json_object" } })),
        ("modalities", json!({ "messages": hello(), "modalities": ["text", "audio"] })),
        ("audio", json!({ "messages": hello(), "audio": {} })),
        ("guided_json", json!({ "messages": hello(), "guided_json": {} })),
    ];
    for (param, body) in cases {
        server.post(CHAT, body.clone()).await.is_error(400, Some(param), Some("invalid_value"));
    }
    let cases = [
        ("prompt", json!({})),
        ("prompt", json!({ "prompt": [] })),
        ("prompt", json!({ "prompt": [[]] })),
        ("prompt", json!({ "prompt": ["a", 1] })),
        ("prompt", json!({ "prompt": [1, "a"] })),
        ("prompt", json!({ "prompt": [[1], "a"] })),
        ("prompt", json!({ "prompt": [1.5] })),
        ("prompt", json!({ "prompt": [-1] })),
        ("prompt", json!({ "prompt": [99999999999u64] })),
        ("prompt", json!({ "prompt": [4032] })),
        ("prompt", json!({ "prompt": "<image_soft_token>" })),
        ("prompt", json!({ "prompt": { "a": 1 } })),
        ("prompt", json!({ "prompt": vec!["a"; 69] })),
        ("echo", json!({ "prompt": "a", "echo": true, "logprobs": 1 })),
        ("logprobs", json!({ "prompt": "a", "logprobs": true })),
        ("best_of", json!({ "prompt": "a", "best_of": 2 })),
        ("suffix", json!({ "prompt": "a", "suffix": "b" })),
        ("messages", json!({ "prompt": "a", "messages": [] })),
    ];
    for (param, body) in cases {
        server.post(TEXT_ROUTE, body.clone()).await.is_error(400, Some(param), Some("invalid_value"));
    }
    for (param, body) in [("tokens", json!({})), ("tokens", json!({ "tokens": ["a"] })), ("tokens", json!({ "tokens": [4096] }))] {
        server.post("/detokenize", body).await.is_error(400, Some(param), Some("invalid_value"));
    }
    server.post("/tokenize", json!({ "prompt": 1 })).await.is_error(400, Some("prompt"), Some("invalid_value"));
    assert_eq!((server.get("/ready").await.status, server.engine.held()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_requests() {
    let server = Server::with(|_| (), 8, |config| config.body_limit = 10_000).await;
    let deep = "[".repeat(5000);
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"{\"prompt\": \"a\"} x",
        b"{\"prompt\": \"\xff\xfe\"}",
        b"{\"temperature\": 1e999}",
        b"{\"a\": \"\\ud800\"}",
        deep.as_bytes(),
    ] {
        for route in [CHAT, TEXT_ROUTE, "/tokenize", "/detokenize"] {
            server.raw(route, body).await.is_error(400, None, Some("invalid_json"));
        }
    }
    let large = format!("{{\"prompt\": \"{}\"}}", "a".repeat(20_000));
    server.raw(TEXT_ROUTE, large.as_bytes()).await.is_error(413, None, Some("request_too_large"));
    // A length alone is enough: nothing of the body is waited for.
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST {TEXT_ROUTE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10001\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    reply(stream).await.is_error(413, None, Some("request_too_large"));
    assert_eq!(server.get("/ready").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_methods_and_models_that_are_not() {
    let server = Server::new().await;
    server.get("/nowhere").await.is_error(404, None, Some("unknown_url"));
    server.post("/", json!({})).await.is_error(404, None, Some("unknown_url"));
    server.get(CHAT).await.is_error(405, None, Some("method_not_allowed"));
    server.post("/ready", json!({})).await.is_error(405, None, Some("method_not_allowed"));
    server.get("/v1/models/a/b").await.is_error(404, Some("model"), Some("model_not_found"));
    server.get("/v1/models/%ff").await.is_error(404, Some("model"), Some("model_not_found"));
    server.post(CHAT, json!({ "model": "gpt-x", "messages": hello() })).await.is_error(404, Some("model"), Some("model_not_found"));
    server.post(TEXT_ROUTE, json!({ "model": "", "prompt": "a" })).await.is_error(404, Some("model"), Some("model_not_found"));
    server.post("/v1/embeddings", json!({ "input": "a" })).await.is_error(501, None, Some("not_supported"));
    server.post("/v1/responses", json!({ "input": "a" })).await.is_error(501, None, Some("not_supported"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_says_both_numbers() {
    let server = Server::new().await;
    let context = limits().context;
    let long = vec![40; context + 5];
    let got = server.post(TEXT_ROUTE, json!({ "prompt": long, "stream": true })).await;
    got.is_error(400, None, Some("context_length_exceeded"));
    let value = got.json();
    assert_eq!((&value["error"]["n_prompt_tokens"], &value["error"]["n_ctx"]), (&json!(context + 5), &json!(context)));
    let message = value["error"]["message"].as_str().unwrap();
    assert!(message.contains(&(context + 5).to_string()) && message.contains(&context.to_string()), "{message}");
    // So long that it is not even encoded.
    let huge = json!({ "messages": [{ "role": "user", "content": "word ".repeat(200_000) }] });
    server.post(CHAT, huge).await.is_error(400, None, Some("context_length_exceeded"));
    let full = server.post(TEXT_ROUTE, json!({ "prompt": vec![40; context], "temperature": 0 })).await.json();
    assert_eq!((&full["usage"]["completion_tokens"], &full["choices"][0]["finish_reason"]), (&json!(1), &json!("length")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_without_a_template_says_so() {
    let json = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/pebble/tokenizer.json")).unwrap();
    let bare = Arc::new(Tokenizer::from_parts(&json, &crate::tokens::ChatSpec::default()).unwrap());
    let served = ServedModel { tokenizer: bare, ..client::model("bare", Fake::new(limits()), 8) };
    let cell = ModelCell::loading();
    cell.ready(served);
    let server = Server::with(|_| (), 8, move |config| config.models.push(("bare".into(), cell))).await;
    server.post(CHAT, json!({ "model": "bare", "messages": hello() })).await.is_error(400, Some("messages"), Some("invalid_value"));
    assert_eq!(server.post(TEXT_ROUTE, json!({ "model": "bare", "prompt": "a" })).await.status, 200);
}
