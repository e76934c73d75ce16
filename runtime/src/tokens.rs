//! Text to tokens and back: prompts in, text out piece by piece, and the chat template (`chat`).
//! What a token means to the model does not belong here.

mod chat;

use tokenizers::models::ModelWrapper;

use crate::{Error, Result};

pub use chat::{ChatSpec, ChatTemplate, Content, Message, Part};

/// A tokenizer and the chat template of the same checkpoint. Cheap to share, never changes, and keeps nothing of what it encoded.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    chat: Option<ChatTemplate>,
    bos: Option<u32>,
    pieces: Pieces,
}

/// What each token adds to the text, flat.
struct Pieces {
    bytes: Vec<u8>,
    /// End of the piece of token `i`; it starts where the one before ends.
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    /// Spaces that are taken away at the very start of a text.
    strip: usize,
    longest: usize,
    /// Whether the bytes of the text bound the number of tokens from below.
    bounded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    /// One byte of a character that has no token of its own.
    Byte,
    /// A control token: no text.
    Special,
    /// No such token.
    Absent,
}

/// Most bytes of all pieces, of a piece that the decoder made longer than its token, and most replacements of a decoder: bounds for hostile files.
const MAX_PIECES: u32 = 256 << 20;
const MAX_PIECE: usize = 1 << 16;
const MAX_REPLACE: usize = 16;

impl Tokenizer {
    /// Builds the tokenizer from the text of `tokenizer.json` and the chat section.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the text is no tokenizer or its decoder is of an unknown kind; [`Error::Template`] when the template does not parse.
    pub fn from_parts(tokenizer_json: &[u8], chat: &ChatSpec) -> Result<Self> {
        let wrong = |e: &dyn std::fmt::Display| Error::Tokenizer(format!("{e}; compile the model again with its own tokenizer.json"));
        tokenizers::utils::parallelism::set_parallelism(false);
        presentable(tokenizer_json).map_err(|e| wrong(&e))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(tokenizer_json).map_err(|e| wrong(&e))?;
        // The word cache grows with what clients send; prompts are encoded once, so it gains nothing here.
        let mut model: ModelWrapper = inner.get_model().clone();
        model.resize_cache(0);
        inner.with_model(model);
        inner.with_truncation(None).map_err(|e| wrong(&e))?.with_padding(None);
        let pieces = Pieces::new(&inner)?;
        let bos = match chat.bos_token.as_str() {
            "" => None,
            token => Some(inner.token_to_id(token).ok_or_else(|| Error::Tokenizer(format!("the bos token `{token}` is not in the vocabulary")))?),
        };
        let template = chat.template.as_ref().map(|_| ChatTemplate::new(chat)).transpose()?;
        Ok(Self { inner, chat: template, bos, pieces })
    }

    /// Encodes as it stands: special tokens written in the text become tokens, and nothing is added. For texts made by the chat template.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(|e| Error::Tokenizer(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Encodes a prompt: like [`Self::encode`], with the bos token in front unless the text already begins with it.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.encode(text)?;
        if let Some(bos) = self.bos
            && ids.first() != Some(&bos)
        {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// A number of tokens that `text` cannot stay below, known without encoding it: a cheap guard against prompts that are far too long.
    pub fn least_tokens(&self, text: &str) -> usize {
        if self.pieces.bounded { text.len() / self.pieces.longest.max(1) } else { 0 }
    }

    /// Decodes a whole sequence: the pieces of [`TextDecoder`], joined. Control tokens are written out when `special` asks for it.
    pub fn decode(&self, ids: &[u32], special: bool) -> String {
        let mut decoder = TextDecoder::new(special);
        let mut text = String::new();
        for &id in ids {
            decoder.push(self, id, &mut text);
        }
        decoder.finish(&mut text);
        text
    }

    /// The bytes that a token adds to the text; a control token gives its name. Empty for ids that no token has.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.pieces.get(id).1
    }

    /// Whether `id` is a control token (bos, end of turn, ...).
    pub fn is_special(&self, id: u32) -> bool {
        self.pieces.get(id).0 == Kind::Special
    }

    /// The id of the token named so.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The chat template, if the checkpoint has one.
    pub fn chat(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref()
    }

    /// The bos token.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Tokens, named ones included.
    pub fn vocabulary(&self) -> usize {
        self.pieces.kinds.len()
    }
}

/// Refuses what the library answers with a panic: text that is not JSON, most of all where a decoder stands (values that are skipped are not looked at
/// closely), and precompiled normalisers, which no Gemma has.
fn presentable(tokenizer_json: &[u8]) -> std::result::Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Parts {
        normalizer: Option<serde_json::Value>,
        #[serde(rename = "decoder")]
        _decoder: Option<serde_json::Value>,
    }
    fn precompiled(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(map) => {
                map.contains_key("precompiled_charsmap") || map.get("type").is_some_and(|t| t == "Precompiled") || map.values().any(precompiled)
            }
            serde_json::Value::Array(list) => list.iter().any(precompiled),
            _ => false,
        }
    }
    let parts: Parts = serde_json::from_slice(tokenizer_json).map_err(|e| e.to_string())?;
    if parts.normalizer.as_ref().is_some_and(precompiled) { Err("a precompiled normaliser is not supported".into()) } else { Ok(()) }
}

impl Pieces {
    fn new(inner: &tokenizers::Tokenizer) -> Result<Self> {
        let rules = Rules::read(inner)?;
        let added = inner.get_added_tokens_decoder();
        let vocabulary = inner.get_vocab(true);
        let count = vocabulary.values().max().map_or(0, |&last| last as usize + 1);
        // An id far beyond the number of tokens is a damaged file: the table would be mostly holes.
        if count > vocabulary.len().saturating_mul(4) + 65536 {
            return Err(Error::Tokenizer(format!("token ids reach {count}, but there are only {} tokens", vocabulary.len())));
        }
        let mut names: Vec<Option<&str>> = vec![None; count];
        for (name, &id) in &vocabulary {
            names[id as usize] = Some(name);
        }
        let mut pieces = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            strip: rules.strip,
            longest: 1,
            bounded: added.values().all(|t| !t.lstrip && !t.rstrip && !t.single_word),
        };
        for (id, name) in names.iter().enumerate() {
            let start = pieces.bytes.len();
            let kind = match name {
                None => Kind::Absent,
                Some(name) if added.get(&(id as u32)).is_some_and(|t| t.special) => {
                    pieces.bytes.extend_from_slice(name.as_bytes());
                    Kind::Special
                }
                Some(name) => match rules.byte(name) {
                    Some(byte) => {
                        pieces.bytes.push(byte);
                        Kind::Byte
                    }
                    None => {
                        pieces.bytes.extend_from_slice(rules.text(name)?.as_bytes());
                        Kind::Text
                    }
                },
            };
            pieces.longest = pieces.longest.max(pieces.bytes.len() - start);
            let end = pieces.bytes.len();
            let end = u32::try_from(end).ok().filter(|e| *e <= MAX_PIECES).ok_or_else(|| Error::Tokenizer(format!("its pieces take {end} bytes")))?;
            pieces.ends.push(end);
            pieces.kinds.push(kind);
        }
        pieces.bytes.shrink_to_fit();
        Ok(pieces)
    }

    fn get(&self, id: u32) -> (Kind, &[u8]) {
        let i = id as usize;
        match self.kinds.get(i) {
            None => (Kind::Absent, &[]),
            Some(&kind) => {
                let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
                (kind, &self.bytes[start..self.ends[i] as usize])
            }
        }
    }
}

/// The decoder of `tokenizer.json`, as far as it is known here: replacements, byte fallback, fusing, and spaces stripped at the start.
struct Rules {
    replace: Vec<(String, String)>,
    bytes: bool,
    strip: usize,
}

impl Rules {
    fn read(inner: &tokenizers::Tokenizer) -> Result<Self> {
        let mut rules = Self { replace: Vec::new(), bytes: false, strip: 0 };
        if let Some(decoder) = inner.get_decoder() {
            let value = serde_json::to_value(decoder).map_err(|e| Error::Tokenizer(e.to_string()))?;
            rules.add(&value)?;
        }
        Ok(rules)
    }

    fn add(&mut self, decoder: &serde_json::Value) -> Result<()> {
        let unknown = || Error::Tokenizer(format!("the decoder `{decoder}` is of a kind that this runtime does not know"));
        match decoder["type"].as_str() {
            Some("Sequence") => decoder["decoders"].as_array().ok_or_else(unknown)?.iter().try_for_each(|d| self.add(d)),
            Some("Replace") if self.replace.len() == MAX_REPLACE => Err(Error::Tokenizer("the decoder replaces too many things".into())),
            Some("Replace") => {
                let pattern = decoder["pattern"]["String"].as_str().ok_or_else(unknown)?;
                self.replace.push((pattern.to_owned(), decoder["content"].as_str().ok_or_else(unknown)?.to_owned()));
                Ok(())
            }
            Some("ByteFallback") => {
                self.bytes = true;
                Ok(())
            }
            Some("Fuse") => Ok(()),
            Some("Strip") if decoder["content"] == " " && decoder["stop"] == 0 => {
                self.strip = decoder["start"].as_u64().ok_or_else(unknown)? as usize;
                Ok(())
            }
            _ => Err(unknown()),
        }
    }

    /// The byte that a token like `<0x0A>` stands for.
    fn byte(&self, name: &str) -> Option<u8> {
        let digits = name.strip_prefix("<0x")?.strip_suffix('>')?;
        if self.bytes && digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
    }

    fn text(&self, name: &str) -> Result<String> {
        self.replace.iter().try_fold(name.to_owned(), |text, (from, to)| {
            let grown = text.len().saturating_add(text.matches(from.as_str()).count().saturating_mul(to.len()));
            if grown > MAX_PIECE.max(name.len()) {
                return Err(Error::Tokenizer(format!("the decoder makes {grown} bytes of a token of {}", name.len())));
            }
            Ok(text.replace(from, to))
        })
    }
}

/// Decodes tokens one by one: every piece is whole characters that later tokens cannot change, and the pieces joined are the text.
/// A byte that belongs to no character becomes U+FFFD.
#[derive(Debug, Default)]
pub struct TextDecoder {
    special: bool,
    started: bool,
    stripped: usize,
    /// The bytes so far of a character that is not whole yet.
    open: [u8; 4],
    length: usize,
}

impl TextDecoder {
    /// A decoder at the start of a text; `special` writes control tokens out.
    pub fn new(special: bool) -> Self {
        Self { special, ..Self::default() }
    }

    /// Adds a token; what can be said for sure is appended to `text`.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32, text: &mut String) {
        let (kind, piece) = tokenizer.pieces.get(id);
        match kind {
            Kind::Byte => self.byte(piece[0], text),
            Kind::Special if !self.special => {}
            Kind::Absent => {}
            Kind::Text | Kind::Special => {
                self.finish(text);
                let mut piece = std::str::from_utf8(piece).unwrap_or_default();
                while !self.started && self.stripped < tokenizer.pieces.strip && piece.starts_with(' ') {
                    piece = &piece[1..];
                    self.stripped += 1;
                }
                self.started |= !piece.is_empty();
                text.push_str(piece);
            }
        }
    }

    /// Ends the text: a character that never became whole is given up.
    pub fn finish(&mut self, text: &mut String) {
        for _ in 0..std::mem::take(&mut self.length) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn byte(&mut self, byte: u8, text: &mut String) {
        self.started = true;
        self.open[self.length] = byte;
        self.length += 1;
        while self.length > 0 {
            match std::str::from_utf8(&self.open[..self.length]) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.length = 0;
                }
                // Could still become a character.
                Err(e) if e.valid_up_to() == 0 && e.error_len().is_none() => return,
                Err(_) => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.open.copy_within(1.., 0);
                    self.length -= 1;
                }
            }
        }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocabulary", &self.vocabulary()).field("bos", &self.bos).finish_non_exhaustive()
    }
}

/// The demo model's tokenizer, for the tests of the rooms above.
#[cfg(test)]
pub(crate) fn demo() -> Tokenizer {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/pebble");
    let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("tokenizer_config.json")).unwrap()).unwrap();
    let text = |key: &str| config[key].as_str().unwrap().to_owned();
    let chat = ChatSpec {
        template: Some(text("chat_template")),
        bos_token: text("bos_token"),
        eos_token: text("eos_token"),
        pad_token: text("pad_token"),
        unk_token: text("unk_token"),
    };
    Tokenizer::from_parts(&json, &chat).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 7] = [
        "Hello, world!",
        " leading and  double   spaces\n\n\nand lines ",
        "Grüße, 世界! 👩‍👩‍👧 \u{1F600}",
        "<start_of_turn>user\nhi<end_of_turn>\n",
        "",
        "\u{FFFD}\u{0}\u{7f}",
        "What is 27 + 48?",
    ];

    #[test]
    fn text_survives_and_pieces_join() {
        let tokenizer = demo();
        for text in TEXTS {
            let ids = tokenizer.encode(text).unwrap();
            assert_eq!(tokenizer.decode(&ids, true), text);
            assert_eq!(tokenizer.decode(&ids, true), tokenizer.inner.decode(&ids, false).unwrap());
            assert_eq!(tokenizer.decode(&ids, false), tokenizer.inner.decode(&ids, true).unwrap());
            let bytes: Vec<u8> = ids.iter().flat_map(|&id| tokenizer.token_bytes(id).to_vec()).collect();
            assert_eq!(bytes, text.as_bytes());
            assert!(tokenizer.least_tokens(text) <= ids.len());
        }
    }

    #[test]
    fn bos_is_added_once_and_specials_are_parsed() {
        let tokenizer = demo();
        assert_eq!(tokenizer.encode_prompt("").unwrap(), [2]);
        assert_eq!(tokenizer.encode_prompt("<bos>x").unwrap(), tokenizer.encode_prompt("x").unwrap());
        assert_eq!(tokenizer.encode("<end_of_turn>").unwrap(), [11]);
        assert!(tokenizer.is_special(11) && !tokenizer.is_special(14));
        assert_eq!(tokenizer.vocabulary(), 4096);
        assert!(tokenizer.token_bytes(99_999).is_empty());
    }

    #[test]
    fn bytes_come_out_as_whole_characters() {
        let tokenizer = demo();
        let id = |byte: u8| tokenizer.token_id(&format!("<0x{byte:02X}>")).unwrap();
        let mut decoder = TextDecoder::new(false);
        let mut text = String::new();
        for byte in [0xE2, 0x82] {
            decoder.push(&tokenizer, id(byte), &mut text);
            assert_eq!(text, "");
        }
        decoder.push(&tokenizer, id(0xAC), &mut text);
        assert_eq!(text, "€");
        // A broken character, an ASCII byte behind it, then one that never ends.
        for byte in [0xE2, b'a', 0xFF, 0xF0, 0x9F] {
            decoder.push(&tokenizer, id(byte), &mut text);
        }
        decoder.finish(&mut text);
        assert_eq!(text, "€\u{FFFD}a\u{FFFD}\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn damaged_tokenizers_are_errors() {
        let chat = ChatSpec::default();
        assert!(matches!(Tokenizer::from_parts(b"{}", &chat), Err(Error::Tokenizer(_))));
        assert!(matches!(Tokenizer::from_parts(b"\xff", &chat), Err(Error::Tokenizer(_))));
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/pebble");
        let json = std::fs::read_to_string(folder.join("tokenizer.json")).unwrap();
        let other =
            json.replace("{\"type\":\"Fuse\"}", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}");
        assert_ne!(json, other);
        assert!(matches!(Tokenizer::from_parts(other.as_bytes(), &chat), Err(Error::Tokenizer(why)) if why.contains("ByteLevel")));
        let chat = ChatSpec { bos_token: "<nosuch>".into(), ..ChatSpec::default() };
        assert!(matches!(Tokenizer::from_parts(json.as_bytes(), &chat), Err(Error::Tokenizer(_))));
    }
}
