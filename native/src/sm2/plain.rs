//! SM2 on RustCrypto's constant-time arithmetic: key generation, signing, encryption, decryption, and the
//! plain verification that the table path is held to. Shares no arithmetic with the table path.

use super::status;
use crate::digest::{Digest, hmac_sm3, sm3};
use sm2::elliptic_curve::PrimeField as _;
use sm2::elliptic_curve::group::Group as _;
use sm2::elliptic_curve::ops::{LinearCombination, Reduce};
use sm2::elliptic_curve::point::AffineCoordinates;
use sm2::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, Sec1Point};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

/// The identifier used where parties agreed on no other (GM/T 0009).
pub const DEFAULT_ID: &[u8] = b"1234567812345678";

/// p as bytes, to tell a coordinate out of range from a point off the curve.
const P: [u8; 32] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

/// a ‖ b ‖ Gx ‖ Gy, as ZA takes them in.
pub(crate) const CURVE_PARAMETERS: [u8; 128] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc, 0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f,
    0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7, 0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd,
    0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93, 0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46,
    0x6a, 0x39, 0xc9, 0x94, 0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74,
    0xc7, 0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53, 0xd0, 0xa9,
    0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0,
];

/// What can go wrong with secrets or ciphertexts. Deliberately coarse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sm2Error {
    /// The private key is not in [1, n-2].
    PrivateKey,
    /// The public key is not a point of the curve.
    PublicKey,
    /// The identifier is longer than 8,191 bytes (its length in bits is written in 16 bits).
    Identifier,
    /// Nothing to encrypt.
    EmptyPlaintext,
    /// The ciphertext is malformed or was changed.
    Ciphertext,
    /// The nonce of a known-answer test is out of range or leads to a value the standard rejects.
    Nonce,
    /// The operating system gave no randomness.
    Randomness,
}

impl core::fmt::Display for Sm2Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Sm2Error::PrivateKey => "private key is not in [1, n-2]",
            Sm2Error::PublicKey => "public key is not a point of the curve",
            Sm2Error::Identifier => "identifier is longer than 8191 bytes",
            Sm2Error::EmptyPlaintext => "plaintext is empty",
            Sm2Error::Ciphertext => "ciphertext is malformed or was changed",
            Sm2Error::Nonce => "nonce is out of range or rejected by the standard",
            Sm2Error::Randomness => "the operating system gave no randomness",
        })
    }
}

/// A private key in [1, n-2]; erased when dropped.
pub struct PrivateKey(Zeroizing<Scalar>);

impl PrivateKey {
    /// Reads 32 bytes, refusing 0, n-1 and anything above.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PrivateKey, Sm2Error> {
        let scalar = parse_scalar(bytes).ok_or(Sm2Error::PrivateKey)?;
        let scalar = Zeroizing::new(scalar);
        // Zero, and n-1 for which 1+d has no inverse.
        let bad = scalar.is_zero() | (*scalar + Scalar::ONE).is_zero();
        if bool::from(bad) {
            return Err(Sm2Error::PrivateKey);
        }
        Ok(PrivateKey(scalar))
    }

    /// Draws a key from the operating system's randomness.
    pub fn generate() -> Result<Zeroizing<[u8; 32]>, Sm2Error> {
        loop {
            let bytes = random_bytes()?;
            if PrivateKey::from_bytes(&bytes).is_ok() {
                return Ok(bytes);
            }
        }
    }

    /// The public key X‖Y.
    pub fn public_key(&self) -> [u8; 64] {
        coordinates(&ProjectivePoint::mul_by_generator(&self.0).to_affine())
    }
}

/// Signs many messages with one key: ZA and 1/(1+d) are computed once.
pub struct Signer {
    d: PrivateKey,
    inverse_of_one_plus_d: Zeroizing<Scalar>,
    za: Digest,
}

impl Signer {
    /// `public` goes into ZA and is checked to be on the curve, not to belong to `private`.
    pub fn new(private: &[u8; 32], public: &[u8; 64], id: &[u8]) -> Result<Signer, Sm2Error> {
        let d = PrivateKey::from_bytes(private)?;
        if check_public(public) != status::OK {
            return Err(Sm2Error::PublicKey);
        }
        let sum = Zeroizing::new(*d.0 + Scalar::ONE);
        let inverse = Option::from(sum.invert()).ok_or(Sm2Error::PrivateKey)?;
        Ok(Signer { d, inverse_of_one_plus_d: Zeroizing::new(inverse), za: za(public, id)? })
    }

    /// A signature r‖s. The nonce is derived from the key, the digest and fresh randomness together, so that
    /// neither a weak random source nor a fault in one of them alone repeats it.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], Sm2Error> {
        let e = sm3(&[&self.za, message]);
        loop {
            let fresh = random_bytes()?;
            let k = derive_nonce(&self.d, &e, &fresh);
            if let Some(signature) = self.sign_with(&e, &k) {
                return Ok(signature);
            }
        }
    }

    /// The signature for a given nonce: for known-answer tests only.
    pub fn sign_with_nonce(&self, message: &[u8], nonce: &[u8; 32]) -> Result<[u8; 64], Sm2Error> {
        let k = Zeroizing::new(parse_scalar(nonce).ok_or(Sm2Error::Nonce)?);
        let e = sm3(&[&self.za, message]);
        self.sign_with(&e, &k).ok_or(Sm2Error::Nonce)
    }

    /// GB/T 32918.2 6.1, steps A4 to A7; `None` where the standard asks for another nonce.
    fn sign_with(&self, e: &Digest, k: &Scalar) -> Option<[u8; 64]> {
        if bool::from(k.is_zero()) {
            return None;
        }
        let x1 = ProjectivePoint::mul_by_generator(k).to_affine().x();
        let r = reduce(e) + <Scalar as Reduce<FieldBytes>>::reduce(&x1);
        if bool::from(r.is_zero() | (r + k).is_zero()) {
            return None;
        }
        let mut rd = r * *self.d.0;
        let mut difference = *k - rd;
        let s = *self.inverse_of_one_plus_d * difference;
        rd.zeroize();
        difference.zeroize();
        if bool::from(s.is_zero()) {
            return None;
        }
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r.to_repr());
        signature[32..].copy_from_slice(&s.to_repr());
        Some(signature)
    }
}

/// 512 bits of HMAC-SM3 keyed with d ‖ randomness over e, reduced modulo n: bias below 2^-255, no loop.
fn derive_nonce(d: &PrivateKey, e: &Digest, fresh: &[u8; 32]) -> Zeroizing<Scalar> {
    let mut key = Zeroizing::new([0u8; 64]);
    key[..32].copy_from_slice(&d.0.to_repr());
    key[32..].copy_from_slice(fresh);
    let high = Zeroizing::new(hmac_sm3(&*key, &[b"GovChain SM2 nonce\x01", e]));
    let low = Zeroizing::new(hmac_sm3(&*key, &[b"GovChain SM2 nonce\x02", e]));
    // high · 2^256 + low.
    let mut power = Scalar::from(2u64);
    for _ in 0..8 {
        power = power.square();
    }
    Zeroizing::new(reduce(&high) * power + reduce(&low))
}

/// OK, KEY_RANGE or KEY_NOT_ON_CURVE.
pub fn check_public(public: &[u8; 64]) -> u8 {
    if public[..32] >= P[..] || public[32..] >= P[..] {
        return status::KEY_RANGE;
    }
    match parse_public(public) {
        Some(_) => status::OK,
        None => status::KEY_NOT_ON_CURVE,
    }
}

/// ZA = SM3(ENTL ‖ ID ‖ a ‖ b ‖ Gx ‖ Gy ‖ Px ‖ Py).
pub fn za(public: &[u8; 64], id: &[u8]) -> Result<Digest, Sm2Error> {
    let header = za_header(id)?;
    Ok(sm3(&[&header, public]))
}

/// What ZA starts with before the public key.
pub(crate) fn za_header(id: &[u8]) -> Result<Vec<u8>, Sm2Error> {
    let bits = u16::try_from(id.len() * 8).map_err(|_| Sm2Error::Identifier)?;
    let mut header = Vec::with_capacity(2 + id.len() + 128);
    header.extend_from_slice(&bits.to_be_bytes());
    header.extend_from_slice(id);
    header.extend_from_slice(&CURVE_PARAMETERS);
    Ok(header)
}

/// The status code of a signature over a message.
pub fn verify(public: &[u8; 64], message: &[u8], signature: &[u8], id: &[u8]) -> Result<u8, Sm2Error> {
    let za = za(public, id)?;
    Ok(verify_digest(public, &sm3(&[&za, message]), signature))
}

/// The status code of a signature over e = SM3(ZA ‖ M). Checks in the order of the codes.
pub fn verify_digest(public: &[u8; 64], e: &Digest, signature: &[u8]) -> u8 {
    // 1. Shape of the signature.
    let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
        return status::SIGNATURE_LENGTH;
    };
    let half = |range: core::ops::Range<usize>| -> Option<Scalar> {
        let scalar = parse_scalar(signature[range].try_into().expect("32 bytes"))?;
        (!bool::from(scalar.is_zero())).then_some(scalar)
    };
    let Some(r) = half(0..32) else { return status::R_RANGE };
    let Some(s) = half(32..64) else { return status::S_RANGE };
    let t = r + s;
    if bool::from(t.is_zero()) {
        return status::T_ZERO;
    }
    // 2. The key.
    let key_status = check_public(public);
    if key_status != status::OK {
        return key_status;
    }
    let Some(key) = parse_public(public) else {
        return status::KEY_NOT_ON_CURVE;
    };
    // 3. The equation.
    let sum = ProjectivePoint::lincomb_vartime(&[(ProjectivePoint::generator(), s), (ProjectivePoint::from(key), t)]);
    if bool::from(sum.is_identity()) {
        return status::MISMATCH;
    }
    let x1 = <Scalar as Reduce<FieldBytes>>::reduce(&sum.to_affine().x());
    if reduce(e) + x1 == r { status::OK } else { status::MISMATCH }
}

/// 04 ‖ x1 ‖ y1 ‖ C3 ‖ C2 (GB/T 32918.4, the C1C3C2 order).
pub fn encrypt(public: &[u8; 64], plaintext: &[u8]) -> Result<Vec<u8>, Sm2Error> {
    let key = parse_public(public).ok_or(Sm2Error::PublicKey)?;
    if plaintext.is_empty() {
        return Err(Sm2Error::EmptyPlaintext);
    }
    loop {
        let bytes = random_bytes()?;
        let Some(k) = parse_scalar(&bytes).map(Zeroizing::new) else { continue };
        if let Some(ciphertext) = encrypt_with(&key, plaintext, &k) {
            return Ok(ciphertext);
        }
    }
}

/// The ciphertext for a given nonce: for known-answer tests only.
pub fn encrypt_with_nonce(public: &[u8; 64], plaintext: &[u8], nonce: &[u8; 32]) -> Result<Vec<u8>, Sm2Error> {
    let key = parse_public(public).ok_or(Sm2Error::PublicKey)?;
    if plaintext.is_empty() {
        return Err(Sm2Error::EmptyPlaintext);
    }
    let k = Zeroizing::new(parse_scalar(nonce).ok_or(Sm2Error::Nonce)?);
    encrypt_with(&key, plaintext, &k).ok_or(Sm2Error::Nonce)
}

/// `None` where the standard asks for another nonce: k = 0, or a key stream of zeros only.
fn encrypt_with(key: &AffinePoint, plaintext: &[u8], k: &Scalar) -> Option<Vec<u8>> {
    if bool::from(k.is_zero()) {
        return None;
    }
    let c1 = coordinates(&ProjectivePoint::mul_by_generator(k).to_affine());
    let shared = Zeroizing::new(coordinates(&(ProjectivePoint::from(*key) * k).to_affine()));
    let mut stream = Zeroizing::new(vec![0u8; plaintext.len()]);
    if bool::from(key_stream(&shared, &mut stream)) {
        return None;
    }
    let c3 = sm3(&[&shared[..32], plaintext, &shared[32..]]);
    let mut out = Vec::with_capacity(97 + plaintext.len());
    out.push(4);
    out.extend_from_slice(&c1);
    out.extend_from_slice(&c3);
    out.extend(plaintext.iter().zip(stream.iter()).map(|(m, t)| m ^ t));
    Some(out)
}

/// The plaintext of 04 ‖ x1 ‖ y1 ‖ C3 ‖ C2. Every fault gives the same error.
pub fn decrypt(private: &[u8; 32], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Sm2Error> {
    let d = PrivateKey::from_bytes(private)?;
    if ciphertext.len() < 98 || ciphertext[0] != 4 {
        return Err(Sm2Error::Ciphertext);
    }
    let (c1, rest) = ciphertext[1..].split_at(64);
    let (c3, c2) = rest.split_at(32);
    let c1 = parse_public(c1.try_into().expect("64 bytes")).ok_or(Sm2Error::Ciphertext)?;
    let shared = Zeroizing::new(coordinates(&(ProjectivePoint::from(c1) * *d.0).to_affine()));
    let mut plaintext = Zeroizing::new(vec![0u8; c2.len()]);
    let all_zero = key_stream(&shared, &mut plaintext);
    for (m, c) in plaintext.iter_mut().zip(c2) {
        *m ^= c;
    }
    let expected = Zeroizing::new(sm3(&[&shared[..32], &plaintext, &shared[32..]]));
    if bool::from(all_zero | !expected.ct_eq(c3)) {
        return Err(Sm2Error::Ciphertext);
    }
    Ok(plaintext)
}

/// KDF(x2 ‖ y2, length) of GB/T 32918.4 5.4.3; says whether it came out as zeros only.
fn key_stream(shared: &[u8; 64], out: &mut [u8]) -> Choice {
    let mut any = 0u8;
    for (index, chunk) in out.chunks_mut(32).enumerate() {
        let block = Zeroizing::new(sm3(&[shared, &(index as u32).wrapping_add(1).to_be_bytes()]));
        chunk.copy_from_slice(&block[..chunk.len()]);
        any |= chunk.iter().fold(0, |any, byte| any | byte);
    }
    any.ct_eq(&0)
}

fn random_bytes() -> Result<Zeroizing<[u8; 32]>, Sm2Error> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| Sm2Error::Randomness)?;
    Ok(bytes)
}

/// A scalar below n, zero included.
fn parse_scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_repr(FieldBytes::from(*bytes)).into()
}

fn reduce(bytes: &Digest) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(*bytes))
}

fn parse_public(public: &[u8; 64]) -> Option<AffinePoint> {
    let point = Sec1Point::from_untagged_bytes(public.into());
    AffinePoint::from_sec1_point(&point).into()
}

fn coordinates(point: &AffinePoint) -> [u8; 64] {
    let encoded = point.to_sec1_point(false);
    encoded.as_bytes()[1..].try_into().expect("an uncompressed finite point")
}
