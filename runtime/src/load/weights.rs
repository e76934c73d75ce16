//! Brings the resident weights to memory of our own: threads take pieces of the section, read them, and hash what they read while it is in their cache.
//!
//! BLAKE3 is a tree, so the digest of the whole comes from those of the pieces: see `blake3::hazmat`.

use crate::hal::memory::Area;
use crate::{Error, Result};
use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use unicorn_artifact::file::{Artifact, section};

/// Bytes of a piece: a subtree of the hash, so a power of two; whole huge pages.
const PIECE: usize = 16 << 20;
/// Bytes read before they are hashed.
const READ: usize = 512 << 10;

/// Copies the weights by reads, not through the map, so that their file pages never count as ours, and compares their digest.
///
/// # Errors
/// [`Error::Memory`], [`Error::Io`], or [`Error::Artifact`] if the bytes do not match their digest.
pub fn copy(artifact: &Artifact, path: &Path, threads: usize) -> Result<Area> {
    let wrong = |source| Error::artifact(path, source);
    let place = artifact.section(section::WEIGHTS).map_err(wrong)?;
    let mut area = Area::untouched("weights", place.length)?;
    let bytes = &mut area.as_mut_slice()[..place.length as usize];
    let digest = read(artifact.file(), place.offset, bytes, threads).map_err(|e| Error::io(path, e))?;
    if digest != place.digest {
        return Err(wrong(unicorn_artifact::Error::section(section::WEIGHTS, "its bytes do not match their digest")));
    }
    Ok(area)
}

/// Compares the digest of the weights where they are mapped: for a GPU, which gets its own copy.
///
/// # Errors
/// [`Error::Artifact`] if the bytes do not match their digest.
pub fn check(artifact: &Artifact, path: &Path, threads: usize) -> Result<()> {
    let wrong = |source| Error::artifact(path, source);
    let place = artifact.section(section::WEIGHTS).map_err(wrong)?;
    let bytes = artifact.bytes(section::WEIGHTS).map_err(wrong)?;
    let pieces = bytes.chunks(PIECE);
    let hashed = tree(pieces, bytes.len(), threads, |part, _, hasher| {
        hasher.update(part);
        Ok(())
    });
    if hashed.map_err(|e| Error::io(path, e))? != place.digest {
        return Err(wrong(unicorn_artifact::Error::section(section::WEIGHTS, "its bytes do not match their digest")));
    }
    Ok(())
}

/// Fills `bytes` from `offset` of the file on and gives their BLAKE3 digest.
fn read(file: &File, offset: u64, bytes: &mut [u8], threads: usize) -> std::io::Result<[u8; 32]> {
    let length = bytes.len();
    tree(bytes.chunks_mut(PIECE), length, threads, |piece, start, hasher| {
        for (at, part) in piece.chunks_mut(READ).enumerate() {
            file.read_exact_at(part, offset + start + (at * READ) as u64)?;
            hasher.update(part);
        }
        Ok(())
    })
}

/// The digest of `length` bytes that come in pieces: `hash` gives a piece, of which it is told the first byte's place, to the hasher.
fn tree<T>(
    pieces: impl Iterator<Item = T> + Send,
    length: usize,
    threads: usize,
    hash: impl Fn(T, u64, &mut blake3::Hasher) -> std::io::Result<()> + Sync,
) -> std::io::Result<[u8; 32]> {
    if length <= PIECE {
        let mut hasher = blake3::Hasher::new();
        pieces.into_iter().try_for_each(|piece| hash(piece, 0, &mut hasher))?;
        return Ok(*hasher.finalize().as_bytes());
    }
    let mut values = vec![ChainingValue::default(); length.div_ceil(PIECE)];
    let pieces = Mutex::new(pieces.zip(&mut values).enumerate());
    let work = || -> std::io::Result<()> {
        loop {
            let piece = pieces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some((number, (piece, value))) = piece else { return Ok(()) };
            let start = (number * PIECE) as u64;
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(start);
            hash(piece, start, &mut hasher)?;
            *value = hasher.finalize_non_root();
        }
    };
    std::thread::scope(|scope| {
        // Where the system gives fewer threads, those that are there do the work.
        let helper = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads.min(length.div_ceil(PIECE))).filter_map(helper).collect();
        let mine = work();
        others.into_iter().fold(mine, |result, other| result.and(other.join().unwrap_or_else(|why| std::panic::resume_unwind(why))))
    })?;
    let left = left_subtree_len(length as u64) as usize;
    let (low, high) = values.split_at(left / PIECE);
    Ok(*merge_subtrees_root(&subtree(low, left), &subtree(high, length - left), Mode::Hash).as_bytes())
}

/// The value over the pieces of `length` bytes.
fn subtree(values: &[ChainingValue], length: usize) -> ChainingValue {
    if length <= PIECE {
        return values[0];
    }
    let left = left_subtree_len(length as u64) as usize;
    let (low, high) = values.split_at(left / PIECE);
    merge_subtrees_non_root(&subtree(low, left), &subtree(high, length - left), Mode::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_digest_is_that_of_the_whole() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..5 * PIECE + 12345).map(|i| (i * 7 + i / 1000) as u8).collect();
        file.write_all(&content).unwrap();
        for length in [0, 1, 1024, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5, 5 * PIECE + 12300] {
            for threads in [1, 3] {
                let mut bytes = vec![0; length];
                let digest = read(&file, 7, &mut bytes, threads).unwrap();
                assert!(bytes == content[7..7 + length]);
                assert_eq!(digest, *blake3::hash(&bytes).as_bytes(), "{length} bytes, {threads} threads");
            }
        }
        assert!(read(&file, 100, &mut vec![0; 5 * PIECE + 12345], 2).is_err(), "the file ends too early");
    }
}
