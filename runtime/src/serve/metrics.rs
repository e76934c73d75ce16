//! What is counted: `/metrics` for Prometheus, `/stats` for people.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::{App, ModelState, ServedModel};
use crate::generate::stats::{Histogram, Stats};

pub(super) async fn stats(State(app): State<Arc<App>>) -> Json<Value> {
    let models = app.config.models.iter().map(|(name, cell)| match cell.state() {
        ModelState::Loading => json!({ "id": name, "state": "loading" }),
        ModelState::Failed(why) => json!({ "id": name, "state": "failed", "error": why }),
        ModelState::Ready(model) => model_stats(&model),
    });
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": app.started.elapsed().as_secs_f64(),
        "draining": app.draining.load(SeqCst),
        "models": models.collect::<Vec<_>>(),
    }))
}

pub(super) fn model_stats(model: &ServedModel) -> Value {
    let (stats, limits) = (model.engine.stats(), model.engine.limits());
    let mean = |h: &Histogram| if h.count() == 0 { Value::Null } else { (h.sum() / h.count() as f64).into() };
    json!({
        "id": model.name,
        "state": if model.engine.stopped().is_some() { "stopped" } else { "ready" },
        "digest": model.info.digest,
        "limits": {
            "context": limits.context,
            "slots": limits.slots,
            "rows": limits.rows,
            "requests": model.engine.capacity(),
            "vocabulary": model.info.vocabulary,
            "text_vocabulary": model.info.text_vocabulary,
        },
        "running": stats.running.get(),
        "waiting": waiting(model),
        "requests": {
            "stop": stats.stopped.get(),
            "length": stats.length.get(),
            "cancelled": stats.cancelled.get(),
            "error": stats.failed.get(),
            "rejected": stats.rejected.get(),
        },
        "tokens": {
            "prompt": stats.prompt_tokens.get(),
            "cached": stats.cached_tokens.get(),
            "generated": stats.generated_tokens.get(),
        },
        "steps": stats.steps.get(),
        "rows_per_step": mean(&stats.rows),
        "time_to_first_token_s": mean(&stats.first_token),
        "time_between_tokens_s": mean(&stats.between_tokens),
        "details": details(model),
    })
}

/// What the model says of itself, with the devices that run it now.
fn details(model: &ServedModel) -> Value {
    let mut details = model.info.details.clone();
    let devices = model.info.roster.as_ref().map(|roster| roster.json());
    if let (Some(details), Some(Value::Object(devices))) = (details.as_object_mut(), devices) {
        details.extend(devices);
    }
    details
}

/// Counts what lies between the client and the scheduler as well.
fn waiting(model: &ServedModel) -> u64 {
    (model.engine.held() as u64).saturating_sub(model.engine.stats().running.get())
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot { models: app.served().collect(), vllm: app.config.vllm_names }));
    let mut out = String::new();
    text::encode(&mut out, &registry).map_err(|e| ApiError::server(format!("metrics: {e}")))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], out))
}

#[derive(Debug)]
struct Snapshot {
    models: Vec<Arc<ServedModel>>,
    vllm: bool,
}

type Labels = [(&'static str, String); 1];
type Read<T> = fn(&ServedModel) -> T;

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let e = &mut encoder;
        self.gauge(e, "unicorn_requests_running", "Sequences in slots", |m| m.engine.stats().running.get() as f64)?;
        self.gauge(e, "unicorn_requests_waiting", "Sequences waiting for a slot", |m| waiting(m) as f64)?;
        self.gauge(e, "unicorn_cache_usage_ratio", "Share of all positions that running sequences hold", usage)?;
        self.finished(e)?;
        self.counter(e, "unicorn_requests_rejected", "Requests turned away because the queue was full", |s| s.rejected.get())?;
        self.counter(e, "unicorn_prompt_tokens", "Prompt tokens of started requests", |s| s.prompt_tokens.get())?;
        self.counter(e, "unicorn_cached_tokens", "Prompt tokens taken over from earlier sequences", |s| s.cached_tokens.get())?;
        self.counter(e, "unicorn_generated_tokens", "Tokens generated", |s| s.generated_tokens.get())?;
        self.counter(e, "unicorn_steps", "Steps run", |s| s.steps.get())?;
        self.histogram(e, "unicorn_time_to_first_token_seconds", "From asking to the first token", |s| &s.first_token)?;
        self.histogram(e, "unicorn_inter_token_latency_seconds", "Between two tokens", |s| &s.between_tokens)?;
        self.histogram(e, "unicorn_step_rows", "Rows of a step", |s| &s.rows)?;
        if self.vllm { self.vllm(e) } else { Ok(()) }
    }
}

impl Snapshot {
    /// The names that routers read.
    fn vllm(&self, e: &mut DescriptorEncoder) -> fmt::Result {
        self.gauge(e, "vllm:num_requests_running", "Sequences in slots", |m| m.engine.stats().running.get() as f64)?;
        self.gauge(e, "vllm:num_requests_waiting", "Sequences waiting for a slot", |m| waiting(m) as f64)?;
        self.gauge(e, "vllm:kv_cache_usage_perc", "Share of all positions that running sequences hold", usage)?;
        self.counter(e, "vllm:prompt_tokens", "Prompt tokens of started requests", |s| s.prompt_tokens.get())?;
        self.counter(e, "vllm:generation_tokens", "Tokens generated", |s| s.generated_tokens.get())?;
        self.counter(e, "vllm:prefix_cache_queries", "Prompt tokens of started requests", |s| s.prompt_tokens.get())?;
        self.counter(e, "vllm:prefix_cache_hits", "Prompt tokens taken over from earlier sequences", |s| s.cached_tokens.get())?;
        self.histogram(e, "vllm:time_to_first_token_seconds", "From asking to the first token", |s| &s.first_token)?;
        self.histogram(e, "vllm:inter_token_latency_seconds", "Between two tokens", |s| &s.between_tokens)
    }

    fn each(&self, mut metric: MetricEncoder, write: impl Fn(&ServedModel, MetricEncoder) -> fmt::Result) -> fmt::Result {
        self.models.iter().try_for_each(|model| {
            let labels: Labels = [("model_name", model.name.clone())];
            write(model, metric.encode_family(&labels)?)
        })
    }

    fn gauge(&self, e: &mut DescriptorEncoder, name: &str, help: &str, read: Read<f64>) -> fmt::Result {
        self.each(e.encode_descriptor(name, help, None, MetricType::Gauge)?, |model, mut m| m.encode_gauge(&read(model)))
    }

    fn counter(&self, e: &mut DescriptorEncoder, name: &str, help: &str, read: fn(&Stats) -> u64) -> fmt::Result {
        self.each(e.encode_descriptor(name, help, None, MetricType::Counter)?, |model, mut m| {
            m.encode_counter::<NoLabelSet, _, f64>(&read(model.engine.stats()), None)
        })
    }

    fn histogram(&self, e: &mut DescriptorEncoder, name: &str, help: &str, read: fn(&Stats) -> &Histogram) -> fmt::Result {
        self.each(e.encode_descriptor(name, help, None, MetricType::Histogram)?, |model, mut m| {
            let histogram = read(model.engine.stats());
            m.encode_histogram::<NoLabelSet>(histogram.sum(), histogram.count(), &histogram.buckets(), None)
        })
    }

    fn finished(&self, e: &mut DescriptorEncoder) -> fmt::Result {
        let mut metric = e.encode_descriptor("unicorn_requests_finished", "Answers by the way they ended", None, MetricType::Counter)?;
        for model in &self.models {
            let s = model.engine.stats();
            for (reason, count) in [("stop", &s.stopped), ("length", &s.length), ("cancelled", &s.cancelled), ("error", &s.failed)] {
                let labels = [("model_name", model.name.as_str()), ("reason", reason)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count.get(), None)?;
            }
        }
        Ok(())
    }
}

fn usage(model: &ServedModel) -> f64 {
    let limits = model.engine.limits();
    model.engine.stats().positions.get() as f64 / (limits.slots * limits.context) as f64
}
