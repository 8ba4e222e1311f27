//! SM2 (GB/T 32918): the plain path on RustCrypto arithmetic, and our own table-driven verification.

/// Status codes of a verification, in the order in which the checks are made.
pub mod status {
    /// The signature holds.
    pub const OK: u8 = 0;
    /// The signature is not 64 bytes.
    pub const SIGNATURE_LENGTH: u8 = 1;
    /// r is not in [1, n-1].
    pub const R_RANGE: u8 = 2;
    /// s is not in [1, n-1].
    pub const S_RANGE: u8 = 3;
    /// t = r + s mod n is zero.
    pub const T_ZERO: u8 = 4;
    /// A coordinate of the public key is not below p.
    pub const KEY_RANGE: u8 = 5;
    /// The public key is not on the curve.
    pub const KEY_NOT_ON_CURVE: u8 = 6;
    /// Everything is well formed, but the signature does not hold.
    pub const MISMATCH: u8 = 7;
}

pub mod batch;
pub mod cache;
pub mod field;
pub mod kernel;
#[cfg(target_arch = "x86_64")]
pub mod mulx;
pub mod plain;
pub mod point;
pub mod scalar;
pub mod tables;
