//! `/v1/chat/completions`: messages in, through the checkpoint's own template; an assistant's message out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::answer::{Answer, Form};
use super::errors::ApiError;
use super::fields::{Fields, wrong};
use super::request::{Common, blocking, encode};
use super::{App, Body, ServedModel};
use crate::tokens::{Content, Message, Part};

type Result<T> = std::result::Result<T, ApiError>;

/// The route.
pub(super) async fn create(State(app): State<Arc<App>>, body: Body) -> Result<Response> {
    let mut fields = app.fields(body)?;
    let model = app.model(&mut fields)?;
    let messages = messages(&mut fields)?;
    let mut common = Common::read(&mut fields, &model.info.defaults, 1)?;
    common.params.logprobs = logprobs(&mut fields)?;
    refuse(&mut fields)?;
    fields.finish()?;
    common.fits(&model, 1)?;
    let with = model.clone();
    let prompt = blocking(move || prompt(&with, &messages, true)).await?;
    let requests = common.requests(&model, &[prompt]);
    let receivers = model.engine.submit(requests)?;
    Ok(Answer::new(Form::Chat, model, common, Vec::new(), receivers).respond().await)
}

/// The tokens of a chat; `generate` opens the answer's turn.
pub(super) fn prompt(model: &ServedModel, messages: &[Message], generate: bool) -> Result<Vec<u32>> {
    let template = model.tokenizer.chat().ok_or_else(|| ApiError::field("messages", "this checkpoint has no chat template; use /v1/completions"))?;
    Ok(encode(model, &template.render(messages, generate)?, false)?)
}

/// The messages of a request.
pub(super) fn messages(fields: &mut Fields) -> Result<Vec<Message>> {
    let list = fields.list("messages")?.ok_or_else(|| ApiError::field("messages", "`messages` is missing"))?;
    if list.is_empty() {
        return Err(ApiError::field("messages", "`messages` is empty; at least one is needed"));
    }
    list.into_iter().enumerate().map(|(index, value)| message(index, value)).collect()
}

fn message(index: usize, value: Value) -> Result<Message> {
    let at = |field: &str| format!("messages[{index}].{field}");
    let Value::Object(map) = value else { return Err(wrong(&format!("messages[{index}]"), "an object", &value)) };
    let mut fields = Fields::from(map);
    let role = match fields.take("role") {
        Some(Value::String(role)) => role,
        Some(other) => return Err(wrong(&at("role"), "a string", &other)),
        None => return Err(ApiError::field(at("role"), format!("`{}` is missing", at("role")))),
    };
    let role = match role.as_str() {
        "developer" => "system".to_owned(),
        "system" | "user" | "assistant" => role,
        _ => return Err(ApiError::field(at("role"), format!("`{}`: `{role}` is not system, developer, user or assistant", at("role")))),
    };
    let content = match fields.take("content") {
        Some(Value::String(text)) => Content::Text(text),
        Some(Value::Array(parts)) => Content::Parts(parts.into_iter().enumerate().map(|(i, p)| part(&at("content"), i, p)).collect::<Result<_>>()?),
        Some(other) => return Err(wrong(&at("content"), "a string or a list of parts", &other)),
        None => return Err(ApiError::field(at("content"), format!("`{}` is missing", at("content")))),
    };
    let name = match fields.take("name") {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(other) => return Err(wrong(&at("name"), "a string", &other)),
    };
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    fields.ignore(&["refusal", "annotations"]);
    for field in ["tool_calls", "function_call", "audio", "tool_call_id"] {
        if let Some(value) = fields.take(field)
            && !empty(&value)
        {
            return Err(ApiError::field(at(field), format!("`{}` is not supported by this server", at(field))));
        }
    }
    if let Some((field, _)) = fields.into_iter().next() {
        return Err(ApiError::field(at(&field), format!("`{}` is not a field that this server knows", at(&field))));
    }
    Ok(Message { role, content, name })
}

fn part(path: &str, index: usize, value: Value) -> Result<Part> {
    let path = format!("{path}[{index}]");
    let kind =
        value.get("type").and_then(Value::as_str).ok_or_else(|| ApiError::field(&path, format!("`{path}` must be an object with a `type`")))?;
    match (kind, value.get("text")) {
        ("text", Some(Value::String(text))) => Ok(Part::Text { text: text.clone() }),
        ("text", _) => Err(ApiError::field(&path, format!("`{path}.text` must be a string"))),
        _ => Err(ApiError::field(&path, format!("`{path}`: parts of type `{kind}` are not supported; only `text` is"))),
    }
}

fn logprobs(fields: &mut Fields) -> Result<Option<usize>> {
    let wanted = fields.flag("logprobs")?.unwrap_or(false);
    match fields.count("top_logprobs", 0, 20)? {
        Some(1..) if !wanted => Err(ApiError::field("top_logprobs", "`top_logprobs` needs `logprobs`: true")),
        top => Ok(wanted.then_some(top.unwrap_or(0))),
    }
}

/// What would change the answer, and cannot be had here.
fn refuse(fields: &mut Fields) -> Result<()> {
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    for field in ["tools", "functions"] {
        fields.refuse(field, empty)?;
    }
    fields.refuse("tool_choice", |v| v == "none" || v == "auto")?;
    fields.refuse("function_call", |v| v == "none" || v == "auto")?;
    fields.refuse("response_format", |v| v["type"] == "text")?;
    fields.refuse("modalities", |v| v.as_array().is_some_and(|list| list.iter().all(|m| m == "text")))?;
    fields.refuse("reasoning_effort", |v| v == "none")?;
    fields.refuse("verbosity", |v| v == "medium")?;
    for field in ["audio", "web_search_options"] {
        fields.refuse(field, |_| false)?;
    }
    // Both only say how, not what.
    fields.ignore(&["parallel_tool_calls", "prediction"]);
    Ok(())
}
