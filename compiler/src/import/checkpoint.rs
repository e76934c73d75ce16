//! The files of a checkpoint and the tensors in them, mapped and read row by row. What the tensors mean stands in `gemma3n`.

use super::tokenizer::{MAX_JSON, Tokenizer, read_limited};
use super::{Config, gemma3n};
use crate::error::{Error, Result};
use crate::graph::eval::Tensors;
use memmap2::{Mmap, UncheckedAdvice};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Prefixes that wrappers put before the text model's names; the first that fits is taken off.
const PREFIXES: [&str; 4] = ["model.language_model.", "language_model.model.", "language_model.", "model."];
/// Parts for images and sound, which the text decoder does not need.
const TOWERS: [&str; 5] = ["vision_tower", "audio_tower", "embed_vision", "embed_audio", "multi_modal_projector"];
/// Pages are given back after reads of at least this many bytes.
const DROP_BYTES: usize = 1 << 20;
/// Elements compared at a time when looking whether the head is tied.
const BLOCK: usize = 1 << 20;
const INDEX: &str = "model.safetensors.index.json";

/// An opened checkpoint whose needed tensors are all there in the right shape. Nothing of their data has been read.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Place>,
    skipped: Vec<String>,
    config: Config,
    inputs: BTreeSet<String>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    map: Mmap,
}

#[derive(Debug)]
struct Place {
    stored: String,
    shard: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

impl Checkpoint {
    /// Opens a `.safetensors` file, a folder with a checkpoint in it, or a `model.safetensors.index.json`, and checks its config and the shape of
    /// every tensor that the model needs. The files must not change while the checkpoint is open.
    ///
    /// # Errors
    /// Missing or malformed files, config fields out of range, tensors missing or of the wrong shape or type, one name twice.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let meta = std::fs::metadata(path).map_err(|why| Error::io(path, why))?;
        let folder = if meta.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
        let (files, index) = find_files(path, meta.is_dir(), &folder)?;
        let config_path = folder.join("config.json");
        let json = read_limited(&config_path, MAX_JSON)?
            .ok_or_else(|| Error::format(&config_path, "is missing; copy it from where the checkpoint came from"))?;
        let generation_path = folder.join("generation_config.json");
        let generation = read_limited(&generation_path, MAX_JSON)?;
        let config = Config::parse(&config_path, &json, generation.as_deref().map(|bytes| (generation_path.as_path(), bytes)))?;
        let mut inputs: BTreeSet<String> = files.iter().cloned().collect();
        let beside =
            ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json"];
        inputs.extend(beside.iter().filter(|name| folder.join(name).is_file()).map(ToString::to_string));
        let mut checkpoint = Self { folder, shards: vec![], tensors: BTreeMap::new(), skipped: vec![], config, inputs };
        for file in &files {
            checkpoint.add_shard(checkpoint.folder.join(file))?;
        }
        if let Some((path, map)) = index {
            checkpoint.inputs.insert(INDEX.into());
            checkpoint.check_index(&path, &map)?;
        }
        checkpoint.check_shapes()?;
        Ok(checkpoint)
    }

    /// The model's sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The folder all files lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stored names of the tensors of image and sound towers, which are not needed.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The tokenizer's files.
    ///
    /// # Errors
    /// See [`Tokenizer::read`].
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        Tokenizer::read(&self.folder)
    }

    /// Bytes of all tensor files.
    pub fn total_bytes(&self) -> u64 {
        self.shards.iter().map(|s| s.map.len() as u64).sum()
    }

    /// Name and BLAKE3 digest of every input file, ordered by name. Reads them all.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn inputs(&self) -> Result<Vec<(String, [u8; 32])>> {
        let mut buffer = vec![0; 1 << 20];
        let digest = |name: &String| {
            let path = self.folder.join(name);
            let mut file = File::open(&path).map_err(|why| Error::io(&path, why))?;
            let mut hasher = blake3::Hasher::new();
            loop {
                match file.read(&mut buffer).map_err(|why| Error::io(&path, why))? {
                    0 => return Ok((name.clone(), *hasher.finalize().as_bytes())),
                    n => hasher.update(&buffer[..n]),
                };
            }
        };
        self.inputs.iter().map(digest).collect()
    }

    /// Rows and columns of a tensor by its canonical name; a vector of n is (1, n). `None` if it is not there or has another rank.
    pub fn shape(&self, name: &str) -> Option<(usize, usize)> {
        match self.tensors.get(name)?.shape[..] {
            [n] => Some((1, n)),
            [rows, cols] => Some((rows, cols)),
            _ => None,
        }
    }

    /// Some rows of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// [`Error::Tensor`]: not there, rows out of range, an element type that is not bf16, f16 or f32, or a value that is not finite.
    pub fn read_rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>> {
        let place = self.tensors.get(name).ok_or_else(|| missing(name))?;
        let fault = |why: String| Error::Tensor { tensor: place.stored.clone(), why };
        let (total, cols) = self.shape(name).ok_or_else(|| fault(format!("has shape {:?}, neither a vector nor a matrix", place.shape)))?;
        if rows.start > rows.end || rows.end > total {
            return Err(fault(format!("rows {}..{} were asked for, it has {total}", rows.start, rows.end)));
        }
        let size = element_bytes(place.dtype).ok_or_else(|| fault(wrong_type(place.dtype)))?;
        let map = &self.shards[place.shard].map;
        // Within the map: the whole tensor is (checked when its header was read).
        let start = place.bytes.start + rows.start * cols * size;
        let bytes = &map[start..start + rows.len() * cols * size];
        let values: Vec<f32> = match place.dtype {
            Dtype::BF16 => bytes.as_chunks().0.iter().map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16)).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            _ => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        };
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(fault(format!("row {} column {} holds {}; the file is damaged", rows.start + at / cols, at % cols, values[at])));
        }
        if bytes.len() >= DROP_BYTES {
            // SAFETY: the map is a shared, read-only view of a file that nobody writes, so a dropped page is read again from the file unchanged.
            // Advice that is refused costs memory only.
            let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, bytes.len()) };
        }
        Ok(values)
    }

    /// The tensor that makes logits: `lm_head.weight` if it is there and differs from the embedding, else the embedding.
    ///
    /// # Errors
    /// A head that the config says is not tied, but is not there; see also [`Self::read_rows`].
    pub fn head(&self) -> Result<&'static str> {
        const HEAD: &str = "lm_head.weight";
        const TABLE: &str = "embed_tokens.weight";
        let Some((rows, cols)) = self.shape(HEAD) else {
            let why = "is missing, but config.json says `tie_word_embeddings: false`";
            return if self.config.tied { Ok(TABLE) } else { Err(Error::Tensor { tensor: HEAD.into(), why: why.into() }) };
        };
        let step = (BLOCK / cols.max(1)).max(1);
        for first in (0..rows).step_by(step) {
            let block = first..rows.min(first + step);
            if self.read_rows(HEAD, block.clone())? != self.read_rows(TABLE, block)? {
                return Ok(HEAD);
            }
        }
        Ok(TABLE)
    }

    fn add_shard(&mut self, path: PathBuf) -> Result<()> {
        let file = File::open(&path).map_err(|why| Error::io(&path, why))?;
        // SAFETY: the map is only read; that the file is not changed meanwhile is the caller's part of `open`.
        let map = unsafe { Mmap::map(&file) }.map_err(|why| Error::io(&path, why))?;
        let header = check_spans(&path, &map)?;
        let (_, metadata) =
            SafeTensors::read_metadata(&map).map_err(|why| Error::format(&path, format!("is no safetensors file, or is cut short: {why}")))?;
        let shard = self.shards.len();
        for (stored, info) in metadata.tensors().into_iter().collect::<BTreeMap<_, _>>() {
            let name = canonical(&stored);
            if in_tower(name) {
                self.skipped.push(stored);
                continue;
            }
            let bytes = header + info.data_offsets.0..header + info.data_offsets.1;
            match self.tensors.entry(name.to_string()) {
                Entry::Occupied(other) => {
                    let why = format!(
                        "is there twice: `{stored}` in {} and `{}` in {}",
                        path.display(),
                        other.get().stored,
                        self.shards.get(other.get().shard).map_or(&path, |s| &s.path).display()
                    );
                    return Err(Error::Tensor { tensor: name.into(), why });
                }
                Entry::Vacant(free) => free.insert(Place { shard, dtype: info.dtype, shape: info.shape.clone(), bytes, stored }),
            };
        }
        self.shards.push(Shard { path, map });
        Ok(())
    }

    /// Every tensor must be in the shard that the index says.
    fn check_index(&self, path: &Path, map: &BTreeMap<String, String>) -> Result<()> {
        for (stored, file) in map {
            let name = canonical(stored);
            let found = self.tensors.get(name).filter(|p| self.shards[p.shard].path.file_name().is_some_and(|f| f == file.as_str()));
            if found.is_none() && !in_tower(name) {
                return Err(Error::format(path, format!("says that `{stored}` is in {file}, but it is not")));
            }
        }
        Ok(())
    }

    fn check_shapes(&self) -> Result<()> {
        let head = ("lm_head.weight".to_string(), vec![self.config.vocab as usize, self.config.hidden as usize]);
        let optional = self.tensors.contains_key(&head.0).then_some(head);
        for (name, wanted) in gemma3n::tensors(&self.config).into_iter().chain(optional) {
            let place = self.tensors.get(&name).ok_or_else(|| missing(&name))?;
            let fault = |why: String| Err(Error::Tensor { tensor: place.stored.clone(), why });
            if place.shape != wanted {
                return fault(format!("has shape {:?}, config.json asks for {wanted:?}", place.shape));
            }
            if element_bytes(place.dtype).is_none() {
                return fault(wrong_type(place.dtype));
            }
        }
        Ok(())
    }
}

impl Tensors for Checkpoint {
    fn shape(&self, name: &str) -> Option<(usize, usize)> {
        Self::shape(self, name)
    }

    fn read_rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>> {
        Self::read_rows(self, name, rows)
    }
}

fn canonical(stored: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| stored.strip_prefix(prefix)).unwrap_or(stored)
}

fn in_tower(name: &str) -> bool {
    TOWERS.iter().any(|tower| name.split('.').next() == Some(*tower))
}

fn missing(name: &str) -> Error {
    Error::Tensor { tensor: name.into(), why: "is missing; is this all of a Gemma 3n checkpoint, and does config.json belong to it?".into() }
}

fn element_bytes(dtype: Dtype) -> Option<usize> {
    match dtype {
        Dtype::BF16 | Dtype::F16 => Some(2),
        Dtype::F32 => Some(4),
        _ => None,
    }
}

fn wrong_type(dtype: Dtype) -> String {
    format!("has elements of type {dtype}; only BF16, F16 and F32 can be read")
}

type Index = (PathBuf, BTreeMap<String, String>);

/// Names of the tensor files in `folder`, ordered, and the index if there is one.
fn find_files(path: &Path, is_folder: bool, folder: &Path) -> Result<(Vec<String>, Option<Index>)> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
    let index = folder.join(INDEX);
    if !is_folder && !name.ends_with(".json") {
        // A single shard stands for the checkpoint that its index describes.
        return match read_index(&index) {
            Ok((files, map)) if files.len() > 1 && files.contains(&name) => Ok((files, Some((index, map)))),
            _ => Ok((vec![name], None)),
        };
    }
    if !is_folder && name != INDEX {
        return Err(Error::format(path, format!("is neither a .safetensors file, nor a folder, nor {INDEX}")));
    }
    if index.is_file() {
        let (files, map) = read_index(&index)?;
        return Ok((files, Some((index, map))));
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|why| Error::io(folder, why))? {
        let entry = entry.map_err(|why| Error::io(folder, why))?;
        found.extend(entry.file_name().into_string().ok().filter(|n| n.ends_with(".safetensors")));
    }
    if found.iter().any(|n| n == "model.safetensors") {
        found = vec!["model.safetensors".into()];
    }
    match found.len() {
        1 => Ok((found, None)),
        0 => Err(Error::format(folder, "holds no .safetensors file")),
        n => Err(Error::format(folder, format!("holds {n} .safetensors files and no {INDEX}; name one file"))),
    }
}

fn read_index(path: &Path) -> Result<(Vec<String>, BTreeMap<String, String>)> {
    #[derive(Deserialize)]
    struct File {
        weight_map: BTreeMap<String, String>,
    }
    let bytes = read_limited(path, MAX_JSON)?.ok_or_else(|| Error::format(path, "is missing"))?;
    let file: File = serde_json::from_slice(&bytes).map_err(|why| Error::format(path, format!("is no index of shards: {why}")))?;
    let files: BTreeSet<String> = file.weight_map.values().cloned().collect();
    if let Some(odd) = files.iter().find(|f| !f.ends_with(".safetensors") || f.contains(['/', '\\', '\0'])) {
        return Err(Error::format(path, format!("names the shard {odd:?}; shards are .safetensors files in the same folder")));
    }
    match files.len() {
        1..=4096 => Ok((files.into_iter().collect(), file.weight_map)),
        n => Err(Error::format(path, format!("names {n} shards"))),
    }
}

/// Checks that no tensor lies beyond the end of the file, before the header is taken at its word, and gives the offset of the data.
fn check_spans(path: &Path, map: &[u8]) -> Result<usize> {
    #[derive(Deserialize)]
    struct Span {
        data_offsets: Option<(u64, u64)>,
    }
    let cut = || Error::format(path, "is no safetensors file, or is cut short: its header does not fit in it");
    let (length, rest) = map.split_first_chunk::<8>().ok_or_else(cut)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut())?;
    let header = rest.get(..length).ok_or_else(cut)?;
    let spans: BTreeMap<String, Span> =
        serde_json::from_slice(header).map_err(|why| Error::format(path, format!("is no safetensors file: its header is malformed: {why}")))?;
    let room = (rest.len() - length) as u64;
    match spans.iter().find(|(_, s)| s.data_offsets.is_some_and(|(start, end)| start > end || end > room)) {
        Some((name, _)) => Err(Error::format(path, format!("is cut short or lies: tensor `{name}` ends beyond the end of the file"))),
        None => Ok(8 + length),
    }
}
