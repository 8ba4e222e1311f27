//! Integers modulo the group order n, for **public data only**: the few operations verification needs.

use super::field::{less_than, limbs_from_be};

/// n, least significant limb first.
pub const N: [u64; 4] = [0x53bb_f409_39d5_4123, 0x7203_df6b_21c6_052b, 0xffff_ffff_ffff_ffff, 0xffff_fffe_ffff_ffff];

/// (n - 1) / 2.
const HALF_N: [u64; 4] = [0xa9dd_fa04_9cea_a091, 0xb901_efb5_90e3_0295, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_7fff_ffff];

/// An integer; which range it is in is said where it is made.
pub type Scalar = [u64; 4];

/// Reads a scalar in [1, n-1].
pub fn parse_nonzero(bytes: &[u8; 32]) -> Option<Scalar> {
    let limbs = limbs_from_be(bytes);
    (limbs != [0; 4] && less_than(&limbs, &N)).then_some(limbs)
}

/// Reads any 256-bit integer and reduces it modulo n (one subtraction is enough: 2^256 < 2n).
pub fn parse_reduced(bytes: &[u8; 32]) -> Scalar {
    reduce_once(&limbs_from_be(bytes))
}

/// x mod n for x < 2^256.
#[inline]
pub fn reduce_once(x: &Scalar) -> Scalar {
    if less_than(x, &N) { *x } else { wrapping_sub(x, &N) }
}

/// (a + b) mod n for a, b < n.
#[inline]
pub fn add(a: &Scalar, b: &Scalar) -> Scalar {
    let (sum, carry) = carrying_add(a, b);
    if carry || !less_than(&sum, &N) { wrapping_sub(&sum, &N) } else { sum }
}

/// (a - b) mod n for a, b < n.
#[inline]
pub fn sub(a: &Scalar, b: &Scalar) -> Scalar {
    if less_than(a, b) { wrapping_sub(a, &wrapping_sub(b, &N)) } else { wrapping_sub(a, b) }
}

/// a + n where it stays below 2^256.
#[inline]
pub fn plus_order(a: &Scalar) -> Option<Scalar> {
    let (sum, carry) = carrying_add(a, &N);
    (!carry).then_some(sum)
}

/// k < n as ±m with m < 2^255, so that signed windows never carry out of the top. True means negative.
#[inline]
pub fn to_signed(k: &Scalar) -> (Scalar, bool) {
    if less_than(&HALF_N, k) { (wrapping_sub(&N, k), true) } else { (*k, false) }
}

fn carrying_add(a: &Scalar, b: &Scalar) -> (Scalar, bool) {
    let (r0, c) = a[0].overflowing_add(b[0]);
    let (r1, c) = a[1].carrying_add(b[1], c);
    let (r2, c) = a[2].carrying_add(b[2], c);
    let (r3, c) = a[3].carrying_add(b[3], c);
    ([r0, r1, r2, r3], c)
}

fn wrapping_sub(a: &Scalar, b: &Scalar) -> Scalar {
    let (r0, c) = a[0].overflowing_sub(b[0]);
    let (r1, c) = a[1].borrowing_sub(b[1], c);
    let (r2, c) = a[2].borrowing_sub(b[2], c);
    let (r3, _) = a[3].borrowing_sub(b[3], c);
    [r0, r1, r2, r3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let one = [1, 0, 0, 0];
        let last = sub(&[0; 4], &one);
        assert_eq!(add(&last, &one), [0; 4]);
        assert_eq!(add(&last, &last), sub(&last, &one));
        assert_eq!(sub(&one, &last), [2, 0, 0, 0]);
        assert_eq!(reduce_once(&N), [0; 4]);
        assert_eq!(to_signed(&last), (one, true));
        assert_eq!(to_signed(&HALF_N), (HALF_N, false));
        let above = add(&HALF_N, &one);
        assert_eq!(to_signed(&above), (HALF_N, true));
        assert!(plus_order(&one).is_some());
        assert!(plus_order(&last).is_none());
    }
}
