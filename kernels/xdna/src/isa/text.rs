//! Instructions from text, in the syntax that they are printed in.

use super::instruction::{Instruction, Operand};
use super::opcode::Opcode;
use super::register::Register;
use super::table::{Form, TABLE, Token};

/// An instruction whose jump target or address may still be a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The instruction, with zero where the name stands.
    pub instruction: Instruction,
    /// Operand index and name of a label whose address is to stand there.
    pub label: Option<(usize, String)>,
    /// The 16 KB memory bank that the instruction is known to touch, if it is.
    pub bank: Option<u8>,
    /// The memory region that the instruction is known to keep to, if it is: regions of other numbers do not overlap it.
    pub region: Option<u32>,
}

impl From<Instruction> for Draft {
    fn from(instruction: Instruction) -> Self {
        Self { instruction, label: None, bank: None, region: None }
    }
}

impl Draft {
    /// States the memory bank the instruction touches: two loads of one bank in one bundle are refused.
    #[must_use]
    pub fn in_bank(self, bank: u8) -> Self {
        Self { bank: Some(bank), ..self }
    }

    /// States the memory region the instruction keeps to, so that a scheduler may move it past those of other regions.
    #[must_use]
    pub fn in_region(self, region: u32) -> Self {
        Self { region: Some(region), ..self }
    }
}

/// A text that is no instruction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No form has the first word.
    #[error("{text:?}: no instruction is called {mnemonic:?}")]
    Mnemonic {
        /// The text.
        text: String,
        /// Its first word.
        mnemonic: String,
    },
    /// No form of that name takes these operands.
    #[error("{text:?} fits none of: {forms}")]
    Operands {
        /// The text.
        text: String,
        /// The forms' syntax.
        forms: String,
    },
}

/// Reads one instruction. Where a number may stand, a name stands for the address of a label.
///
/// # Errors
/// A text that is no instruction.
pub fn instruction(text: &str) -> Result<Draft, TextError> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mnemonic = text.split(' ').next().unwrap_or_default();
    let forms: Vec<&Form> = TABLE.forms.iter().filter(|form| form.mnemonic() == mnemonic).collect();
    if forms.is_empty() {
        return Err(TextError::Mnemonic { mnemonic: mnemonic.to_owned(), text });
    }
    forms
        .iter()
        .find_map(|form| form.parse(&text))
        .ok_or_else(|| TextError::Operands { forms: forms.iter().map(|form| form.syntax()).collect::<Vec<_>>().join(" | "), text })
}

/// Reads the instructions of one bundle, separated by `;`.
///
/// # Errors
/// The first text that is no instruction.
pub fn instructions(text: &str) -> Result<Vec<Draft>, TextError> {
    text.split(';').filter(|part| !part.trim().is_empty()).map(instruction).collect()
}

impl Form {
    /// The first word of the printed text.
    fn mnemonic(&self) -> &'static str {
        match self.tokens.first() {
            Some(Token::Text(text)) => text.split(' ').next().unwrap_or_default(),
            _ => "",
        }
    }

    /// The text with operand numbers in place of operands.
    fn syntax(&self) -> String {
        self.tokens
            .iter()
            .map(|token| match token {
                Token::Text(text) => (*text).to_owned(),
                Token::Operand(index) => format!("<{index}>"),
            })
            .collect()
    }

    fn parse(&self, text: &str) -> Option<Draft> {
        let mut operands: Vec<Option<Operand>> = vec![None; self.fields.len()];
        let (mut rest, mut label) = (text, None);
        for (place, token) in self.tokens.iter().enumerate() {
            match *token {
                Token::Text(literal) => {
                    let literal = if place + 1 == self.tokens.len() { literal.trim_end() } else { literal };
                    rest = rest.get(..literal.len()).filter(|head| head.eq_ignore_ascii_case(literal)).map(|head| &rest[head.len()..])?;
                }
                Token::Operand(index) => {
                    let next = match self.tokens.get(place + 1) {
                        Some(Token::Text(next)) if !next.is_empty() => rest.to_ascii_lowercase().find(&next.trim_end().to_ascii_lowercase())?,
                        _ => rest.len(),
                    };
                    let (word, tail) = rest.split_at(next);
                    rest = tail;
                    let operand = self.operand(index, word, &mut label)?;
                    if operands[index].is_some_and(|before| before != operand) {
                        return None;
                    }
                    operands[index] = Some(operand);
                }
            }
        }
        let operands: Vec<Operand> = operands.into_iter().collect::<Option<_>>()?;
        let instruction = Instruction::new(self.opcode, &operands).ok().filter(|_| rest.is_empty())?;
        Some(Draft { instruction, label, bank: None, region: None })
    }

    fn operand(&self, index: usize, word: &str, label: &mut Option<(usize, String)>) -> Option<Operand> {
        let field = &self.fields[index];
        if let Some(number) = word.strip_prefix('#') {
            return number.parse().ok().map(Operand::Immediate);
        }
        if !field.is_register() {
            let named = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && takes_address(self.opcode);
            return named.then(|| {
                *label = Some((index, word.to_owned()));
                Operand::Immediate(0)
            });
        }
        match word.parse().ok()? {
            // Three dimensions print like two.
            Register::D(n) if !field.fits(Register::D(n)) => Some(Operand::Register(Register::D3(n))),
            register => Some(Operand::Register(register)),
        }
    }
}

/// Whether the form's immediate may be the address of a label.
fn takes_address(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::J_jump_imm | Opcode::JL | Opcode::JNZ | Opcode::JZ | Opcode::MOVXM_lng_cg)
}
