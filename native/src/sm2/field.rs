//! The field GF(p) of the SM2 curve, p = 2^256 - 2^224 - 2^96 + 2^64 - 1, for **public data only**.
//!
//! Elements are four 64-bit limbs in Montgomery form (x · 2^256 mod p), least significant first, always
//! fully reduced, so that equality is equality of limbs. Verification is the only user: nothing here
//! promises constant time.
//!
//! Why our own: p ≡ -1 mod 2^64, so the Montgomery factor of a limb is the limb itself, and multiplying it
//! by p is two shifts and a few additions. A reduction therefore costs no multiplication at all, which no
//! general-purpose library makes use of.

/// An element of GF(p) in Montgomery form, fully reduced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(32))]
pub struct Fe(pub [u64; 4]);

/// p, least significant limb first.
pub const P: [u64; 4] = [0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0xffff_fffe_ffff_ffff];

/// How a product is computed. Two implementations of one arithmetic; the choice is made once per batch.
pub trait Multiplier: Copy + Send + Sync + 'static {
    /// Montgomery product a·b/2^256.
    fn mul(a: &Fe, b: &Fe) -> Fe;
    /// Montgomery square a²/2^256.
    fn sqr(a: &Fe) -> Fe;
}

/// Plain Rust, any processor.
#[derive(Clone, Copy)]
pub struct Portable;

impl Fe {
    pub const ZERO: Fe = Fe([0; 4]);
    /// 2^256 mod p: one in Montgomery form.
    pub const ONE: Fe = Fe([1, 0xffff_ffff, 0, 0x1_0000_0000]);
    /// 2^512 mod p, which takes an integer into Montgomery form.
    const R2: Fe = Fe([0x0000_0002_0000_0003, 0x0000_0002_ffff_ffff, 0x0000_0001_0000_0001, 0x0000_0004_0000_0002]);

    /// Takes an integer below p into Montgomery form; `None` if it is not below p.
    pub fn from_integer(limbs: &[u64; 4]) -> Option<Fe> {
        if !less_than(limbs, &P) {
            return None;
        }
        Some(Portable::mul(&Fe(*limbs), &Fe::R2))
    }

    /// The integer below p that this element stands for.
    #[inline(always)]
    pub fn to_integer<M: Multiplier>(self) -> [u64; 4] {
        M::mul(&self, &Fe([1, 0, 0, 0])).0
    }

    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        (self.0[0] | self.0[1] | self.0[2] | self.0[3]) == 0
    }

    #[inline(always)]
    pub fn add(&self, other: &Fe) -> Fe {
        let (a, b) = (&self.0, &other.0);
        let (r0, c) = a[0].overflowing_add(b[0]);
        let (r1, c) = a[1].carrying_add(b[1], c);
        let (r2, c) = a[2].carrying_add(b[2], c);
        let (r3, c) = a[3].carrying_add(b[3], c);
        subtract_p_if_above([r0, r1, r2, r3], c)
    }

    #[inline(always)]
    pub fn double(&self) -> Fe {
        self.add(self)
    }

    #[inline(always)]
    pub fn sub(&self, other: &Fe) -> Fe {
        let (a, b) = (&self.0, &other.0);
        let (r0, c) = a[0].overflowing_sub(b[0]);
        let (r1, c) = a[1].borrowing_sub(b[1], c);
        let (r2, c) = a[2].borrowing_sub(b[2], c);
        let (r3, c) = a[3].borrowing_sub(b[3], c);
        // Adding p is subtracting 2^256 - p, whose limbs are cheap; the mask keeps it free of branches.
        let mask = 0u64.wrapping_sub(c as u64);
        let (r0, c) = r0.overflowing_add(P[0] & mask);
        let (r1, c) = r1.carrying_add(P[1] & mask, c);
        let (r2, c) = r2.carrying_add(P[2] & mask, c);
        let (r3, _) = r3.carrying_add(P[3] & mask, c);
        Fe([r0, r1, r2, r3])
    }

    #[inline(always)]
    pub fn neg(&self) -> Fe {
        Fe::ZERO.sub(self)
    }

    /// 1/x by Fermat's little theorem; zero stays zero. p - 2 = FFFFFFFE FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF
    /// 00000000 FFFFFFFF FFFFFFFD, read word by word. Callers share one inversion among many elements.
    pub fn invert<M: Multiplier>(&self) -> Fe {
        let times = |x: Fe, n: usize, y: &Fe| {
            let mut x = x;
            for _ in 0..n {
                x = M::sqr(&x);
            }
            M::mul(&x, y)
        };
        let x1 = *self;
        let x2 = times(x1, 1, &x1);
        let x3 = times(x2, 1, &x1);
        let x6 = times(x3, 3, &x3);
        let x12 = times(x6, 6, &x6);
        let x15 = times(x12, 3, &x3);
        let x30 = times(x15, 15, &x15);
        let x31 = times(x30, 1, &x1);
        let x32 = times(x31, 1, &x1);
        // FFFFFFFE: thirty-one ones, then a zero.
        let mut r = M::sqr(&x31);
        for _ in 0..4 {
            r = times(r, 32, &x32);
        }
        // 00000000 FFFFFFFF
        r = times(r, 64, &x32);
        // FFFFFFFD: thirty ones, a zero, a one.
        r = times(r, 30, &x30);
        times(r, 2, &x1)
    }
}

/// a < b as integers.
#[inline]
pub fn less_than(a: &[u64; 4], b: &[u64; 4]) -> bool {
    for i in (0..4).rev() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
    }
    false
}

/// Big-endian bytes to limbs.
#[inline]
pub fn limbs_from_be(bytes: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0u64; 4];
    for (i, chunk) in bytes.chunks_exact(8).enumerate() {
        limbs[3 - i] = u64::from_be_bytes(chunk.try_into().expect("eight bytes"));
    }
    limbs
}

#[inline(always)]
fn subtract_p_if_above(r: [u64; 4], carry: bool) -> Fe {
    let (s0, b) = r[0].overflowing_sub(P[0]);
    let (s1, b) = r[1].borrowing_sub(P[1], b);
    let (s2, b) = r[2].borrowing_sub(P[2], b);
    let (s3, b) = r[3].borrowing_sub(P[3], b);
    let (_, keep) = (carry as u64).borrowing_sub(0, b);
    if keep { Fe(r) } else { Fe([s0, s1, s2, s3]) }
}

/// One step of the reduction: adds m·p, m being the lowest limb, and drops that limb, which is then zero.
/// `low` stays below 2^256, since (2^256 + (2^64 - 1)·p) / 2^64 < 2^192 + p < 2^256.
#[inline(always)]
fn reduce_limb(low: [u64; 4]) -> [u64; 4] {
    let m = low[0];
    let (shifted_low, shifted_high) = (m << 32, m >> 32);
    // m·p / 2^64 = (m·2^192 + m) - (m·2^160 + m·2^32), once the lowest limb has cancelled.
    let (a0, c) = low[1].overflowing_add(m);
    let (a1, c) = low[2].carrying_add(0, c);
    let (a2, c) = low[3].carrying_add(0, c);
    let (a3, _) = m.carrying_add(0, c);
    let (a0, b) = a0.overflowing_sub(shifted_low);
    let (a1, b) = a1.borrowing_sub(shifted_high, b);
    let (a2, b) = a2.borrowing_sub(shifted_low, b);
    let (a3, _) = a3.borrowing_sub(shifted_high, b);
    [a0, a1, a2, a3]
}

#[inline(always)]
fn reduce_wide(t: [u64; 8]) -> Fe {
    let low = reduce_limb(reduce_limb(reduce_limb(reduce_limb([t[0], t[1], t[2], t[3]]))));
    let (r0, c) = low[0].overflowing_add(t[4]);
    let (r1, c) = low[1].carrying_add(t[5], c);
    let (r2, c) = low[2].carrying_add(t[6], c);
    let (r3, c) = low[3].carrying_add(t[7], c);
    subtract_p_if_above([r0, r1, r2, r3], c)
}

impl Multiplier for Portable {
    #[inline(always)]
    fn mul(a: &Fe, b: &Fe) -> Fe {
        let mut t = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0u64;
            for j in 0..4 {
                let wide = (a.0[j] as u128) * (b.0[i] as u128) + (t[i + j] as u128) + (carry as u128);
                t[i + j] = wide as u64;
                carry = (wide >> 64) as u64;
            }
            t[i + 4] = carry;
        }
        reduce_wide(t)
    }

    #[inline(always)]
    fn sqr(a: &Fe) -> Fe {
        Self::mul(a, a)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small deterministic generator, so that a failure can be repeated.
    pub(crate) struct SplitMix(pub u64);
    impl SplitMix {
        pub(crate) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
        /// A reduced element; one in four limbs is all zeros or all ones, where carries go wrong.
        pub(crate) fn element(&mut self) -> Fe {
            loop {
                let mut limbs = [0u64; 4];
                for limb in &mut limbs {
                    *limb = match self.next() % 8 {
                        0 => 0,
                        1 => u64::MAX,
                        _ => self.next(),
                    };
                }
                if less_than(&limbs, &P) {
                    return Fe(limbs);
                }
            }
        }
    }

    /// Schoolbook a·b·2^-256 mod p, bit by bit: shares nothing with the code under test.
    fn slow_product(a: &Fe, b: &Fe) -> Fe {
        let double = |x: [u64; 4]| -> [u64; 4] { slow_add(x, x) };
        let mut product = [0u64; 4];
        for bit in (0..256).rev() {
            product = double(product);
            if b.0[bit / 64] >> (bit % 64) & 1 == 1 {
                product = slow_add(product, a.0);
            }
        }
        // Divide by 2^256: halve 256 times, adding p to an odd number first.
        for _ in 0..256 {
            let mut carry = 0u128;
            if product[0] & 1 == 1 {
                for i in 0..4 {
                    let sum = product[i] as u128 + P[i] as u128 + carry;
                    product[i] = sum as u64;
                    carry = sum >> 64;
                }
            }
            for i in 0..4 {
                let above = if i < 3 { product[i + 1] } else { carry as u64 };
                product[i] = product[i] >> 1 | above << 63;
            }
        }
        Fe(product)
    }

    fn slow_add(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        let mut sum = [0u64; 4];
        let mut carry = 0u128;
        for i in 0..4 {
            let wide = a[i] as u128 + b[i] as u128 + carry;
            sum[i] = wide as u64;
            carry = wide >> 64;
        }
        if carry == 1 || !less_than(&sum, &P) {
            let mut borrow = 0i128;
            for i in 0..4 {
                let wide = sum[i] as i128 - P[i] as i128 + borrow;
                sum[i] = wide as u64;
                borrow = wide >> 64;
            }
        }
        sum
    }

    fn check<M: Multiplier>() {
        let mut random = SplitMix(1);
        let mut p_less_one = P;
        p_less_one[0] -= 1;
        let edges = [Fe::ZERO, Fe([1, 0, 0, 0]), Fe::ONE, Fe(p_less_one)];
        for round in 0..20_000 {
            let (a, b) =
                if round < 16 { (edges[round % 4], edges[round / 4]) } else { (random.element(), random.element()) };
            if round < 2_000 {
                assert_eq!(M::mul(&a, &b), slow_product(&a, &b));
                assert_eq!(a.add(&b).0, slow_add(a.0, b.0));
            }
            assert_eq!(M::mul(&a, &b), Portable::mul(&a, &b));
            assert_eq!(M::sqr(&a), Portable::mul(&a, &a));
            assert_eq!(a.add(&b).sub(&b), a);
            assert_eq!(a.add(&a.neg()), Fe::ZERO);
            if round % 100 == 0 && !a.is_zero() {
                assert_eq!(M::mul(&a, &a.invert::<M>()), Fe::ONE);
            }
        }
        assert_eq!(Fe::ZERO.invert::<M>(), Fe::ZERO);
    }

    #[test]
    fn portable_field() {
        check::<Portable>();
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn mulx_field() {
        if crate::sm2::mulx::available() {
            check::<crate::sm2::mulx::Mulx>();
        }
    }

    #[test]
    fn integers() {
        assert_eq!(Fe::from_integer(&P), None);
        assert_eq!(Fe::from_integer(&[u64::MAX; 4]), None);
        assert_eq!(Fe::from_integer(&[1, 0, 0, 0]), Some(Fe::ONE));
        let mut random = SplitMix(2);
        for _ in 0..1000 {
            let integer = random.element().0;
            let element = Fe::from_integer(&integer).expect("below p");
            assert_eq!(element.to_integer::<Portable>(), integer);
        }
    }
}
