//! `/v1/completions`: a prompt as text or tokens, one or several; plain text out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::answer::{Answer, Form};
use super::errors::ApiError;
use super::fields::Fields;
use super::request::{Common, blocking, encode};
use super::{App, Body};

type Result<T> = std::result::Result<T, ApiError>;

/// Tokens of an answer when nothing is said, as in the OpenAI API.
const MAX_TOKENS: usize = 16;

/// The route.
pub(super) async fn create(State(app): State<Arc<App>>, body: Body) -> Result<Response> {
    let mut fields = app.fields(body)?;
    let model = app.model(&mut fields)?;
    let prompts = prompts(&mut fields)?;
    let mut common = Common::read(&mut fields, &model.info.defaults, 0)?;
    common.max_tokens.get_or_insert(MAX_TOKENS);
    common.params.logprobs = fields.count("logprobs", 0, 20)?;
    let echo = fields.flag("echo")?.unwrap_or(false);
    if echo && common.params.logprobs.is_some() {
        return Err(ApiError::field("echo", "`echo` together with `logprobs` is not supported: prompt tokens have no log-probabilities here"));
    }
    let n = common.n;
    fields.refuse("best_of", |v| v.as_u64() == Some(n as u64))?;
    fields.refuse("suffix", |v| v == "")?;
    fields.finish()?;
    common.fits(&model, prompts.len())?;
    let with = model.clone();
    let (tokens, echoes) = blocking(move || {
        let mut tokens = Vec::with_capacity(prompts.len());
        let mut echoes = Vec::new();
        for prompt in prompts {
            let (ids, text) = match prompt {
                Prompt::Text(text) => (encode(&with, &text, true)?, text),
                Prompt::Tokens(ids) => {
                    let text = if echo { with.tokenizer.decode(&ids, true) } else { String::new() };
                    (ids, text)
                }
            };
            tokens.push(ids);
            if echo {
                echoes.push(text);
            }
        }
        Ok((tokens, echoes))
    })
    .await?;
    let receivers = model.engine.submit(common.requests(&model, &tokens))?;
    Ok(Answer::new(Form::Text, model, common, echoes, receivers).respond().await)
}

#[derive(Debug)]
enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// A text, a list of texts, a list of tokens, or a list of such lists.
fn prompts(fields: &mut Fields) -> Result<Vec<Prompt>> {
    let wrong = || ApiError::field("prompt", "`prompt` must be a string, a list of strings, a list of token ids, or a list of such lists");
    match fields.take("prompt") {
        None => Err(ApiError::field("prompt", "`prompt` is missing")),
        Some(Value::String(text)) => Ok(vec![Prompt::Text(text)]),
        Some(Value::Array(list)) => match list.first() {
            None => Err(ApiError::field("prompt", "`prompt` is empty")),
            Some(Value::Number(_)) => Ok(vec![Prompt::Tokens(tokens(&list).ok_or_else(wrong)?)]),
            Some(Value::String(_) | Value::Array(_)) => list
                .iter()
                .map(|value| match (value, &list[0]) {
                    (Value::String(text), Value::String(_)) => Ok(Prompt::Text(text.clone())),
                    (Value::Array(ids), Value::Array(_)) => tokens(ids).map(Prompt::Tokens).ok_or_else(wrong),
                    _ => Err(wrong()),
                })
                .collect(),
            Some(_) => Err(wrong()),
        },
        Some(_) => Err(wrong()),
    }
}

/// Token ids; those that no token has are refused later, by number.
pub(super) fn tokens(list: &[Value]) -> Option<Vec<u32>> {
    list.iter().map(|value| value.as_u64().map(|id| u32::try_from(id).unwrap_or(u32::MAX))).collect()
}
