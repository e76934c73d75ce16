//! The checkpoint's own chat template: messages to prompt text. Templates come from a file, so each run has a fuel limit.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value, context};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Work that one rendering may cost (instructions and bytes); far above any real conversation, and used up within about a second.
const FUEL: u64 = 4_000_000;

/// What the artifact keeps for chats: its section `chat`, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatSpec {
    /// The Jinja source of the chat template.
    pub template: Option<String>,
    /// The text of the bos token; empty for none.
    pub bos_token: String,
    /// The text of the eos token.
    pub eos_token: String,
    /// The text of the padding token.
    pub pad_token: String,
    /// The text of the token for what has none.
    pub unk_token: String,
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What it says.
    pub content: Content,
    /// Who speaks, where a template cares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Text in parts.
    Parts(Vec<Part>),
}

/// A part of a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// It.
        text: String,
    },
}

impl Message {
    /// A message of plain text.
    pub fn new(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Content::Text(text.into()), name: None }
    }
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    spec: ChatSpec,
    /// Whether the template itself walks contents that come in parts; otherwise it is given one text.
    parts: bool,
}

impl ChatTemplate {
    /// Compiles the template of `spec`, with the whitespace rules and helpers that checkpoints count on.
    ///
    /// # Errors
    /// [`Error::Template`] when there is none or it does not parse.
    pub fn new(spec: &ChatSpec) -> Result<Self> {
        let source = spec.template.clone().ok_or_else(|| Error::Template("the checkpoint has none".into()))?;
        let mut environment = Environment::new();
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(wrong)?);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(100);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> std::result::Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        // The built-in filter escapes for HTML; prompts want the plain JSON.
        environment.add_filter("tojson", |value: Value| {
            serde_json::to_string(&value).map_err(|e| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string()))
        });
        environment.add_template_owned("chat", source).map_err(wrong)?;
        let mut template = Self { environment, spec: spec.clone(), parts: false };
        template.parts = template.walks_parts();
        Ok(template)
    }

    /// Renders messages to the text of a prompt; `generate` opens the answer's turn.
    ///
    /// # Errors
    /// [`Error::Template`] when the template refuses the messages (its own words) or takes too much work.
    pub fn render(&self, messages: &[Message], generate: bool) -> Result<String> {
        if self.parts {
            return self.run(messages, generate);
        }
        let plain: Vec<Message> = messages
            .iter()
            .map(|message| match &message.content {
                Content::Text(_) => message.clone(),
                Content::Parts(parts) => {
                    let texts: Vec<&str> = parts.iter().map(|Part::Text { text }| text.as_str()).collect();
                    Message { content: Content::Text(texts.join("\n")), ..message.clone() }
                }
            })
            .collect();
        self.run(&plain, generate)
    }

    fn run(&self, messages: &[Message], generate: bool) -> Result<String> {
        let template = self.environment.get_template("chat").map_err(wrong)?;
        let spec = &self.spec;
        template
            .render(context! {
                messages => Value::from(Serde(messages)),
                add_generation_prompt => generate,
                bos_token => spec.bos_token.as_str(),
                eos_token => spec.eos_token.as_str(),
                pad_token => spec.pad_token.as_str(),
                unk_token => spec.unk_token.as_str(),
                tools => Value::from(()),
            })
            .map_err(wrong)
    }

    /// Asks the template: a text in a part that comes out as text, not as a printed list.
    fn walks_parts(&self) -> bool {
        let probe = Message { role: "user".into(), content: Content::Parts(vec![Part::Text { text: "probe".into() }]), name: None };
        self.run(&[probe], false).is_ok_and(|text| text.contains("probe") && !text.contains("\"text\"") && !text.contains("'text'"))
    }
}

fn wrong(error: minijinja::Error) -> Error {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => Error::Template("it takes more work than is allowed for one prompt".into()),
        (ErrorKind::InvalidOperation, Some(detail)) => Error::Template(detail.to_owned()),
        _ => Error::Template(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::demo;
    use super::*;

    fn template(source: &str) -> Result<ChatTemplate> {
        ChatTemplate::new(&ChatSpec { template: Some(source.into()), bos_token: "<bos>".into(), ..ChatSpec::default() })
    }

    #[test]
    fn the_demo_template_renders() {
        let tokenizer = demo();
        let chat = tokenizer.chat().unwrap();
        let turns = [Message::new("system", "Be kind."), Message::new("user", " hi "), Message::new("assistant", "yo"), Message::new("user", "?")];
        let text = chat.render(&turns, true).unwrap();
        assert_eq!(
            text,
            "<bos><start_of_turn>user\nBe kind.\n\nhi<end_of_turn>\n<start_of_turn>model\nyo<end_of_turn>\n<start_of_turn>user\n?<end_of_turn>\n<start_of_turn>model\n"
        );
        assert!(!chat.render(&turns, false).unwrap().ends_with("model\n"));
        let ids = tokenizer.encode(&text).unwrap();
        assert_eq!((ids[0], ids[1]), (2, 10));
        let parts = |texts: &[&str]| Content::Parts(texts.iter().map(|&text| Part::Text { text: text.into() }).collect());
        let listed = [Message { role: "user".into(), content: parts(&["a", "b"]), name: None }];
        assert_eq!(chat.render(&listed, false).unwrap(), "<bos><start_of_turn>user\na\nb<end_of_turn>\n");
    }

    #[test]
    fn refusals_are_in_the_templates_own_words() {
        let tokenizer = demo();
        let twice = [Message::new("user", "a"), Message::new("user", "b")];
        let Err(Error::Template(why)) = tokenizer.chat().unwrap().render(&twice, true) else { panic!("not refused") };
        assert_eq!(why, "Conversation roles must alternate user/assistant/user/assistant/...");
    }

    #[test]
    fn templates_that_walk_parts_are_given_parts() {
        let source = "{%- for m in messages -%}\n    {%- if m.content is string -%}{{ m.content }}{%- else -%}\n    {%- for p in m.content -%}[{{ p.text | trim }}]{%- endfor -%}{%- endif -%}\n{%- endfor -%}";
        let chat = template(source).unwrap();
        let content = Content::Parts(vec![Part::Text { text: " a ".into() }, Part::Text { text: "b".into() }]);
        assert_eq!(chat.render(&[Message { role: "user".into(), content, name: None }], false).unwrap(), "[a][b]");
        assert_eq!(chat.render(&[Message::new("user", "x < y & \"z\"")], false).unwrap(), "x < y & \"z\"");
    }

    #[test]
    fn python_habits_work() {
        let chat = template("{{ bos_token }}{{ messages[0]['content'].strip().split(' ')[-1].startswith('b') }}{{ messages[0] | tojson }}").unwrap();
        let text = chat.render(&[Message::new("user", " a b<c ")], false).unwrap();
        assert_eq!(text.to_lowercase(), "<bos>true{\"role\":\"user\",\"content\":\" a b<c \"}");
    }

    #[test]
    fn hostile_templates_end() {
        for source in [
            "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}",
            "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for a in range(9999) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
            "{{ 'a' * 100000000000 }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{{ messages[7].content.nothing }}",
        ] {
            let chat = template(source).unwrap();
            assert!(matches!(chat.render(&[Message::new("user", "x")], true), Err(Error::Template(_))), "{source}");
        }
        assert!(matches!(template("{% if %}"), Err(Error::Template(_))));
    }
}
