//! SM3 of many inputs side by side, one in each lane of a vector register (x86-64, AVX2 or AVX-512).
//!
//! A transaction is hashed three or four times, in trees every node is; one at a time SM3 would cost as much
//! as a verification with tables. Single digests, and other processors, take RustCrypto's implementation,
//! which tests hold this one to.

use crate::digest::{Digest, Parts};
use core::arch::x86_64::*;

/// The initial value (GB/T 32905 4.1).
const INITIAL: [u32; 8] =
    [0x7380_166f, 0x4914_b2b9, 0x1724_42d7, 0xda8a_0600, 0xa96f_30bc, 0x1631_38aa, 0xe38d_ee4d, 0xb0fb_0e4e];

/// T_j <<< j for the 64 rounds (4.2).
const ROUND_CONSTANTS: [u32; 64] = {
    let mut constants = [0; 64];
    let mut j = 0;
    while j < 64 {
        let t: u32 = if j < 16 { 0x79cc_4519 } else { 0x7a87_9d8a };
        constants[j] = t.rotate_left(j as u32 % 32);
        j += 1;
    }
    constants
};

/// Below this many lanes' worth of work, one input after the other is faster.
const PARALLEL_FROM: usize = 3;

/// Hashes all inputs if that is worth doing side by side here; says whether it did. `out` has the length of
/// `inputs`.
pub fn digest_many(inputs: &[Parts<'_>], out: &mut [Digest]) -> bool {
    if inputs.len() < PARALLEL_FROM {
        return false;
    }
    let lengths = || inputs.iter().map(blocks);
    let (longest, total) = (lengths().max().unwrap_or(0), lengths().sum::<usize>());
    if total < PARALLEL_FROM * longest {
        return false;
    }
    // The long ones first, so that no long one is left alone at the end.
    let mut order: Vec<u32> = (0..inputs.len() as u32).collect();
    if total != longest * inputs.len() {
        order.sort_by_key(|&k| core::cmp::Reverse(blocks(&inputs[k as usize])));
    }
    if inputs.len() > 8 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        // SAFETY: the features were just found.
        unsafe { wide::run(inputs, &order, out) };
        return true;
    }
    if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        unsafe { narrow::run(inputs, &order, out) };
        return true;
    }
    false
}

/// Blocks of an input with its padding.
fn blocks(parts: &Parts<'_>) -> usize {
    (parts.iter().map(|part| part.len()).sum::<usize>() + 9).div_ceil(64)
}

/// One input on its way through a lane.
#[derive(Clone, Copy)]
struct Feed<'a> {
    parts: Parts<'a>,
    next_part: usize,
    bytes: u64,
    /// The bit that ends the data was written; only the length is left.
    ended: bool,
}

impl<'a> Feed<'a> {
    fn new(parts: Parts<'a>) -> Feed<'a> {
        Feed { parts, next_part: 0, bytes: parts.iter().map(|part| part.len() as u64).sum(), ended: false }
    }

    /// Writes the next block; true if it is the last.
    #[inline(always)]
    fn next_block(&mut self, block: &mut [u8; 64]) -> bool {
        let mut filled = 0;
        while self.next_part < self.parts.len() {
            let part = &mut self.parts[self.next_part];
            if filled == 0
                && let Some((head, rest)) = part.split_first_chunk::<64>()
            {
                *block = *head;
                *part = rest;
                return false;
            }
            let take = part.len().min(64 - filled);
            block[filled..filled + take].copy_from_slice(&part[..take]);
            *part = &part[take..];
            filled += take;
            if filled == 64 {
                return false;
            }
            self.next_part += 1;
        }
        block[filled..].fill(0);
        if !self.ended {
            block[filled] = 0x80;
            self.ended = true;
            filled += 1;
        }
        let last = filled <= 56;
        if last {
            block[56..].copy_from_slice(&(self.bytes * 8).to_be_bytes());
        }
        last
    }
}

/// The lanes for one width of register.
macro_rules! lanes {
    ($name:ident, $features:literal, $lanes:literal, $set1:ident, $load:ident, $store:ident,
     $gather:path, $swap_bytes:path, $add:ident, $xor:ident, $rotate:ident, $xor3:ident, $majority:ident,
     $choose:ident) => {
        mod $name {
            use super::*;
            const LANES: usize = $lanes;

            #[repr(C, align(64))]
            struct Blocks([[u8; 64]; LANES]);
            #[repr(C, align(64))]
            struct State([[u32; LANES]; 8]);

            /// # Safety
            /// The processor has the features.
            #[target_feature(enable = $features)]
            pub unsafe fn run(inputs: &[Parts<'_>], order: &[u32], out: &mut [Digest]) {
                let mut state = State([[0; LANES]; 8]);
                let mut buffer = Blocks([[0; 64]; LANES]);
                let mut waiting = order.iter();
                // The input in each lane, and where its digest goes.
                let mut feeds: [Option<(Feed<'_>, u32)>; LANES] = [None; LANES];
                let mut active = 0;
                for (lane, feed) in feeds.iter_mut().enumerate() {
                    if let Some(&k) = waiting.next() {
                        *feed = Some((Feed::new(inputs[k as usize]), k));
                        start(&mut state, lane);
                        active += 1;
                    }
                }
                while active > 0 {
                    let mut ending = 0u32;
                    for (lane, feed) in feeds.iter_mut().enumerate() {
                        if let Some((feed, _)) = feed {
                            ending |= (feed.next_block(&mut buffer.0[lane]) as u32) << lane;
                        }
                    }
                    // SAFETY: the features are those of this function.
                    unsafe { compress(&mut state, &buffer) };
                    while ending != 0 {
                        let lane = ending.trailing_zeros() as usize;
                        ending &= ending - 1;
                        let Some((_, k)) = feeds[lane] else { continue };
                        for (word, bytes) in state.0.iter().zip(out[k as usize].as_chunks_mut::<4>().0) {
                            *bytes = word[lane].to_be_bytes();
                        }
                        feeds[lane] = waiting.next().map(|&k| (Feed::new(inputs[k as usize]), k));
                        if feeds[lane].is_some() {
                            start(&mut state, lane);
                        } else {
                            active -= 1;
                        }
                    }
                }
            }

            fn start(state: &mut State, lane: usize) {
                for (word, initial) in state.0.iter_mut().zip(INITIAL) {
                    word[lane] = initial;
                }
            }

            /// One block in every lane (GB/T 32905 5.3).
            #[target_feature(enable = $features)]
            unsafe fn compress(state: &mut State, blocks: &Blocks) {
                // SAFETY: loads and stores stay inside `state` and `blocks`, both aligned to 64 bytes.
                unsafe {
                    let mut w = [$set1(0); 16];
                    for (i, word) in w.iter_mut().enumerate() {
                        *word = $swap_bytes($gather((blocks.0.as_ptr() as *const i32).add(i)));
                    }
                    let word = |state: &State, k: usize| $load(state.0[k].as_ptr().cast());
                    let (mut a, mut b, mut c, mut d) = (word(state, 0), word(state, 1), word(state, 2), word(state, 3));
                    let (mut e, mut f, mut g, mut h) = (word(state, 4), word(state, 5), word(state, 6), word(state, 7));
                    macro_rules! round {
                        ($j:expr, $ff:ident, $gg:ident) => {
                            let j: usize = $j;
                            let now = w[j % 16];
                            if j >= 12 {
                                // W_{j+4}, in the place of W_{j-12}.
                                let k = j + 4;
                                let x = $xor3(w[k % 16], w[(k + 7) % 16], $rotate::<15>(w[(k + 13) % 16]));
                                let p1 = $xor3(x, $rotate::<15>(x), $rotate::<23>(x));
                                w[k % 16] = $xor3(p1, $rotate::<7>(w[(k + 3) % 16]), w[(k + 10) % 16]);
                            }
                            let ahead = $xor(now, w[(j + 4) % 16]);
                            let a12 = $rotate::<12>(a);
                            let constant = $set1(ROUND_CONSTANTS[j] as i32);
                            let ss1 = $rotate::<7>($add($add(a12, e), constant));
                            let ss2 = $xor(ss1, a12);
                            let tt1 = $add($add($ff(a, b, c), d), $add(ss2, ahead));
                            let tt2 = $add($add($gg(e, f, g), h), $add(ss1, now));
                            d = c;
                            c = $rotate::<9>(b);
                            b = a;
                            a = tt1;
                            h = g;
                            g = $rotate::<19>(f);
                            f = e;
                            e = $xor3(tt2, $rotate::<9>(tt2), $rotate::<17>(tt2));
                        };
                    }
                    macro_rules! sixteen {
                        ($from:expr, $ff:ident, $gg:ident) => {
                            round!($from, $ff, $gg);
                            round!($from + 1, $ff, $gg);
                            round!($from + 2, $ff, $gg);
                            round!($from + 3, $ff, $gg);
                            round!($from + 4, $ff, $gg);
                            round!($from + 5, $ff, $gg);
                            round!($from + 6, $ff, $gg);
                            round!($from + 7, $ff, $gg);
                            round!($from + 8, $ff, $gg);
                            round!($from + 9, $ff, $gg);
                            round!($from + 10, $ff, $gg);
                            round!($from + 11, $ff, $gg);
                            round!($from + 12, $ff, $gg);
                            round!($from + 13, $ff, $gg);
                            round!($from + 14, $ff, $gg);
                            round!($from + 15, $ff, $gg);
                        };
                    }
                    sixteen!(0, $xor3, $xor3);
                    sixteen!(16, $majority, $choose);
                    sixteen!(32, $majority, $choose);
                    sixteen!(48, $majority, $choose);
                    let new = [a, b, c, d, e, f, g, h];
                    for (k, value) in new.into_iter().enumerate() {
                        let mixed = $xor(word(state, k), value);
                        $store(state.0[k].as_mut_ptr().cast(), mixed);
                    }
                }
            }
        }
    };
}

// Names of one shape for both widths.
#[inline(always)]
unsafe fn xor3_512(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    unsafe { _mm512_ternarylogic_epi32::<0x96>(a, b, c) }
}
#[inline(always)]
unsafe fn majority_512(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    unsafe { _mm512_ternarylogic_epi32::<0xe8>(a, b, c) }
}
#[inline(always)]
unsafe fn choose_512(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    unsafe { _mm512_ternarylogic_epi32::<0xca>(a, b, c) }
}
#[inline(always)]
unsafe fn gather_512(first: *const i32) -> __m512i {
    unsafe {
        let lanes = _mm512_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240);
        _mm512_i32gather_epi32::<4>(lanes, first)
    }
}
#[inline(always)]
unsafe fn swap_bytes_512(x: __m512i) -> __m512i {
    unsafe {
        let order = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(order))
    }
}
#[inline(always)]
unsafe fn rotate_256<const N: i32>(x: __m256i) -> __m256i {
    unsafe {
        _mm256_or_si256(_mm256_sll_epi32(x, _mm_cvtsi32_si128(N)), _mm256_srl_epi32(x, _mm_cvtsi32_si128(32 - N)))
    }
}
#[inline(always)]
unsafe fn xor3_256(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    unsafe { _mm256_xor_si256(_mm256_xor_si256(a, b), c) }
}
#[inline(always)]
unsafe fn majority_256(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    unsafe { _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b))) }
}
#[inline(always)]
unsafe fn choose_256(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    unsafe { _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(b, c), a), c) }
}
#[inline(always)]
unsafe fn gather_256(first: *const i32) -> __m256i {
    unsafe { _mm256_i32gather_epi32::<4>(first, _mm256_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112)) }
}
#[inline(always)]
unsafe fn swap_bytes_256(x: __m256i) -> __m256i {
    unsafe {
        let order = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(order))
    }
}

lanes!(
    wide,
    "avx512f,avx512bw",
    16,
    _mm512_set1_epi32,
    _mm512_load_si512,
    _mm512_store_si512,
    gather_512,
    swap_bytes_512,
    _mm512_add_epi32,
    _mm512_xor_si512,
    _mm512_rol_epi32,
    xor3_512,
    majority_512,
    choose_512
);
lanes!(
    narrow,
    "avx2",
    8,
    _mm256_set1_epi32,
    _mm256_load_si256,
    _mm256_store_si256,
    gather_256,
    swap_bytes_256,
    _mm256_add_epi32,
    _mm256_xor_si256,
    rotate_256,
    xor3_256,
    majority_256,
    choose_256
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sm3;

    /// Every length around the block boundaries, split into parts at different places, by both widths.
    #[test]
    fn lanes_equal_one_by_one() {
        let data: Vec<u8> = (0..2000u32).map(|k| (k * 7 + k / 256) as u8).collect();
        let mut inputs: Vec<Parts<'_>> = Vec::new();
        for length in (0..200).chain([1000, 1999, 511, 512, 513]) {
            let (first, rest) = data[..length].split_at(length / 3);
            let (second, third) = rest.split_at(rest.len() / 2);
            inputs.push([&data[..length], &[], &[], &[]]);
            inputs.push([first, second, &[], third]);
        }
        let expected: Vec<Digest> = inputs.iter().map(|parts| sm3(parts)).collect();
        let order: Vec<u32> = (0..inputs.len() as u32).rev().collect();
        for count in [1, 2, 7, 8, 9, 16, 17, inputs.len()] {
            let some = &order[order.len() - count..];
            if is_x86_feature_detected!("avx2") {
                let mut out = vec![[0; 32]; inputs.len()];
                // SAFETY: the feature was just found.
                unsafe { narrow::run(&inputs, some, &mut out) };
                assert_eq!(out[..count], expected[..count]);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                let mut out = vec![[0; 32]; inputs.len()];
                // SAFETY: the features were just found.
                unsafe { wide::run(&inputs, some, &mut out) };
                assert_eq!(out[..count], expected[..count]);
            }
        }
        let mut out = vec![[0; 32]; inputs.len()];
        if digest_many(&inputs, &mut out) {
            assert_eq!(out, expected);
        }
        assert!(!digest_many(&inputs[..2], &mut out[..2]));
    }
}
