//! Compiled kernels kept between runs: a folder, one file for each target and text.

use crate::{Error, target::Target};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The LLVM that makes the code: another one may make other code of the same text.
const LLVM: &str = "22";
const DIGEST: usize = blake3::OUT_LEN;

/// A folder of compiled kernels. May be shared by threads and processes.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The cache in `dir`, which is made where it is missing.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|source| failed(&dir, source))?;
        Ok(Self { dir })
    }

    /// The code of `text` for `target`, if it was kept and is still what was written.
    pub fn get(&self, target: Target, text: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.dir.join(key(target, text))).ok()?;
        let (digest, code) = bytes.split_at_checked(DIGEST)?;
        (digest == blake3::hash(code).as_bytes()).then(|| code.to_vec())
    }

    /// Keeps the code of `text` for `target`; readers see all of it or nothing.
    pub fn put(&self, target: Target, text: &str, code: &[u8]) -> Result<(), Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let key = key(target, text);
        let unique = format!(".{key}.{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (draft, path) = (self.dir.join(unique), self.dir.join(key));
        let bytes = [blake3::hash(code).as_bytes(), code].concat();
        fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, &path)).map_err(|source| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&draft);
            failed(&path, source)
        })
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Cache { path: path.display().to_string(), source }
}

fn key(target: Target, text: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [target.name(), LLVM, text] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
