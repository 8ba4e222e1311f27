//! Points of the SM2 curve, for **public data only** (variable time throughout).
//!
//! Two ways of adding: one Jacobian accumulator at a time, or many affine additions sharing one inversion
//! (Montgomery's trick), which costs six products an addition instead of eleven.

use super::field::{Fe, Multiplier, Portable};

/// An affine point; (0, 0), which is not on the curve since b ≠ 0, stands for the point at infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(64))]
pub struct Affine {
    pub x: Fe,
    pub y: Fe,
}

/// b of the curve equation y² = x³ - 3x + b, in Montgomery form.
const B: Fe = Fe([0x90d2_3063_2bc0_dd42, 0x71cf_379a_e9b5_37ab, 0x5279_8150_5ea5_1c3c, 0x240f_e188_ba20_e2c8]);

/// The base point, in Montgomery form.
pub const GENERATOR: Affine = Affine {
    x: Fe([0x6132_8990_f418_029e, 0x3e79_81ed_dca6_c050, 0xd6a1_ed99_ac24_c3c3, 0x9116_7a5e_e1c1_3b05]),
    y: Fe([0xc135_4e59_3c2d_0ddd, 0xc1f5_e578_8d32_95fa, 0x8d4c_fb06_6e2a_48f8, 0x63cd_65d4_81d7_35bd]),
};

impl Affine {
    pub const INFINITY: Affine = Affine { x: Fe::ZERO, y: Fe::ZERO };

    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero() && self.y.is_zero()
    }

    #[inline(always)]
    pub fn neg(&self) -> Affine {
        Affine { x: self.x, y: self.y.neg() }
    }

    pub fn is_on_curve(&self) -> bool {
        type M = Portable;
        let x_cubed = M::mul(&M::sqr(&self.x), &self.x);
        let three_x = self.x.double().add(&self.x);
        M::sqr(&self.y) == x_cubed.sub(&three_x).add(&B)
    }
}

/// A Jacobian point (X/Z², Y/Z³); Z = 0 is the point at infinity.
#[derive(Clone, Copy, Debug)]
pub struct Jacobian {
    pub x: Fe,
    pub y: Fe,
    pub z: Fe,
}

impl Jacobian {
    pub const INFINITY: Jacobian = Jacobian { x: Fe::ONE, y: Fe::ONE, z: Fe::ZERO };

    #[inline(always)]
    pub fn from_affine(point: &Affine) -> Jacobian {
        if point.is_infinity() {
            return Jacobian::INFINITY;
        }
        Jacobian { x: point.x, y: point.y, z: Fe::ONE }
    }

    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.z.is_zero()
    }

    /// 2·self: three products and five squares, by a = -3 (dbl-2001-b). Infinity doubles to infinity. No
    /// point of this prime-order curve has y = 0.
    #[inline(always)]
    pub fn double<M: Multiplier>(&self) -> Jacobian {
        let delta = M::sqr(&self.z);
        let gamma = M::sqr(&self.y);
        let beta = M::mul(&self.x, &gamma);
        let alpha = M::mul(&self.x.sub(&delta), &self.x.add(&delta));
        let alpha = alpha.double().add(&alpha);
        let beta4 = beta.double().double();
        let x = M::sqr(&alpha).sub(&beta4.double());
        let z = M::sqr(&self.y.add(&self.z)).sub(&gamma).sub(&delta);
        let gamma_squared = M::sqr(&gamma.double()).double();
        let y = M::mul(&alpha, &beta4.sub(&x)).sub(&gamma_squared);
        Jacobian { x, y, z }
    }

    /// self + other, where other is affine: eight products and three squares.
    #[inline(always)]
    pub fn add_affine<M: Multiplier>(&self, other: &Affine) -> Jacobian {
        if other.is_infinity() {
            return *self;
        }
        if self.is_infinity() {
            return Jacobian::from_affine(other);
        }
        let zz = M::sqr(&self.z);
        let u = M::mul(&other.x, &zz);
        let s = M::mul(&other.y, &M::mul(&self.z, &zz));
        let h = u.sub(&self.x);
        let r = s.sub(&self.y);
        if h.is_zero() {
            // The same x: the same point, or its negative.
            return if r.is_zero() { self.double::<M>() } else { Jacobian::INFINITY };
        }
        let hh = M::sqr(&h);
        let hhh = M::mul(&h, &hh);
        let v = M::mul(&self.x, &hh);
        let x = M::sqr(&r).sub(&hhh).sub(&v.double());
        let y = M::mul(&r, &v.sub(&x)).sub(&M::mul(&self.y, &hhh));
        Jacobian { x, y, z: M::mul(&self.z, &h) }
    }
}

/// Turns Jacobian points into affine ones with a single inversion. `out` has the length of `points`.
pub fn normalise<M: Multiplier>(points: &[Jacobian], out: &mut [Affine]) {
    debug_assert_eq!(points.len(), out.len());
    // The prefix products wait in out.x.
    let mut product = Fe::ONE;
    for (point, slot) in points.iter().zip(out.iter_mut()) {
        slot.x = product;
        if !point.is_infinity() {
            product = M::mul(&product, &point.z);
        }
    }
    let mut inverse = product.invert::<M>();
    for (point, slot) in points.iter().zip(out.iter_mut()).rev() {
        if point.is_infinity() {
            *slot = Affine::INFINITY;
            continue;
        }
        let z_inverse = M::mul(&inverse, &slot.x);
        inverse = M::mul(&inverse, &point.z);
        let zz = M::sqr(&z_inverse);
        slot.x = M::mul(&point.x, &zz);
        slot.y = M::mul(&point.y, &M::mul(&zz, &z_inverse));
    }
}

/// One addition of a batch: `points[sum] = points[left] + points[right]`.
#[derive(Clone, Copy, Debug)]
pub struct Addition {
    pub sum: u32,
    pub left: u32,
    pub right: u32,
}

/// Many affine additions that share one inversion. Owns its scratch memory, so that repeated use allocates
/// nothing.
#[derive(Default)]
pub struct BatchAdder {
    /// For each addition: the product of the denominators before it (in its chain), and its own.
    denominators: Vec<(Fe, Fe)>,
    /// The additions that the ordinary formula does not cover, in order.
    specials: Vec<u32>,
}

impl BatchAdder {
    /// Performs the additions. No addition may read a slot that another one of the same batch writes; an
    /// addition may write a slot it reads. Equal points, opposite points and infinity are handled.
    pub fn run<M: Multiplier>(&mut self, points: &mut [Affine], additions: &[Addition]) {
        self.denominators.clear();
        self.denominators.reserve(additions.len());
        self.specials.clear();
        // Even and odd additions form two chains: the prefix product of a single chain would wait for itself.
        let mut products = [Fe::ONE; 2];
        for (k, addition) in additions.iter().enumerate() {
            let (left, right) = (&points[addition.left as usize], &points[addition.right as usize]);
            let mut denominator = right.x.sub(&left.x);
            if denominator.is_zero() || left.x.is_zero() || right.x.is_zero() {
                denominator = match special_case(left, right) {
                    Special::Ordinary => denominator,
                    Special::Known(_) => {
                        self.specials.push(k as u32);
                        Fe::ONE
                    }
                    Special::Doubling => {
                        self.specials.push(k as u32);
                        left.y.double()
                    }
                };
            }
            let product = &mut products[k & 1];
            self.denominators.push((*product, denominator));
            *product = M::mul(product, &denominator);
        }
        let inverse = M::mul(&products[0], &products[1]).invert::<M>();
        let mut inverses = [M::mul(&inverse, &products[1]), M::mul(&inverse, &products[0])];
        let mut specials = self.specials.iter().rev().copied().peekable();
        let mut k = additions.len();
        if k & 1 == 1 {
            k -= 1;
            let special = specials.next_if_eq(&(k as u32)).is_some();
            self.finish_one::<M>(points, &additions[k], k, &mut inverses[0], special);
        }
        while k > 0 {
            k -= 2;
            if specials.peek().is_some_and(|&next| next as usize >= k) {
                for j in [k + 1, k] {
                    let special = specials.next_if_eq(&(j as u32)).is_some();
                    self.finish_one::<M>(points, &additions[j], j, &mut inverses[j & 1], special);
                }
                continue;
            }
            self.finish_pair::<M>(points, &additions[k], &additions[k + 1], k, &mut inverses);
        }
    }

    /// Two ordinary additions of different chains, step by step side by side, so that the processor always
    /// has an independent product to work on.
    #[inline(always)]
    fn finish_pair<M: Multiplier>(
        &self,
        points: &mut [Affine],
        first: &Addition,
        second: &Addition,
        k: usize,
        inverses: &mut [Fe; 2],
    ) {
        let (prefix0, denominator0) = &self.denominators[k];
        let (prefix1, denominator1) = &self.denominators[k + 1];
        let (a0, b0) = (&points[first.left as usize], &points[first.right as usize]);
        let (a1, b1) = (&points[second.left as usize], &points[second.right as usize]);
        let i0 = M::mul(&inverses[0], prefix0);
        let i1 = M::mul(&inverses[1], prefix1);
        inverses[0] = M::mul(&inverses[0], denominator0);
        inverses[1] = M::mul(&inverses[1], denominator1);
        let slope0 = M::mul(&b0.y.sub(&a0.y), &i0);
        let slope1 = M::mul(&b1.y.sub(&a1.y), &i1);
        let x0 = M::sqr(&slope0).sub(&a0.x).sub(&b0.x);
        let x1 = M::sqr(&slope1).sub(&a1.x).sub(&b1.x);
        let y0 = M::mul(&slope0, &a0.x.sub(&x0)).sub(&a0.y);
        let y1 = M::mul(&slope1, &a1.x.sub(&x1)).sub(&a1.y);
        points[first.sum as usize] = Affine { x: x0, y: y0 };
        points[second.sum as usize] = Affine { x: x1, y: y1 };
    }

    fn finish_one<M: Multiplier>(
        &self,
        points: &mut [Affine],
        addition: &Addition,
        k: usize,
        inverse: &mut Fe,
        special: bool,
    ) {
        let (prefix, denominator) = &self.denominators[k];
        let (a, b) = (points[addition.left as usize], points[addition.right as usize]);
        let own_inverse = M::mul(inverse, prefix);
        *inverse = M::mul(inverse, denominator);
        let numerator = if special {
            match special_case(&a, &b) {
                Special::Known(sum) => {
                    points[addition.sum as usize] = sum;
                    return;
                }
                // The tangent: (3x² + a) / 2y with a = -3.
                _ => {
                    let t = M::sqr(&a.x).sub(&Fe::ONE);
                    t.double().add(&t)
                }
            }
        } else {
            b.y.sub(&a.y)
        };
        let slope = M::mul(&numerator, &own_inverse);
        let x = M::sqr(&slope).sub(&a.x).sub(&b.x);
        let y = M::mul(&slope, &a.x.sub(&x)).sub(&a.y);
        points[addition.sum as usize] = Affine { x, y };
    }
}

enum Special {
    Ordinary,
    /// The sum needs no arithmetic.
    Known(Affine),
    Doubling,
}

fn special_case(left: &Affine, right: &Affine) -> Special {
    if left.is_infinity() {
        Special::Known(*right)
    } else if right.is_infinity() {
        Special::Known(*left)
    } else if left.x != right.x {
        Special::Ordinary
    } else if left.y == right.y {
        Special::Doubling
    } else {
        Special::Known(Affine::INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiple(k: usize) -> Affine {
        let mut sum = Jacobian::INFINITY;
        for _ in 0..k {
            sum = sum.add_affine::<Portable>(&GENERATOR);
        }
        let mut out = [Affine::INFINITY];
        normalise::<Portable>(&[sum], &mut out);
        out[0]
    }

    #[test]
    fn generator_is_on_the_curve() {
        assert!(GENERATOR.is_on_curve());
        assert!(!Affine::INFINITY.is_on_curve());
        let mut off = GENERATOR;
        off.y = off.y.add(&Fe::ONE);
        assert!(!off.is_on_curve());
    }

    #[test]
    fn repeated_addition_meets_doubling_and_infinity() {
        let two = Jacobian::from_affine(&GENERATOR).double::<Portable>();
        let mut out = [Affine::INFINITY];
        normalise::<Portable>(&[two], &mut out);
        assert_eq!(out[0], multiple(2));
        assert!(out[0].is_on_curve());
        let back = two.add_affine::<Portable>(&out[0].neg());
        assert!(back.is_infinity());
        assert!(back.double::<Portable>().is_infinity());
        let again = two.add_affine::<Portable>(&out[0]);
        normalise::<Portable>(&[again], &mut out);
        assert_eq!(out[0], multiple(4));
    }

    /// All pairs of small multiples, negatives and infinity: every special case, in one batch.
    #[test]
    fn batch_addition_equals_single_addition() {
        let mut points = vec![Affine::INFINITY];
        for k in 1..8 {
            points.push(multiple(k));
            points.push(multiple(k).neg());
        }
        let count = points.len();
        let mut additions = Vec::new();
        let mut expected = Vec::new();
        for i in 0..count {
            for j in 0..count {
                additions.push(Addition { sum: (count + additions.len()) as u32, left: i as u32, right: j as u32 });
                let sum = Jacobian::from_affine(&points[i]).add_affine::<Portable>(&points[j]);
                expected.push(sum);
            }
        }
        let mut wanted = vec![Affine::INFINITY; expected.len()];
        normalise::<Portable>(&expected, &mut wanted);
        for length in [0, 1, 2, 3, additions.len() - 1, additions.len()] {
            let mut slots = points.clone();
            slots.resize(count + additions.len(), Affine::INFINITY);
            BatchAdder::default().run::<Portable>(&mut slots, &additions[..length]);
            assert_eq!(slots[count..count + length], wanted[..length]);
        }
    }
}
