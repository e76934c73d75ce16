//! Everything that generates nothing: lists of models, health, tokens of a text and back, and what is not offered.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::errors::ApiError;
use super::request::{blocking, encode};
use super::{App, Body, ModelState, ServedModel, chat, completions};

type Answer = Result<Json<Value>, ApiError>;

pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn ready(State(app): State<Arc<App>>) -> Answer {
    app.readiness()?;
    Ok(Json(json!({ "status": "ready" })))
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let models: Vec<Value> = app.served().map(|model| card(&model)).collect();
    Json(json!({ "object": "list", "data": models }))
}

pub(super) async fn one(State(app): State<Arc<App>>, name: Result<Path<String>, PathRejection>) -> Answer {
    let Path(name) = name.map_err(|_| ApiError::model("�"))?;
    let (_, cell) = app.config.models.iter().find(|(n, _)| *n == name).ok_or_else(|| ApiError::model(&name))?;
    match cell.state() {
        ModelState::Ready(model) => Ok(Json(card(&model))),
        ModelState::Loading => Err(ApiError::unavailable("model_loading", format!("the model `{name}` is still being loaded"))),
        ModelState::Failed(why) => Err(ApiError::unavailable("model_failed", format!("the model `{name}` could not be loaded: {why}"))),
    }
}

fn card(model: &ServedModel) -> Value {
    json!({
        "id": model.name,
        "object": "model",
        "created": model.info.created,
        "owned_by": "unicorn",
        "max_model_len": model.engine.limits().context,
        "digest": model.info.digest,
    })
}

pub(super) async fn embeddings() -> ApiError {
    ApiError::unsupported("embeddings are not offered: the artifact holds a language model, which gives tokens")
}

pub(super) async fn responses() -> ApiError {
    ApiError::unsupported("the Responses API is not offered; use /v1/chat/completions")
}

/// Takes `prompt` (with bos, as a completion would), `content` (without) or `messages`; `add_special_tokens` or `add_special` say otherwise.
pub(super) async fn tokenize(State(app): State<Arc<App>>, body: Body) -> Answer {
    let mut fields = app.fields(body)?;
    let model = app.model(&mut fields)?;
    let (prompt, content) = (fields.text("prompt")?, fields.text("content")?);
    let special = fields.flag("add_special_tokens")?.or(fields.flag("add_special")?);
    let pieces = fields.flag("with_pieces")?.unwrap_or(false);
    let generate = fields.flag("add_generation_prompt")?.unwrap_or(true);
    fields.refuse("parse_special", |v| v == true)?;
    let messages = if prompt.is_none() && content.is_none() { Some(chat::messages(&mut fields)?) } else { None };
    fields.finish()?;
    let with = model.clone();
    let ids = blocking(move || match (messages, prompt, content) {
        (Some(messages), _, _) => chat::prompt(&with, &messages, generate),
        (_, Some(text), _) => Ok(encode(&with, &text, special.unwrap_or(true))?),
        (_, None, text) => Ok(encode(&with, &text.unwrap_or_default(), special.unwrap_or(false))?),
    })
    .await?;
    let count = ids.len();
    let tokens: Vec<Value> = ids
        .into_iter()
        .map(|id| if pieces { json!({ "id": id, "piece": String::from_utf8_lossy(model.tokenizer.token_bytes(id)) }) } else { id.into() })
        .collect();
    Ok(Json(json!({ "tokens": tokens, "count": count, "max_model_len": model.engine.limits().context })))
}

/// Takes `tokens`; control tokens are written out.
pub(super) async fn detokenize(State(app): State<Arc<App>>, body: Body) -> Answer {
    let mut fields = app.fields(body)?;
    let model = app.model(&mut fields)?;
    let list = fields.list("tokens")?.ok_or_else(|| ApiError::field("tokens", "`tokens` is missing"))?;
    fields.finish()?;
    let ids = completions::tokens(&list).ok_or_else(|| ApiError::field("tokens", "`tokens` must be a list of token ids"))?;
    if let Some(id) = ids.iter().find(|&&id| id as usize >= model.tokenizer.vocabulary()) {
        return Err(ApiError::field("tokens", format!("`tokens`: {id} is no token; they end at {}", model.tokenizer.vocabulary() - 1)));
    }
    let text = model.tokenizer.decode(&ids, true);
    Ok(Json(json!({ "content": text, "prompt": text })))
}
