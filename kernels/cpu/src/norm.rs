//! What is done head by head around attention: the table of rotations, head norm with rotation, and storing keys and values. One portable version each.
//!
//! # Order of operations
//! * Sums of squares keep 16 partial sums, `l` adding elements `l, l + 16, ...` from 0 (product, then sum), then add halves (+ 8, + 4, + 2, + 1).
//! * `factor = 1 / sqrt(sum / head_dim + epsilon)`; `y = x * factor`, then `* weight`.
//! * Rotation: `y[i] * cos - y[i + h] * sin` and `y[i + h] * cos + y[i] * sin`, each product rounded.
//! * Angles: `position as f32 * inverse frequency`, the latter `theta^-(2 i / head_dim)` in f64 rounded to f32; functions of the crate `libm`.

use half::f16;
use unicorn_artifact::region::LANES;

/// Frequencies computed at a time.
const CHUNK: usize = 256;

/// For every position a row of `head_dim` f32: cosines, then sines, of its angles. `out` is `[positions, head_dim]`.
///
/// # Panics
/// If `head_dim` is odd or `out` has another size.
pub fn rope_table(positions: &[u32], theta: f32, head_dim: usize, out: &mut [f32]) {
    let half = head_dim / 2;
    assert!(head_dim.is_multiple_of(2) && out.len() == positions.len() * head_dim, "the table has {} elements", out.len());
    let mut inverse = [0f32; CHUNK];
    for first in (0..half).step_by(CHUNK) {
        let inverse = &mut inverse[..CHUNK.min(half - first)];
        for (i, inverse) in inverse.iter_mut().enumerate() {
            *inverse = (1.0 / libm::pow(f64::from(theta), (2 * (first + i)) as f64 / head_dim as f64)) as f32;
        }
        for (&position, row) in positions.iter().zip(out.chunks_exact_mut(head_dim)) {
            let (cosines, sines) = row.split_at_mut(half);
            for (i, inverse) in inverse.iter().enumerate() {
                let angle = position as f32 * inverse;
                (cosines[first + i], sines[first + i]) = (libm::cosf(angle), libm::sinf(angle));
            }
        }
    }
}

/// Normalises every head of a row to unit mean square, multiplies by `weight` (`[head_dim]`) if any, and rotates by a row of [`rope_table`] if any.
///
/// # Panics
/// If `head_dim` is not a positive multiple of 16, or a slice is not whole heads, or the sizes differ.
pub fn head_norm(input: &[f32], head_dim: usize, epsilon: f32, weight: Option<&[f32]>, table: Option<&[f32]>, out: &mut [f32]) {
    assert!(head_dim > 0 && head_dim.is_multiple_of(LANES) && input.len().is_multiple_of(head_dim) && input.len() == out.len());
    for (x, y) in input.chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim)) {
        let factor = 1.0 / (sum_of_squares(x) / head_dim as f32 + epsilon).sqrt();
        match weight {
            Some(weight) => y.iter_mut().zip(x).zip(weight).for_each(|((y, x), w)| *y = x * factor * w),
            None => y.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor),
        }
        if let Some(table) = table {
            rotate(y, table);
        }
    }
}

fn sum_of_squares(x: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    for x in x.as_chunks::<LANES>().0 {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x * x;
        }
    }
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
    }
    sums[0]
}

fn rotate(y: &mut [f32], table: &[f32]) {
    let (low, high) = y.split_at_mut(y.len() / 2);
    let (cosines, sines) = table.split_at(table.len() / 2);
    for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
        (*low, *high) = (*low * cos - *high * sin, *high * cos + *low * sin);
    }
}

/// Rounds one row's keys and values (`[kv_heads, head_dim]` each) to f16 and writes them at the row's place of the ring, in the layout of
/// `unicorn_artifact::plan::State`.
///
/// # Safety
/// `slot` is the slot's first element: `2 * kv_heads * head_dim * capacity` writable f16, `capacity` a positive multiple of 16; `key` and `value` have
/// `kv_heads * head_dim` elements; no other thread touches the place.
pub unsafe fn kv_append(key: &[f32], value: &[f32], kv_heads: usize, head_dim: usize, capacity: usize, position: usize, slot: *mut u16) {
    let (place, head_size) = (position % capacity, head_dim * capacity);
    for head in 0..kv_heads {
        let (key, value) = (&key[head * head_dim..][..head_dim], &value[head * head_dim..][..head_dim]);
        // SAFETY: the place lies in the ring of this head.
        unsafe {
            let keys = slot.add(head * head_size + place / LANES * LANES * head_dim + place % LANES);
            let values = slot.add((kv_heads + head) * head_size + place * head_dim);
            for d in 0..head_dim {
                *keys.add(d * LANES) = f16::from_f32(key[d]).to_bits();
                *values.add(d) = f16::from_f32(value[d]).to_bits();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin() * 3.0).collect()
    }

    #[test]
    fn table_agrees_with_f64() {
        let (positions, head_dim) = ([0u32, 1, 7, 4095], 640);
        let mut out = vec![0f32; positions.len() * head_dim];
        rope_table(&positions, 1e6, head_dim, &mut out);
        for (row, position) in out.chunks(head_dim).zip(positions) {
            for i in 0..head_dim / 2 {
                let inverse = (1e6f64.powf(-2.0 * i as f64 / head_dim as f64)) as f32;
                let angle = f64::from(position as f32 * inverse);
                assert!((f64::from(row[i]) - angle.cos()).abs() < 1e-6, "cosine {i} at {position}");
                assert!((f64::from(row[i + head_dim / 2]) - angle.sin()).abs() < 1e-6, "sine {i} at {position}");
            }
        }
    }

    #[test]
    fn head_norm_agrees_with_f64() {
        let (heads, head_dim, epsilon) = (3, 48, 1e-6);
        let (x, weight) = (wave(heads * head_dim, 0.7), wave(head_dim, 0.3));
        let mut table = vec![0f32; head_dim];
        rope_table(&[11], 10_000.0, head_dim, &mut table);
        for (w, t) in [(None, None), (Some(&weight[..]), None), (None, Some(&table[..])), (Some(&weight[..]), Some(&table[..]))] {
            let mut out = vec![0f32; x.len()];
            head_norm(&x, head_dim, epsilon, w, t, &mut out);
            for (x, out) in x.chunks(head_dim).zip(out.chunks(head_dim)) {
                let mean = x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / head_dim as f64;
                let y = |i: usize| f64::from(x[i]) / (mean + f64::from(epsilon)).sqrt() * w.map_or(1.0, |w| f64::from(w[i]));
                let h = head_dim / 2;
                for i in 0..h {
                    let (cos, sin) = t.map_or((1.0, 0.0), |t| (f64::from(t[i]), f64::from(t[i + h])));
                    assert!((f64::from(out[i]) - (y(i) * cos - y(i + h) * sin)).abs() < 1e-5);
                    assert!((f64::from(out[i + h]) - (y(i + h) * cos + y(i) * sin)).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn appended_rows_are_where_the_layout_says() {
        let (kv_heads, head_dim, capacity) = (2, 16, 32);
        let mut slot = vec![0u16; 2 * kv_heads * head_dim * capacity];
        let (key, value) = (wave(kv_heads * head_dim, 0.9), wave(kv_heads * head_dim, 1.1));
        // SAFETY: `slot` has the size of the layout.
        unsafe { kv_append(&key, &value, kv_heads, head_dim, capacity, 32 + 21, slot.as_mut_ptr()) };
        let mut written = 0;
        for head in 0..kv_heads {
            for d in 0..head_dim {
                let k = slot[head * capacity * head_dim + head_dim * 16 + d * 16 + 5];
                let v = slot[(kv_heads + head) * capacity * head_dim + 21 * head_dim + d];
                assert_eq!(k, f16::from_f32(key[head * head_dim + d]).to_bits());
                assert_eq!(v, f16::from_f32(value[head * head_dim + d]).to_bits());
                written += usize::from(k != 0) + usize::from(v != 0);
            }
        }
        assert_eq!(slot.iter().filter(|v| **v != 0).count(), written);
    }
}
