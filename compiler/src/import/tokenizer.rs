//! The tokenizer's files: read whole, looked into only for the chat template and the special tokens' texts. What the tokenizer means is the
//! runtime's business.

use crate::error::{Error, Result};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// The largest JSON file that is read whole.
pub const MAX_JSON: u64 = 16 << 20;
/// The largest `tokenizer.json`.
pub const MAX_TOKENIZER: u64 = 256 << 20;

/// What the runtime needs to turn text into tokens and chats into text.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenizer {
    /// `tokenizer.json` as it is; known to be JSON.
    pub json: Vec<u8>,
    /// The chat template (Jinja), if the checkpoint has one.
    pub chat_template: Option<String>,
    /// Text of the token that begins a text.
    pub bos: Option<String>,
    /// Text of the token that ends a text.
    pub eos: Option<String>,
    /// Text of the padding token.
    pub pad: Option<String>,
    /// Text of the token for what is unknown.
    pub unk: Option<String>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` (must be there), `tokenizer_config.json`, `chat_template.jinja` and `chat_template.json` (may be absent).
    /// A template in a file of its own comes before one in `tokenizer_config.json`; of named templates `default` is taken.
    ///
    /// # Errors
    /// A file that cannot be read, is too large, is not JSON, or has a template or token of the wrong type.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let json =
            read_limited(&path, MAX_TOKENIZER)?.ok_or_else(|| Error::format(&path, "is missing; copy it from where the checkpoint came from"))?;
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).map_err(|why| Error::format(&path, format!("is not JSON: {why}")))?;
        let path = folder.join("tokenizer_config.json");
        let config = read_json(&path)?.unwrap_or(Value::Null);
        let token = |name: &str| match config.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => match other.get("content") {
                Some(Value::String(text)) => Ok(Some(text.clone())),
                _ => Err(Error::Config { path: path.clone(), field: name.into(), why: "is neither a string nor a token with `content`".into() }),
            },
        };
        Ok(Self {
            json,
            chat_template: template(folder, &path, &config)?,
            bos: token("bos_token")?,
            eos: token("eos_token")?,
            pad: token("pad_token")?,
            unk: token("unk_token")?,
        })
    }
}

fn template(folder: &Path, config_path: &Path, config: &Value) -> Result<Option<String>> {
    let path = folder.join("chat_template.jinja");
    if let Some(bytes) = read_limited(&path, MAX_JSON)? {
        return String::from_utf8(bytes).map(Some).map_err(|_| Error::format(&path, "is not UTF-8"));
    }
    let path = folder.join("chat_template.json");
    let own = read_json(&path)?;
    let (path, value) = match own.as_ref().and_then(|v| v.get("chat_template")) {
        Some(value) => (path.as_path(), Some(value)),
        None => (config_path, config.get("chat_template")),
    };
    let bad = |why: &str| Err(Error::Config { path: path.into(), field: "chat_template".into(), why: why.into() });
    let chosen = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list.iter().find(|t| t.get("name").and_then(Value::as_str) == Some("default")).and_then(|t| t.get("template")),
        Some(Value::Object(named)) => named.get("default"),
        Some(text) => Some(text),
    };
    match chosen {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => bad("is not a string"),
        None => bad("has no template named `default`"),
    }
}

fn read_json(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = read_limited(path, MAX_JSON)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|why| Error::format(path, format!("is not JSON: {why}")))
}

/// A whole file of at most `limit` bytes; `None` when it is not there.
///
/// # Errors
/// The system's refusal, or a file beyond the limit.
pub fn read_limited(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(Error::io(path, why)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|why| Error::io(path, why))?;
    if bytes.len() as u64 > limit {
        return Err(Error::format(path, format!("is larger than {limit} bytes")));
    }
    Ok(Some(bytes))
}
