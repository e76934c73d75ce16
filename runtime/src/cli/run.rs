//! `unicorn-rt run`: one answer, or a chat.

use super::{LoadArgs, Ready, SampleArgs, print};
use std::io::{BufRead, IsTerminal, Read};
use unicorn_rt::generate::{Reason, Request, Scheduler};
use unicorn_rt::tokens::{Message, Tokenizer};
use unicorn_rt::{Error, Result};

/// What to answer.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    load: LoadArgs,
    /// The prompt [default: standard input; in a terminal, a chat].
    prompt: Option<String>,
    /// Continue the prompt as plain text instead of answering it as a chat message.
    #[arg(long)]
    raw: bool,
    /// A system message for the chat.
    #[arg(long, conflicts_with = "raw")]
    system: Option<String>,
    /// Print tokens per second on standard error.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    sample: SampleArgs,
}

pub fn run(args: &Args) -> Result<()> {
    let mut ready = args.load.load()?;
    let tokenizer = ready.tokenizer.clone();
    let eos = ready.loaded.manifest.plan.model.eos.clone();
    let mut chat = Chat { args, tokenizer: &tokenizer, eos, messages: args.system.iter().map(|s| Message::new("system", s)).collect() };
    let mut scheduler = Ready::scheduler(&mut ready)?;
    match &args.prompt {
        Some(prompt) => chat.answer(&mut scheduler, prompt),
        None if std::io::stdin().is_terminal() => chat.converse(&mut scheduler),
        None => {
            let mut prompt = String::new();
            std::io::stdin().read_to_string(&mut prompt).map_err(|e| Error::io("standard input", e))?;
            chat.answer(&mut scheduler, prompt.trim_end_matches('\n'))
        }
    }
}

struct Chat<'a> {
    args: &'a Args,
    tokenizer: &'a Tokenizer,
    eos: Vec<u32>,
    messages: Vec<Message>,
}

impl Chat<'_> {
    /// Lines from the terminal until it ends; an error is shown and the chat goes on without that turn.
    fn converse(&mut self, scheduler: &mut Scheduler<'_>) -> Result<()> {
        eprintln!("Type a message; an empty line or Ctrl-D ends.");
        loop {
            eprint!("> ");
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line).map_err(|e| Error::io("standard input", e))?;
            if read == 0 || line.trim().is_empty() {
                return Ok(());
            }
            let before = self.messages.len();
            if let Err(error) = self.answer(scheduler, line.trim()) {
                eprintln!("error: {error}");
                self.messages.truncate(before);
            }
        }
    }

    fn answer(&mut self, scheduler: &mut Scheduler<'_>, prompt: &str) -> Result<()> {
        let ids = match self.tokenizer.chat() {
            Some(template) if !self.args.raw => {
                self.messages.push(Message::new("user", prompt));
                self.tokenizer.encode(&template.render(&self.messages, true)?)?
            }
            None if !self.args.raw => return Err(Error::Template("the checkpoint has none; use --raw to continue plain text".into())),
            _ => self.tokenizer.encode_prompt(prompt)?,
        };
        let request = Request {
            prompt: ids,
            params: self.args.sample.params(),
            max_tokens: self.args.sample.max_tokens,
            stop: self.args.sample.stop.clone(),
            stop_ids: self.eos.clone(),
            ignore_eos: false,
        };
        let mut answer = String::new();
        let mut generator = scheduler.generate(request)?;
        for token in &mut generator {
            let token = token?;
            print(&token.text);
            answer.push_str(&token.text);
        }
        let Some(finish) = generator.finish() else { return Ok(()) };
        print(&format!("{}\n", finish.text));
        answer.push_str(&finish.text);
        if finish.reason == Reason::Length {
            eprintln!("note: stopped at the limit of tokens");
        }
        if self.args.verbose {
            let per_second = |tokens: usize, time: std::time::Duration| tokens as f64 / time.as_secs_f64().max(1e-9);
            eprintln!(
                "prompt {} tokens ({} cached), {:.0}/s; generated {} tokens, {:.0}/s",
                finish.usage.prompt,
                finish.usage.cached,
                per_second(finish.usage.prompt - finish.usage.cached, finish.timings.prompt),
                finish.usage.completion,
                per_second(finish.usage.completion.saturating_sub(1), finish.timings.generation)
            );
        }
        if !self.args.raw {
            self.messages.push(Message::new("assistant", answer));
        }
        Ok(())
    }
}
