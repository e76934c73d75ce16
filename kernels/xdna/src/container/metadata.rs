//! `EMBEDDED_METADATA`, the section of an xclbin that tells XRT a kernel's name, number and arguments, as XML. Written in one spelling; text in another
//! spelling is not turned into values here, see `xclbin::Body::Kept`.

use std::fmt::Write;

/// How an argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Its value.
    Value,
    /// The address of a buffer.
    Buffer,
}

/// An argument of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// How it is given.
    pub passing: Passing,
    /// Its bytes.
    pub size: u32,
    /// Where it lies among the arguments, in bytes.
    pub offset: u32,
    /// Its type in C.
    pub kind: String,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The kernel's name.
    pub kernel: String,
    /// Its number, by which an image is chosen.
    pub id: u32,
    /// 0 for a kernel of the NPU proper.
    pub functional: u8,
    /// 1 for a kernel of the NPU.
    pub subtype: u8,
    /// In the order of their numbers.
    pub arguments: Vec<Argument>,
    /// The kernel's instances.
    pub instances: Vec<String>,
}

impl Metadata {
    /// A kernel as the NPU's driver calls it: what to do, the instruction stream and its length, then `buffers` buffers.
    pub fn npu1(kernel: &str, instance: &str, id: u32, buffers: u32) -> Self {
        let argument = |name: &str, passing, size, offset, kind: &str| Argument { name: name.into(), passing, size, offset, kind: kind.into() };
        let mut arguments = vec![
            argument("opcode", Passing::Value, 8, 0, "uint64_t"),
            argument("instr", Passing::Buffer, 8, 8, "char *"),
            argument("ninstr", Passing::Value, 4, 16, "uint32_t"),
        ];
        arguments.extend((0..buffers).map(|n| argument(&format!("bo{n}"), Passing::Buffer, 8, 20 + 8 * n, "void*")));
        Self { kernel: kernel.into(), id, functional: 0, subtype: 1, arguments, instances: vec![instance.into()] }
    }

    /// The text.
    pub fn write(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<project>\n  <platform>\n    <device>\n      <core>\n");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "        <kernel name=\"{}\" language=\"c\" type=\"dpu\">", escape(&self.kernel));
        let Self { id, functional, subtype, .. } = self;
        let _ = writeln!(out, "          <extended-data dpu_kernel_id=\"{id:#x}\" functional=\"{functional}\" subtype=\"{subtype}\"/>");
        for (number, argument) in self.arguments.iter().enumerate() {
            let Argument { name, passing, size, offset, kind } = argument;
            let qualifier = u8::from(*passing == Passing::Buffer);
            let _ = writeln!(
                out,
                "          <arg name=\"{}\" addressQualifier=\"{qualifier}\" id=\"{number}\" size=\"{size:#x}\" offset=\"0x{offset:02X}\" \
                 hostOffset=\"0x0\" hostSize=\"{size:#x}\" type=\"{}\"/>",
                escape(name),
                escape(kind)
            );
        }
        for instance in &self.instances {
            let _ = writeln!(out, "          <instance name=\"{}\"/>", escape(instance));
        }
        out + "        </kernel>\n      </core>\n    </device>\n  </platform>\n</project>\n"
    }

    /// Reads text as `write` spells it, or nothing if it is spelled otherwise.
    pub fn read(text: &str) -> Option<Self> {
        let tags = || text.split('<').filter_map(|tag| tag.split_once(' '));
        let one = |wanted: &str| tags().find(|(name, _)| *name == wanted).map(|(_, attributes)| attributes);
        let all = |wanted: &'static str| tags().filter(move |(name, _)| *name == wanted).map(|(_, attributes)| attributes);
        let number = |text: String| match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let extended = one("extended-data")?;
        let argument = |tag: &str| {
            let passing = if attribute(tag, "addressQualifier")? == "1" { Passing::Buffer } else { Passing::Value };
            let (size, offset) = (number(attribute(tag, "size")?)?, number(attribute(tag, "offset")?)?);
            Some(Argument { name: attribute(tag, "name")?, passing, size, offset, kind: attribute(tag, "type")? })
        };
        let metadata = Self {
            kernel: attribute(one("kernel")?, "name")?,
            id: number(attribute(extended, "dpu_kernel_id")?)?,
            functional: number(attribute(extended, "functional")?)?.try_into().ok()?,
            subtype: number(attribute(extended, "subtype")?)?.try_into().ok()?,
            arguments: all("arg").map(argument).collect::<Option<_>>()?,
            instances: all("instance").map(|tag| attribute(tag, "name")).collect::<Option<_>>()?,
        };
        (metadata.write() == text).then_some(metadata)
    }
}

const ESCAPES: [(char, &str); 4] = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")];

fn escape(text: &str) -> String {
    ESCAPES.iter().fold(text.to_owned(), |text, (plain, escaped)| text.replace(*plain, escaped))
}

/// The value of an attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.match_indices(name).find(|(at, _)| (*at == 0 || tag[..*at].ends_with(' ')) && tag[at + name.len()..].starts_with("=\""))?;
    let value = tag[start.0 + name.len() + 2..].split('"').next()?;
    Some(ESCAPES.iter().rev().fold(value.to_owned(), |text, (plain, escaped)| text.replace(escaped, &plain.to_string())))
}
