//! A server for one test, and the little HTTP that tests need.

use std::net::SocketAddr;
use std::sync::LazyLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

static TOKENIZER: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| Arc::new(crate::tokens::demo()));

pub(super) fn tokenizer() -> Arc<Tokenizer> {
    TOKENIZER.clone()
}

pub(super) fn model(name: &str, fake: Fake, queue: usize) -> ServedModel {
    let engine = Engine::new(Box::new(fake), tokenizer(), EngineConfig { text_vocabulary: TEXT, queue }).unwrap();
    let info = ModelInfo {
        vocabulary: limits().vocabulary,
        text_vocabulary: TEXT,
        digest: "0123abcd".into(),
        stop_ids: vec![1, 11],
        created: 1_700_000_000,
        details: json!({ "device": "fake" }),
        ..ModelInfo::default()
    };
    ServedModel { name: name.into(), engine, tokenizer: tokenizer(), info }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) engine: Engine,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    pub(super) async fn new() -> Self {
        Self::with(|_| (), 64, |_| ()).await
    }

    pub(super) async fn with(fake: impl FnOnce(&mut Fake), queue: usize, change: impl FnOnce(&mut Config)) -> Self {
        let mut stepper = Fake::new(limits());
        fake(&mut stepper);
        let served = model("demo", stepper, queue);
        let engine = served.engine.clone();
        let cell = ModelCell::loading();
        cell.ready(served);
        let mut config = Config::new(vec![("demo".into(), cell)]);
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve_until(config, listener, async {
            let _ = stopped.await;
        }));
        Self { address, engine, stop: Some(stop), task: Some(task) }
    }

    pub(super) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(super) async fn ended(&mut self) {
        tokio::time::timeout(Duration::from_secs(20), self.task.take().unwrap()).await.unwrap().unwrap().unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        reply(send(self.address, "GET", path, &[], b"").await).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.raw(path, body.to_string().as_bytes()).await
    }

    pub(super) async fn raw(&self, path: &str, body: &[u8]) -> Reply {
        reply(send(self.address, "POST", path, &[], body).await).await
    }
}

pub(super) struct Reply {
    pub(super) status: u16,
    /// Status line and headers, in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The data of each event; also checks the framing.
    pub(super) fn frames(&self) -> Vec<String> {
        assert!(self.head.contains("content-type: text/event-stream"), "{}", self.head);
        let text = std::str::from_utf8(&self.body).unwrap();
        assert!(text.ends_with("\n\n"));
        let events = text.split("\n\n").filter(|event| !event.is_empty() && !event.starts_with(':'));
        events.map(|event| event.strip_prefix("data: ").filter(|data| !data.contains('\n')).unwrap().to_owned()).collect()
    }

    pub(super) fn is_error(&self, status: u16, param: Option<&str>, code: Option<&str>) {
        let value = self.json();
        let error = value["error"].as_object().unwrap();
        assert_eq!((self.status, &error["param"], &error["code"]), (status, &json!(param), &json!(code)), "{value}");
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()) && error["type"].is_string());
        assert!(self.head.contains("content-type: application/json") && self.head.contains("x-request-id: "));
        assert_eq!(value.as_object().unwrap().len(), 1);
    }
}

pub(super) async fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // A server may answer and close before a body that it refuses is all sent.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    stream
}

/// Reads whatever comes first.
pub(super) async fn read_some(stream: &mut TcpStream) {
    let mut buffer = [0; 512];
    assert!(stream.read(&mut buffer).await.unwrap() > 0);
}

/// Waits until the answer has begun, and leaves it unread.
pub(super) async fn read_head(stream: &mut TcpStream) {
    let mut buffer = [0; 12];
    while stream.peek(&mut buffer).await.unwrap() < buffer.len() {}
    assert_eq!(&buffer, b"HTTP/1.1 200");
}

pub(super) async fn reply(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await.expect("no answer");
    let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("{read:?}: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap().to_lowercase();
    let mut body = bytes.split_off(at + 4);
    if head.contains("transfer-encoding: chunked") {
        body = unchunk(&body);
    }
    Reply { status: head[9..12].parse().unwrap(), head, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let line = bytes.windows(2).position(|w| w == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return out;
        }
        out.extend_from_slice(&bytes[line + 2..line + 2 + length]);
        bytes = &bytes[line + 2 + length + 2..];
    }
}

pub(super) async fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
