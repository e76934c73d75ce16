//! Events to JSON: the objects of both forms, whole or as a stream of server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio_stream::Stream;

use super::ServedModel;
use super::errors::ApiError;
use super::request::Common;
use crate::generate::{Event, Finish, Reason, Receiver, Token, Usage};
use crate::sample::Logprob;

/// A comment keeps an idle stream open this often.
const PING: Duration = Duration::from_secs(15);

/// Which of the two APIs is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Text,
}

/// An answer on its way: one or more choices of one request. Dropping it cancels them all.
pub(super) struct Answer {
    form: Form,
    id: String,
    created: u64,
    model: Arc<ServedModel>,
    stream: bool,
    include_usage: bool,
    n: usize,
    choices: Vec<Choice>,
}

#[derive(Default)]
struct Choice {
    receiver: Option<Receiver>,
    text: String,
    /// Log-probabilities so far, in the form's own shape; kept only for whole answers.
    logprobs: Vec<Value>,
    wants_logprobs: bool,
    /// Characters of the tokens so far, the prompt's echo included.
    offset: usize,
    finish: Option<Finish>,
}

impl Answer {
    /// `echoes` holds the text of each prompt, or nothing.
    pub(super) fn new(form: Form, model: Arc<ServedModel>, common: Common, echoes: Vec<String>, receivers: Vec<Receiver>) -> Self {
        let prefix = match form {
            Form::Chat => "chatcmpl",
            Form::Text => "cmpl",
        };
        let choices = receivers.into_iter().enumerate().map(|(index, receiver)| {
            let text = echoes.get(index / common.n).cloned().unwrap_or_default();
            Choice {
                receiver: Some(receiver),
                offset: text.chars().count(),
                text,
                wants_logprobs: common.params.logprobs.is_some(),
                ..Choice::default()
            }
        });
        Self {
            form,
            id: format!("{prefix}-{}", uuid::Uuid::new_v4().simple()),
            created: super::now(),
            stream: common.stream,
            include_usage: common.include_usage,
            n: common.n,
            choices: choices.collect(),
            model,
        }
    }

    /// The whole answer, or the start of its stream.
    pub(super) async fn respond(self) -> Response {
        if !self.stream {
            return self.whole().await.map_or_else(IntoResponse::into_response, |value| Json(value).into_response());
        }
        let mut response = Sse::new(Frames::new(self)).keep_alive(KeepAlive::new().interval(PING)).into_response();
        // Asks proxies to pass each event on at once.
        response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        response
    }

    async fn whole(mut self) -> Result<Value, ApiError> {
        for index in 0..self.choices.len() {
            while let Some(mut receiver) = self.choices[index].receiver.take() {
                match receiver.next().await {
                    Some(Event::Token(token)) => {
                        let logprobs = self.logprobs(index, &token);
                        let choice = &mut self.choices[index];
                        choice.text.push_str(&token.text);
                        choice.logprobs.extend(logprobs);
                        choice.receiver = Some(receiver);
                    }
                    Some(Event::Finish(finish)) => {
                        self.choices[index].text.push_str(&finish.text);
                        self.choices[index].finish = Some(finish);
                    }
                    Some(Event::Error(error)) => return Err(error.into()),
                    None => return Err(ApiError::server("the engine stopped before the answer was complete")),
                }
            }
        }
        let choices: Vec<Value> = (0..self.choices.len()).map(|index| self.choice(index)).collect();
        let mut value = self.object(false, choices);
        value["usage"] = self.usage();
        if let Some(timings) = self.timings(&self.choices) {
            value["timings"] = timings;
        }
        Ok(value)
    }

    /// One choice of a whole answer.
    fn choice(&mut self, index: usize) -> Value {
        let form = self.form;
        let choice = &mut self.choices[index];
        let text = std::mem::take(&mut choice.text);
        let reason = choice.finish.as_ref().map(|finish| reason(finish.reason));
        let list = std::mem::take(&mut choice.logprobs);
        let logprobs = if choice.wants_logprobs { gather(form, list) } else { Value::Null };
        match form {
            Form::Chat => json!({
                "index": index,
                "message": { "role": "assistant", "content": text, "refusal": null },
                "logprobs": logprobs,
                "finish_reason": reason,
            }),
            Form::Text => json!({ "index": index, "text": text, "logprobs": logprobs, "finish_reason": reason }),
        }
    }

    /// What all objects begin with.
    fn object(&self, chunk: bool, choices: Vec<Value>) -> Value {
        let object = match (self.form, chunk) {
            (Form::Chat, false) => "chat.completion",
            (Form::Chat, true) => "chat.completion.chunk",
            (Form::Text, _) => "text_completion",
        };
        let mut value = json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model.name,
            "system_fingerprint": self.model.info.digest,
            "choices": choices,
        });
        if chunk && self.include_usage {
            value["usage"] = Value::Null;
        }
        value
    }

    /// A chunk with text of one choice, or with its end.
    fn chunk(&self, index: usize, text: Option<&str>, role: bool, logprobs: Value, finish: Option<Reason>) -> Value {
        let finish = finish.map(reason);
        let choice = match self.form {
            Form::Chat => {
                let mut delta = Map::new();
                if role {
                    delta.insert("role".into(), "assistant".into());
                }
                if let Some(text) = text {
                    delta.insert("content".into(), text.into());
                }
                json!({ "index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish })
            }
            Form::Text => json!({ "index": index, "text": text.unwrap_or_default(), "logprobs": logprobs, "finish_reason": finish }),
        };
        self.object(true, vec![choice])
    }

    /// Tokens of all choices; a prompt counts once, however many choices it has.
    fn usage(&self) -> Value {
        let mut total = Usage::default();
        for (index, finish) in self.choices.iter().enumerate().filter_map(|(i, c)| c.finish.as_ref().map(|f| (i, f))) {
            total.completion += finish.usage.completion;
            if index % self.n == 0 {
                total.prompt += finish.usage.prompt;
                total.cached += finish.usage.cached;
            }
        }
        json!({
            "prompt_tokens": total.prompt,
            "completion_tokens": total.completion,
            "total_tokens": total.prompt + total.completion,
            "prompt_tokens_details": { "cached_tokens": total.cached },
        })
    }

    /// Times over some choices: tokens add up, the longest time counts.
    fn timings(&self, choices: &[Choice]) -> Option<Value> {
        let (mut cached, mut prompt, mut predicted) = (0, 0, 0);
        let (mut queue, mut reading, mut writing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for finish in choices.iter().filter_map(|choice| choice.finish.as_ref()) {
            cached += finish.usage.cached;
            prompt += finish.usage.prompt - finish.usage.cached;
            predicted += finish.usage.completion;
            queue = queue.max(finish.timings.queue);
            reading = reading.max(finish.timings.prompt);
            writing = writing.max(finish.timings.generation);
        }
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let rate = |tokens: usize, time: Duration| if time.is_zero() { 0.0 } else { tokens as f64 / time.as_secs_f64() };
        let started = choices.iter().filter(|c| c.finish.as_ref().is_some_and(|f| f.usage.completion > 0)).count();
        choices.iter().any(|choice| choice.finish.is_some()).then(|| {
            json!({
                "cache_n": cached,
                "prompt_n": prompt,
                "prompt_ms": ms(reading),
                "prompt_per_second": rate(prompt, reading),
                "predicted_n": predicted,
                "predicted_ms": ms(writing),
                // The first token of each choice belongs to the prompt's time.
                "predicted_per_second": rate(predicted.saturating_sub(started), writing),
                "queue_ms": ms(queue),
            })
        })
    }

    /// One token's log-probabilities.
    fn logprobs(&mut self, index: usize, token: &Token) -> Option<Value> {
        let logprob = token.logprob.as_ref()?;
        Some(match self.form {
            Form::Chat => self.entry(token.id, logprob),
            Form::Text => {
                let name = self.name(token.id);
                let top: Map<String, Value> = logprob.top.iter().map(|&(id, x)| (self.name(id), finite(x))).collect();
                let offset = self.choices[index].offset;
                self.choices[index].offset += name.chars().count();
                json!({ "token": name, "logprob": finite(logprob.logprob), "top": top, "offset": offset })
            }
        })
    }

    fn entry(&self, id: u32, logprob: &Logprob) -> Value {
        let one = |id: u32, x: f32| {
            let bytes = self.model.tokenizer.token_bytes(id);
            json!({ "token": String::from_utf8_lossy(bytes), "logprob": finite(x), "bytes": bytes })
        };
        let mut entry = one(id, logprob.logprob);
        entry["top_logprobs"] = logprob.top.iter().map(|&(id, x)| one(id, x)).collect();
        entry
    }

    /// A token as the older form names it: bytes that are no text are spelt out, so that names differ.
    fn name(&self, id: u32) -> String {
        let bytes = self.model.tokenizer.token_bytes(id);
        match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().fold("bytes:".to_owned(), |name, byte| format!("{name}\\x{byte:02x}")),
        }
    }
}

/// JSON has no infinity; this is what the OpenAI API says for it.
fn finite(x: f32) -> Value {
    (if x.is_finite() { f64::from(x) } else { -9999.0 }).into()
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Stop | Reason::Cancelled => "stop",
        Reason::Length => "length",
    }
}

/// The log-probabilities of several tokens in the form's own shape.
fn gather(form: Form, list: Vec<Value>) -> Value {
    match form {
        Form::Chat => json!({ "content": list, "refusal": null }),
        Form::Text => {
            let column = |key: &str| list.iter().map(|entry| entry[key].clone()).collect::<Value>();
            json!({ "tokens": column("token"), "token_logprobs": column("logprob"), "top_logprobs": column("top"), "text_offset": column("offset") })
        }
    }
}

/// The frames of a streamed answer.
struct Frames {
    answer: Answer,
    ready: VecDeque<String>,
    open: usize,
    done: bool,
}

impl Frames {
    fn new(mut answer: Answer) -> Self {
        let mut ready = VecDeque::new();
        for index in 0..answer.choices.len() {
            let echo = std::mem::take(&mut answer.choices[index].text);
            match answer.form {
                Form::Chat => ready.push_back(answer.chunk(index, Some(""), true, Value::Null, None).to_string()),
                Form::Text if echo.is_empty() => {}
                Form::Text => ready.push_back(answer.chunk(index, Some(&echo), false, Value::Null, None).to_string()),
            }
        }
        let open = answer.choices.len();
        Self { answer, ready, open, done: false }
    }

    fn push(&mut self, value: &Value) {
        self.ready.push_back(value.to_string());
    }

    fn take(&mut self, index: usize, event: Option<Event>) {
        match event {
            Some(Event::Token(token)) => {
                let logprobs = self.answer.logprobs(index, &token).map_or(Value::Null, |entry| gather(self.answer.form, vec![entry]));
                if !token.text.is_empty() || !logprobs.is_null() {
                    self.push(&self.answer.chunk(index, Some(&token.text), false, logprobs, None));
                }
            }
            Some(Event::Finish(finish)) => {
                if !finish.text.is_empty() {
                    self.push(&self.answer.chunk(index, Some(&finish.text), false, Value::Null, None));
                }
                let mut last = self.answer.chunk(index, None, false, Value::Null, Some(finish.reason));
                self.answer.choices[index].finish = Some(finish);
                self.answer.choices[index].receiver = None;
                if let Some(timings) = self.answer.timings(&self.answer.choices[index..=index]) {
                    last["timings"] = timings;
                }
                self.push(&last);
                self.open -= 1;
                if self.open == 0 {
                    if self.answer.include_usage {
                        let mut usage = self.answer.object(true, Vec::new());
                        usage["usage"] = self.answer.usage();
                        self.push(&usage);
                    }
                    self.ready.push_back("[DONE]".to_owned());
                    self.done = true;
                }
            }
            Some(Event::Error(error)) => self.fail(error.into()),
            None => self.fail(ApiError::server("the engine stopped before the answer was complete")),
        }
    }

    /// One frame with the error; then the stream ends.
    fn fail(&mut self, error: ApiError) {
        self.push(&error.json());
        self.done = true;
        for choice in &mut self.answer.choices {
            choice.receiver = None;
        }
    }
}

impl Stream for Frames {
    type Item = Result<Frame, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::default().data(frame))));
            }
            if self.done {
                return Poll::Ready(None);
            }
            let mut moved = false;
            for index in 0..self.answer.choices.len() {
                let Some(receiver) = &mut self.answer.choices[index].receiver else { continue };
                if let Poll::Ready(event) = receiver.poll_next(cx) {
                    moved = true;
                    self.take(index, event);
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }
}
