//! The server over a real socket, with the fake stepper and the demo model's tokenizer. `client` speaks just enough HTTP.

mod client;
mod refusals;
mod shapes;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::generate::EngineConfig;
use crate::generate::fake::{Fake, TEXT, limits};
use client::{Server, reply, send, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_leave_and_the_server_stays() {
    let server = Server::with(|fake| fake.delay = Duration::from_millis(2), 200, |_| ()).await;
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let address = server.address;
            tokio::spawn(async move {
                let streamed = i % 3 != 0;
                let body = json!({ "messages": [{ "role": "user", "content": format!("client {i}") }], "stream": streamed });
                let mut stream = send(address, "POST", "/v1/chat/completions", &[], body.to_string().as_bytes()).await;
                if streamed {
                    client::read_some(&mut stream).await;
                } else {
                    tokio::time::sleep(Duration::from_millis(i)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    until(|| server.engine.held() == 0).await;
    assert_eq!(server.engine.stats().running.get(), 0);
    assert!(server.engine.stats().cancelled.get() > 50);
    assert_eq!(server.get("/ready").await.status, 200);
    let after = server.post("/v1/completions", json!({ "prompt": "still here", "max_tokens": 3 })).await;
    assert_eq!((after.status, &after.json()["usage"]["completion_tokens"]), (200, &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_429_and_passes() {
    let server = Server::with(|fake| fake.delay = Duration::from_millis(5), 1, |_| ()).await;
    let long = json!({ "prompt": "a", "max_tokens": 90, "stream": true }).to_string();
    let mut held = Vec::new();
    for _ in 0..server.engine.capacity() {
        let mut stream = send(server.address, "POST", "/v1/completions", &[], long.as_bytes()).await;
        client::read_head(&mut stream).await;
        held.push(stream);
    }
    let full = server.post("/v1/completions", json!({ "prompt": "b" })).await;
    full.is_error(429, None, Some("queue_full"));
    assert!(full.head.contains("retry-after: 1"));
    drop(held);
    until(|| server.engine.held() == 0).await;
    assert_eq!(server.post("/v1/completions", json!({ "prompt": "b" })).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_lets_answers_finish() {
    let mut server = Server::with(|fake| fake.delay = Duration::from_millis(5), 8, |_| ()).await;
    let body = json!({ "prompt": "a", "max_tokens": 60, "stream": true, "seed": 1 }).to_string();
    let mut stream = send(server.address, "POST", "/v1/completions", &[], body.as_bytes()).await;
    client::read_head(&mut stream).await;
    server.stop();
    until(|| server.engine.stopped().is_some()).await;
    server.get("/ready").await.is_error(503, None, Some("draining"));
    assert_eq!(server.get("/live").await.status, 200);
    server.post("/v1/completions", json!({ "prompt": "b" })).await.is_error(503, None, Some("draining"));
    let rest = reply(stream).await;
    let text = String::from_utf8_lossy(&rest.body);
    assert!(text.contains("\"finish_reason\":\"length\"") && text.trim_end().ends_with("data: [DONE]"), "{text}");
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_takes_too_long_ends_answers_with_an_error() {
    let mut server = Server::with(|fake| fake.delay = Duration::from_millis(20), 8, |c| c.drain_timeout = Duration::from_millis(100)).await;
    let body = json!({ "prompt": "a", "max_tokens": 90, "stream": true }).to_string();
    let mut stream = send(server.address, "POST", "/v1/completions", &[], body.as_bytes()).await;
    client::read_head(&mut stream).await;
    server.stop();
    let rest = reply(stream).await;
    let last = rest.frames().pop().unwrap();
    assert!(last.contains("\"error\"") && last.contains("engine_stopped"), "{last}");
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_is_500_or_an_error_frame() {
    let server = Server::with(|fake| fake.fail = Some(2), 8, |_| ()).await;
    let body = json!({ "prompt": "a", "max_tokens": 9 });
    server.post("/v1/completions", body.clone()).await.is_error(500, None, Some("internal_error"));
    assert_eq!(server.post("/v1/completions", body).await.status, 200);

    let server = Server::with(|fake| fake.fail = Some(2), 8, |_| ()).await;
    let streamed = server.post("/v1/chat/completions", json!({ "messages": [{ "role": "user", "content": "a" }], "stream": true })).await;
    let frames = streamed.frames();
    let last: Value = serde_json::from_str(frames.last().unwrap()).unwrap();
    assert_eq!((streamed.status, &last["error"]["code"]), (200, &json!("internal_error")));
    assert!(frames.iter().all(|f| f != "[DONE]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_is_said_and_not_hidden() {
    let server = Server::with(|fake| fake.panic = Some(1), 8, |_| ()).await;
    server.post("/v1/completions", json!({ "prompt": "a" })).await.is_error(500, None, Some("internal_error"));
    until(|| server.engine.stopped().is_some()).await;
    server.get("/ready").await.is_error(503, None, Some("engine_stopped"));
    server.post("/v1/completions", json!({ "prompt": "a" })).await.is_error(503, None, Some("engine_stopped"));
    assert_eq!(server.get("/live").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_load_behind_an_open_door() {
    let late = ModelCell::loading();
    let broken = ModelCell::loading();
    broken.failed("no such file");
    let cell = late.clone();
    let server = Server::with(|_| (), 8, move |config| config.models.push(("late".into(), cell))).await;
    assert_eq!(server.get("/live").await.status, 200);
    server.get("/ready").await.is_error(503, None, Some("model_loading"));
    server.get("/health").await.is_error(503, None, Some("model_loading"));
    server.post("/v1/completions", json!({ "model": "late", "prompt": "a" })).await.is_error(503, None, Some("model_loading"));
    assert_eq!(server.post("/v1/completions", json!({ "model": "demo", "prompt": "a" })).await.status, 200);
    late.ready(client::model("late", Fake::new(limits()), 8));
    assert_eq!(server.get("/health").await.json(), json!({ "status": "ready" }));
    let answer = server.post("/v1/completions", json!({ "model": "late", "prompt": "a" })).await.json();
    assert_eq!(answer["model"], "late");
    let names: Vec<Value> = server.get("/v1/models").await.json()["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(names, ["demo", "late"]);

    let server = Server::with(|_| (), 8, move |config| config.models.push(("broken".into(), broken))).await;
    server.get("/ready").await.is_error(503, None, Some("model_failed"));
    server.get("/v1/models/broken").await.is_error(503, None, Some("model_failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_asked_for() {
    let server = Server::with(|_| (), 8, |config| config.api_key = Some("secret".into())).await;
    for (headers, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer wrong")], 401),
        (&[("Authorization", "Bearer ")], 401),
        (&[("Authorization", "secret")], 401),
        (&[("Authorization", "Bearer secret")], 200),
        (&[("authorization", "bearer secret")], 200),
    ] {
        let got = reply(send(server.address, "GET", "/v1/models", headers, b"").await).await;
        assert_eq!(got.status, status, "{headers:?}");
        if status == 401 {
            got.is_error(401, None, Some("invalid_api_key"));
        }
    }
    server.get("/nowhere").await.is_error(401, None, Some("invalid_api_key"));
    for path in ["/live", "/ready", "/health"] {
        assert_eq!(server.get(path).await.status, 200);
    }
}
