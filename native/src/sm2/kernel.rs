//! The arithmetic of table-driven verification: chunks of signatures in, status codes out. Public data only.
//!
//! For each signature sG + tP is summed and its abscissa compared. Where P has a table, both products are
//! lists of table entries, and the lists of a whole chunk are summed pairwise, level by level, each level
//! sharing one inversion: six field products an addition and no doubling. Where P is new, tP takes
//! doublings and odd multiples (wNAF), and only sG comes from a table.

use super::field::{Fe, Multiplier};
use super::point::{Addition, Affine, BatchAdder, GENERATOR, Jacobian};
use super::scalar::{self, Scalar, to_signed};
use super::status;
use super::tables::{WindowTable, non_adjacent_form, window_count};
use std::sync::OnceLock;

/// Signatures summed together: enough to make the shared inversions cheap, few enough to stay in the
/// second-level cache.
pub const CHUNK: usize = 128;

/// Below this many signatures, one Jacobian sum each is cheaper than sharing inversions.
const SHARE_FROM: usize = 8;

/// Window of the base point's table: 22 windows of 2,048 entries, 2.8 MB, once per process.
const BASE_BITS: u32 = 12;
const BASE_WINDOWS: usize = window_count(BASE_BITS);

/// Odd multiples P, 3P … 15P of a new key.
const ODD_MULTIPLES: usize = 8;

/// A signature whose r, s and t are in range.
#[derive(Clone, Copy)]
pub struct Claim {
    pub r: Scalar,
    pub s: Scalar,
    /// r + s mod n, not zero.
    pub t: Scalar,
    /// The digest reduced modulo n.
    pub e: Scalar,
}

/// The memory one thread works in; kept between calls.
#[derive(Default)]
pub struct Scratch {
    points: Vec<Affine>,
    additions: Vec<Addition>,
    adder: BatchAdder,
}

fn base_table<M: Multiplier>() -> &'static WindowTable {
    static TABLE: OnceLock<WindowTable> = OnceLock::new();
    TABLE.get_or_init(|| WindowTable::build::<M>(&GENERATOR, BASE_BITS))
}

/// Verifies signatures by keys that have tables of the same width. All slices have one length, at most
/// `CHUNK`.
pub fn verify_with_tables<M: Multiplier>(
    scratch: &mut Scratch,
    claims: &[Claim],
    tables: &[&WindowTable],
    results: &mut [u8],
) {
    let Some(first) = tables.first() else { return };
    let base = base_table::<M>();
    let row = BASE_WINDOWS + first.windows();
    let points = resized(&mut scratch.points, claims.len() * row);
    // The entries of the next signature are on their way while those of this one are copied.
    let mut places = [[0u32; 128]; 2];
    let locate = |i: usize, places: &mut [u32; 128]| {
        base.locate(&claims[i].s, &mut places[..BASE_WINDOWS]);
        tables[i].locate(&claims[i].t, &mut places[BASE_WINDOWS..row]);
    };
    locate(0, &mut places[0]);
    for i in 0..claims.len() {
        if i + 1 < claims.len() {
            locate(i + 1, &mut places[(i + 1) & 1]);
        }
        let (base_slots, key_slots) = points[i * row..(i + 1) * row].split_at_mut(BASE_WINDOWS);
        let places = &places[i & 1];
        base.gather(&places[..BASE_WINDOWS], base_slots);
        tables[i].gather(&places[BASE_WINDOWS..row], key_slots);
    }
    if claims.len() < SHARE_FROM {
        for (i, claim) in claims.iter().enumerate() {
            let sum =
                points[i * row..(i + 1) * row].iter().fold(Jacobian::INFINITY, |sum, point| sum.add_affine::<M>(point));
            results[i] = check_jacobian::<M>(claim, &sum);
        }
        return;
    }
    sum_rows::<M>(points, row, &mut scratch.additions, &mut scratch.adder);
    for (i, claim) in claims.iter().enumerate() {
        results[i] = check_affine::<M>(claim, &points[i * row]);
    }
}

/// Verifies signatures by keys without tables; each key is on the curve. All slices have one length, at
/// most `CHUNK`.
pub fn verify_without_tables<M: Multiplier>(
    scratch: &mut Scratch,
    claims: &[Claim],
    keys: &[Affine],
    results: &mut [u8],
) {
    let base = base_table::<M>();
    let count = claims.len();
    // First the rows of base-point entries, summed; then the odd multiples in the same memory.
    let row = BASE_WINDOWS;
    let points = resized(&mut scratch.points, count * row);
    let mut places = [0u32; BASE_WINDOWS];
    for (i, claim) in claims.iter().enumerate() {
        base.locate(&claim.s, &mut places);
        base.gather(&places, &mut points[i * row..(i + 1) * row]);
    }
    sum_rows::<M>(points, row, &mut scratch.additions, &mut scratch.adder);
    let mut base_sums = [Affine::INFINITY; CHUNK];
    for i in 0..count {
        base_sums[i] = points[i * row];
    }
    odd_multiples::<M>(scratch, keys);
    for (i, claim) in claims.iter().enumerate() {
        let odd = &scratch.points[i * MULTIPLES_ROW..i * MULTIPLES_ROW + ODD_MULTIPLES];
        let product = multiply_by_odd_multiples::<M>(&claim.t, odd);
        let sum = product.add_affine::<M>(&base_sums[i]);
        results[i] = check_jacobian::<M>(claim, &sum);
    }
}

/// A row of `odd_multiples`: P, 3P … 15P, then 2P, 4P, 8P.
const MULTIPLES_ROW: usize = ODD_MULTIPLES + 3;

/// Fills a row of odd multiples for each key, four shared inversions in all.
fn odd_multiples<M: Multiplier>(scratch: &mut Scratch, keys: &[Affine]) {
    /// (sum, left, right) by level; slot k < 8 holds (2k+1)P, slots 8, 9, 10 hold 2P, 4P, 8P.
    const LEVELS: [&[(u32, u32, u32)]; 4] = [
        &[(8, 0, 0)],
        &[(1, 0, 8), (9, 8, 8)],
        &[(2, 0, 9), (3, 1, 9), (10, 9, 9)],
        &[(4, 0, 10), (5, 1, 10), (6, 2, 10), (7, 3, 10)],
    ];
    let points = resized(&mut scratch.points, keys.len() * MULTIPLES_ROW);
    for (i, key) in keys.iter().enumerate() {
        points[i * MULTIPLES_ROW] = *key;
    }
    for level in LEVELS {
        scratch.additions.clear();
        for i in 0..keys.len() {
            let start = (i * MULTIPLES_ROW) as u32;
            for &(sum, left, right) in level {
                scratch.additions.push(Addition { sum: start + sum, left: start + left, right: start + right });
            }
        }
        scratch.adder.run::<M>(points, &scratch.additions);
    }
}

fn multiply_by_odd_multiples<M: Multiplier>(k: &Scalar, odd: &[Affine]) -> Jacobian {
    let (magnitude, negative) = to_signed(k);
    let mut digits = [0i8; 257];
    let used = non_adjacent_form(&magnitude, &mut digits);
    let mut sum = Jacobian::INFINITY;
    for &digit in digits[..used].iter().rev() {
        sum = sum.double::<M>();
        if digit != 0 {
            let multiple = &odd[digit.unsigned_abs() as usize / 2];
            sum = if (digit < 0) != negative {
                sum.add_affine::<M>(&multiple.neg())
            } else {
                sum.add_affine::<M>(multiple)
            };
        }
    }
    sum
}

/// Sums every row of points into its first slot: neighbours first, then neighbours at twice the distance …
fn sum_rows<M: Multiplier>(points: &mut [Affine], row: usize, additions: &mut Vec<Addition>, adder: &mut BatchAdder) {
    let rows = points.len() / row;
    let mut distance = 1;
    while distance < row {
        additions.clear();
        for i in 0..rows {
            let mut at = 0;
            while at + distance < row {
                let left = (i * row + at) as u32;
                additions.push(Addition { sum: left, left, right: left + distance as u32 });
                at += 2 * distance;
            }
        }
        adder.run::<M>(points, additions);
        distance *= 2;
    }
}

fn resized(points: &mut Vec<Affine>, length: usize) -> &mut [Affine] {
    if points.len() < length {
        points.resize(length, Affine::INFINITY);
    }
    &mut points[..length]
}

/// Accepts iff the point is finite and (e + x) mod n = r.
fn check_affine<M: Multiplier>(claim: &Claim, sum: &Affine) -> u8 {
    if sum.is_infinity() {
        return status::MISMATCH;
    }
    let x = scalar::reduce_once(&sum.x.to_integer::<M>());
    if scalar::add(&claim.e, &x) == claim.r { status::OK } else { status::MISMATCH }
}

/// The same without an inversion: x mod n = r - e leaves x = r - e or, where it is below p, r - e + n; each
/// is compared as x·Z² = X.
fn check_jacobian<M: Multiplier>(claim: &Claim, sum: &Jacobian) -> u8 {
    if sum.is_infinity() {
        return status::MISMATCH;
    }
    let zz = M::sqr(&sum.z);
    let wanted = scalar::sub(&claim.r, &claim.e);
    let candidates = [Some(wanted), scalar::plus_order(&wanted)];
    for candidate in candidates.iter().flatten() {
        if let Some(x) = Fe::from_integer(candidate)
            && M::mul(&x, &zz) == sum.x
        {
            return status::OK;
        }
    }
    status::MISMATCH
}
