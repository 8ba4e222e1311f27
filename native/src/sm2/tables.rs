//! Window tables: all the multiples of a point that a scalar's signed digits can ask for, so that a scalar
//! multiplication is additions only. Public data only: the addresses read depend on the scalar.

use super::field::Multiplier;
use super::point::{Addition, Affine, BatchAdder, Jacobian, normalise};
use super::scalar::{Scalar, to_signed};

/// The narrowest and widest windows offered for keys.
pub const WINDOW_BITS_MIN: u32 = 4;
pub const WINDOW_BITS_MAX: u32 = 10;

/// For a point P and windows of w bits: j · 2^(w·i) · P for every window i and 1 ≤ j ≤ 2^(w-1).
pub struct WindowTable {
    bits: u32,
    windows: usize,
    entries: Vec<Affine>,
}

/// Windows of `bits` bits that cover a scalar below 2^255 with its sign.
pub const fn window_count(bits: u32) -> usize {
    256usize.div_ceil(bits as usize)
}

/// Bytes of the entries of a table.
pub const fn table_bytes(bits: u32) -> usize {
    (window_count(bits) << (bits - 1)) * size_of::<Affine>()
}

impl WindowTable {
    /// Builds the table of a point that is on the curve and not infinity.
    pub fn build<M: Multiplier>(point: &Affine, bits: u32) -> WindowTable {
        let windows = window_count(bits);
        let per_window = 1usize << (bits - 1);
        // The first entry of each window: 2^(w·i) · P.
        let mut bases = Vec::with_capacity(windows);
        let mut base = Jacobian::from_affine(point);
        for _ in 0..windows {
            bases.push(base);
            for _ in 0..bits {
                base = base.double::<M>();
            }
        }
        let mut first = vec![Affine::INFINITY; windows];
        normalise::<M>(&bases, &mut first);
        let mut entries = vec![Affine::INFINITY; windows * per_window];
        for (window, base) in first.iter().enumerate() {
            entries[window * per_window] = *base;
        }
        // From the first m multiples of each window the next m: j + m for j < m, and 2m by doubling.
        let mut adder = BatchAdder::default();
        let mut additions = Vec::with_capacity(windows * per_window / 2);
        let mut have = 1;
        while have < per_window {
            additions.clear();
            for window in 0..windows {
                let start = (window * per_window) as u32;
                for j in 1..=have as u32 {
                    additions.push(Addition {
                        sum: start + have as u32 + j - 1,
                        left: start + have as u32 - 1,
                        right: start + j - 1,
                    });
                }
            }
            adder.run::<M>(&mut entries, &additions);
            have *= 2;
        }
        WindowTable { bits, windows, entries }
    }

    /// How many points a scalar gathers.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// The places and signs of the entries for a scalar below n, one per window, and asks the processor to
    /// fetch them. `places` has `windows()` elements.
    #[inline]
    pub fn locate(&self, scalar: &Scalar, places: &mut [u32]) {
        let (magnitude, negative) = to_signed(scalar);
        let doubled = doubled(&magnitude);
        for (window, place) in places.iter_mut().enumerate() {
            let digit = booth_digit(&doubled, window as u32 * self.bits, self.bits);
            let size = digit.unsigned_abs();
            if size == 0 {
                *place = NOTHING;
                continue;
            }
            let index = ((window << (self.bits - 1)) as u32) + size - 1;
            prefetch(&self.entries[index as usize]);
            *place = index | if (digit < 0) != negative { NEGATED } else { 0 };
        }
    }

    /// Copies the entries that `locate` found.
    #[inline]
    pub fn gather(&self, places: &[u32], out: &mut [Affine]) {
        for (place, slot) in places.iter().zip(out.iter_mut()) {
            *slot = if *place == NOTHING {
                Affine::INFINITY
            } else {
                let entry = &self.entries[(*place & !NEGATED) as usize];
                if *place & NEGATED != 0 { entry.neg() } else { *entry }
            };
        }
    }
}

/// A digit of zero: nothing to add.
const NOTHING: u32 = u32::MAX;
/// The entry's negative is meant.
const NEGATED: u32 = 1 << 31;

/// 2·k in limbs with room above, as `booth_digit` reads it.
#[inline(always)]
fn doubled(k: &Scalar) -> [u64; 6] {
    [k[0] << 1, k[1] << 1 | k[0] >> 63, k[2] << 1 | k[1] >> 63, k[3] << 1 | k[2] >> 63, k[3] >> 63, 0]
}

/// The signed digit at a bit position, in [-2^(w-1), 2^(w-1)]: Booth's recoding reads the bit below the
/// window too, so that no carry runs from digit to digit.
#[inline(always)]
fn booth_digit(doubled: &[u64; 6], position: u32, bits: u32) -> i32 {
    let limb = (position / 64) as usize;
    let pair = (doubled[limb + 1] as u128) << 64 | doubled[limb] as u128;
    let value = (pair >> (position % 64)) as u32 & ((2 << bits) - 1);
    (value.div_ceil(2) as i32) - (((value >> bits) << bits) as i32)
}

/// Odd digits of a scalar below 2^255, at most 5 bits wide with sign, zeros between (wNAF).
/// Returns how many of the places are used.
pub fn non_adjacent_form(k: &Scalar, digits: &mut [i8; 257]) -> usize {
    const WIDTH: u32 = 5;
    let mut rest = [k[0], k[1], k[2], k[3]];
    let mut position = 0;
    let mut used = 0;
    digits.fill(0);
    while rest != [0; 4] {
        let zeros = rest[0].trailing_zeros().min(63);
        if zeros > 0 {
            shift_right(&mut rest, zeros);
            position += zeros as usize;
            continue;
        }
        let low = (rest[0] & ((1 << WIDTH) - 1)) as i64;
        let digit = if low >= 1 << (WIDTH - 1) { low - (1 << WIDTH) } else { low };
        digits[position] = digit as i8;
        used = position + 1;
        if digit >= 0 {
            rest[0] -= digit as u64;
        } else {
            let mut carry = digit.unsigned_abs();
            for limb in &mut rest {
                let (sum, overflow) = limb.overflowing_add(carry);
                *limb = sum;
                carry = overflow as u64;
            }
        }
    }
    used
}

#[inline(always)]
fn shift_right(x: &mut [u64; 4], n: u32) {
    x[0] = x[0] >> n | x[1] << (64 - n);
    x[1] = x[1] >> n | x[2] << (64 - n);
    x[2] = x[2] >> n | x[3] << (64 - n);
    x[3] >>= n;
}

#[inline(always)]
fn prefetch(entry: &Affine) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of an address inside a live object; it changes nothing.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>((entry as *const Affine).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = entry;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sm2::field::Portable;
    use crate::sm2::field::tests::SplitMix;
    use crate::sm2::point::GENERATOR;
    use crate::sm2::scalar::{N, sub};

    type M = Portable;

    fn double_and_add(k: &Scalar) -> Affine {
        let mut sum = Jacobian::INFINITY;
        for bit in (0..256).rev() {
            sum = sum.double::<M>();
            if k[bit / 64] >> (bit % 64) & 1 == 1 {
                sum = sum.add_affine::<M>(&GENERATOR);
            }
        }
        affine(&sum)
    }

    fn affine(point: &Jacobian) -> Affine {
        let mut out = [Affine::INFINITY];
        normalise::<M>(&[*point], &mut out);
        out[0]
    }

    fn scalars() -> Vec<Scalar> {
        let mut random = SplitMix(7);
        let mut list = vec![[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1 << 62]];
        list.push(sub(&[0; 4], &[1, 0, 0, 0]));
        list.push(sub(&[0; 4], &[2, 0, 0, 0]));
        let half = [N[0] >> 1 | N[1] << 63, N[1] >> 1 | N[2] << 63, N[2] >> 1 | N[3] << 63, N[3] >> 1];
        list.push(half);
        list.push(sub(&half, &[1, 0, 0, 0]));
        list.push(sub(&half, &sub(&[0; 4], &[1, 0, 0, 0])));
        for _ in 0..20 {
            let mut k = random.element().0;
            k[3] %= N[3];
            list.push(k);
        }
        list
    }

    #[test]
    fn every_window_width_gives_the_plain_multiple() {
        for bits in WINDOW_BITS_MIN..=WINDOW_BITS_MAX {
            let table = WindowTable::build::<M>(&GENERATOR, bits);
            assert_eq!(table.entries.len() * 64, table_bytes(bits));
            let mut places = vec![0; table.windows()];
            let mut points = vec![Affine::INFINITY; table.windows()];
            for k in scalars() {
                table.locate(&k, &mut places);
                table.gather(&places, &mut points);
                let sum = points.iter().fold(Jacobian::INFINITY, |sum, point| sum.add_affine::<M>(point));
                assert_eq!(affine(&sum), double_and_add(&k), "{bits} bits, {k:x?}");
            }
        }
    }

    #[test]
    fn non_adjacent_form_gives_the_scalar_back() {
        for k in scalars() {
            let (k, _) = to_signed(&k);
            let mut digits = [0i8; 257];
            let used = non_adjacent_form(&k, &mut digits);
            let mut sum = Jacobian::INFINITY;
            for &digit in digits[..used].iter().rev() {
                sum = sum.double::<M>();
                assert!(digit == 0 || digit & 1 == 1);
                for _ in 0..digit.unsigned_abs() {
                    let one = if digit < 0 { GENERATOR.neg() } else { GENERATOR };
                    sum = sum.add_affine::<M>(&one);
                }
            }
            assert_eq!(affine(&sum), double_and_add(&k));
        }
    }
}
