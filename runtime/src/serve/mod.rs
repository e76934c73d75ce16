//! The HTTP server: OpenAI's routes over engines. This file holds the models, the routes and the way from start to drain;
//! `chat`, `completions` and `models` are the routes, `answer` their objects, `request` and `fields` what they read, `errors` what they refuse, `metrics` what is counted.

mod answer;
mod args;
mod chat;
mod completions;
mod errors;
mod fields;
mod metrics;
mod models;
mod request;

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

use crate::generate::Engine;
use crate::hal::roster::Roster;
use crate::sample::SamplingParams;
use crate::tokens::Tokenizer;
use errors::ApiError;
use fields::Fields;

pub use args::{DeviceArgs, ServeArgs};

/// A request's body, or why it could not be read.
type Body = Result<Bytes, BytesRejection>;

/// What a model says of itself.
#[derive(Clone, Debug, Default)]
pub struct ModelInfo {
    /// Logits of one row.
    pub vocabulary: usize,
    /// Tokens that are text.
    pub text_vocabulary: usize,
    /// The artifact's digest: the `system_fingerprint`.
    pub digest: String,
    /// Tokens that end an answer.
    pub stop_ids: Vec<u32>,
    /// Unix time in seconds, for `/v1/models`.
    pub created: u64,
    /// What holds where a request says nothing.
    pub defaults: SamplingParams,
    /// Shown in `/stats` as it is: threads, kernels, memory.
    pub details: serde_json::Value,
    /// Shown there as it is at that moment: who runs what.
    pub roster: Option<Arc<Roster>>,
}

/// A model that answers.
#[derive(Debug)]
pub struct ServedModel {
    /// Its name in requests.
    pub name: String,
    /// Runs it.
    pub engine: Engine,
    /// Reads and writes its text.
    pub tokenizer: Arc<Tokenizer>,
    /// What it says of itself.
    pub info: ModelInfo,
}

/// How far a model is.
#[derive(Clone, Debug)]
pub enum ModelState {
    /// It is being loaded.
    Loading,
    /// It answers.
    Ready(Arc<ServedModel>),
    /// It cannot be loaded; why.
    Failed(String),
}

/// The place of a model that may still be loading. Clones are the same place: one for the server, one for whoever loads.
#[derive(Clone, Debug)]
pub struct ModelCell(Arc<RwLock<ModelState>>);

impl ModelCell {
    /// A place whose model is being loaded.
    pub fn loading() -> Self {
        Self(Arc::new(RwLock::new(ModelState::Loading)))
    }

    /// The model is there.
    pub fn ready(&self, model: ServedModel) {
        self.set(ModelState::Ready(Arc::new(model)));
    }

    /// The model will not come.
    pub fn failed(&self, why: impl Into<String>) {
        self.set(ModelState::Failed(why.into()));
    }

    /// How far it is.
    pub fn state(&self) -> ModelState {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: ModelState) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// What to serve, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names and models; the first answers where a request names none.
    pub models: Vec<(String, ModelCell)>,
    /// Asked of every request but health checks.
    pub api_key: Option<String>,
    /// Bytes of a request body at most.
    pub body_limit: usize,
    /// What runs when the server is told to stop gets this long to finish.
    pub drain_timeout: Duration,
    /// Also gives metrics under the names that vLLM uses.
    pub vllm_names: bool,
}

impl Config {
    /// One or more models with everything else as usual.
    pub fn new(models: Vec<(String, ModelCell)>) -> Self {
        Self { models, api_key: None, body_limit: 4 << 20, drain_timeout: Duration::from_secs(30), vllm_names: false }
    }
}

#[derive(Debug)]
struct App {
    config: Config,
    /// The digest of the key, so that comparing takes the same time for any two.
    key: Option<blake3::Hash>,
    started: Instant,
    draining: AtomicBool,
}

impl App {
    fn new(config: Config) -> Arc<Self> {
        let key = config.api_key.as_ref().map(|key| blake3::hash(key.as_bytes()));
        Arc::new(Self { config, key, started: Instant::now(), draining: AtomicBool::new(false) })
    }

    /// The fields of a request that generates or encodes.
    fn fields(&self, body: Body) -> Result<Fields, ApiError> {
        if self.draining.load(SeqCst) {
            return Err(ApiError::unavailable("draining", "the server is shutting down"));
        }
        match body {
            Ok(bytes) => Fields::parse(&bytes),
            Err(e) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(ApiError::body(self.config.body_limit)),
            Err(e) => Err(ApiError::invalid("invalid_body", format!("the body could not be read: {e}"))),
        }
    }

    /// The model that a request names, or the first.
    fn model(&self, fields: &mut Fields) -> Result<Arc<ServedModel>, ApiError> {
        let name = fields.text("model")?;
        let found = match &name {
            None => self.config.models.first(),
            Some(name) => self.config.models.iter().find(|(n, _)| n == name),
        };
        let (name, cell) = found.ok_or_else(|| ApiError::model(name.as_deref().unwrap_or_default()))?;
        match cell.state() {
            ModelState::Ready(model) => Ok(model),
            ModelState::Loading => Err(ApiError::unavailable("model_loading", format!("the model `{name}` is still being loaded"))),
            ModelState::Failed(why) => Err(ApiError::unavailable("model_failed", format!("the model `{name}` could not be loaded: {why}"))),
        }
    }

    fn served(&self) -> impl Iterator<Item = Arc<ServedModel>> {
        self.config.models.iter().filter_map(|(_, cell)| match cell.state() {
            ModelState::Ready(model) => Some(model),
            ModelState::Loading | ModelState::Failed(_) => None,
        })
    }

    /// Whether requests are answered; if not, why.
    fn readiness(&self) -> Result<(), ApiError> {
        if self.draining.load(SeqCst) {
            return Err(ApiError::unavailable("draining", "the server is shutting down"));
        }
        for (name, cell) in &self.config.models {
            match cell.state() {
                ModelState::Loading => return Err(ApiError::unavailable("model_loading", format!("the model `{name}` is still being loaded"))),
                ModelState::Failed(why) => {
                    return Err(ApiError::unavailable("model_failed", format!("the model `{name}` could not be loaded: {why}")));
                }
                ModelState::Ready(model) => {
                    if let Some(why) = model.engine.stopped() {
                        return Err(ApiError::unavailable("engine_stopped", format!("the engine of `{name}` has stopped: {why}")));
                    }
                }
            }
        }
        Ok(())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/completions", post(completions::create))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*name}", get(models::one))
        .route("/v1/embeddings", post(models::embeddings))
        .route("/v1/responses", post(models::responses))
        .route("/tokenize", post(models::tokenize))
        .route("/detokenize", post(models::detokenize))
        .route("/live", get(models::live))
        .route("/ready", get(models::ready))
        .route("/health", get(models::ready))
        .route("/stats", get(metrics::stats))
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move { ApiError::method(method.as_str(), uri.path()) })
        .fallback(|method: Method, uri: Uri| async move { ApiError::route(method.as_str(), uri.path()) })
        .layer(DefaultBodyLimit::max(app.config.body_limit))
        .layer(from_fn_with_state(app.clone(), admit))
        .layer(CatchPanicLayer::custom(|_| ApiError::server("the request failed inside; see the log").into_response()))
        .layer(from_fn(label))
        .with_state(app)
}

/// Asks for the key, except where an orchestrator asks whether the server lives; and refuses a body by its length, before it is sent.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, ApiError> {
    if let Some(key) = &app.key
        && !matches!(request.uri().path(), "/live" | "/ready" | "/health")
    {
        let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|value| value.split_at_checked(7)).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
        if given.is_none_or(|(_, given)| blake3::hash(given) != *key) {
            return Err(ApiError::key());
        }
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > app.config.body_limit as u64) {
        return Err(ApiError::body(app.config.body_limit));
    }
    Ok(next.run(request).await)
}

/// Gives each request an id, the client's own if it sent one, and logs it.
async fn label(request: Request, next: Next) -> Response {
    const ID: HeaderName = HeaderName::from_static("x-request-id");
    let sent = request.headers().get(&ID).filter(|id| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic));
    let id = sent.cloned().or_else(|| HeaderValue::try_from(uuid::Uuid::new_v4().to_string()).ok());
    let (method, path, start) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let mut response = next.run(request).await;
    let shown = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("-");
    tracing::info!(id = shown, %method, path, status = response.status().as_u16(), ms = start.elapsed().as_millis() as u64, "request");
    if let Some(id) = id {
        response.headers_mut().insert(ID, id);
    }
    response
}

/// Serves until SIGTERM or SIGINT, then drains: `/ready` says 503, new requests are refused, running ones finish within the drain timeout.
///
/// # Errors
/// The listener's.
pub async fn serve(config: Config, listener: TcpListener) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve_until(config, listener, stop).await
}

/// Serves until `stop` is ready, then drains as [`serve`] does.
///
/// # Errors
/// The listener's.
pub async fn serve_until(config: Config, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
    let app = App::new(config);
    // Tokens are small and should not wait for each other.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(async {
        let _ = closed.await;
    });
    let drain = async {
        stop.await;
        drain(&app).await;
        let _ = close.send(());
        // What is left are connections whose clients are slow to read.
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        result = server => result,
        () = drain => Ok(()),
    }
}

async fn drain(app: &App) {
    tracing::info!("draining");
    app.draining.store(true, SeqCst);
    let engines: Vec<Engine> = app.served().map(|model| model.engine.clone()).collect();
    engines.iter().for_each(Engine::drain);
    let deadline = Instant::now() + app.config.drain_timeout;
    while engines.iter().any(|engine| engine.held() > 0) {
        if Instant::now() >= deadline {
            tracing::warn!("the drain timeout is over; what still runs is ended");
            engines.iter().for_each(Engine::abort);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests;
