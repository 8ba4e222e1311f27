//! Digests: SM3 (GB/T 32905) and SHA-256, one by one and many at once.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sm3::Sm3;
use sm3::digest::Digest as _;
use zeroize::Zeroizing;

/// A digest of 32 bytes.
pub type Digest = [u8; 32];

/// Which digest a tree, an envelope or a list is hashed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    Sm3,
    Sha256,
}

/// What one digest is taken over: the concatenation of the parts.
pub type Parts<'a> = [&'a [u8]; 4];

impl Algorithm {
    /// "sm3" or "sha256".
    pub fn from_name(name: &str) -> Option<Algorithm> {
        match name {
            "sm3" => Some(Algorithm::Sm3),
            "sha256" => Some(Algorithm::Sha256),
            _ => None,
        }
    }

    /// The digest of the concatenation of the parts.
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        match self {
            Algorithm::Sm3 => sm3(parts),
            Algorithm::Sha256 => {
                let mut hasher = Sha256::new();
                for part in parts {
                    hasher.update(part);
                }
                hasher.finalize().into()
            }
        }
    }

    /// The digests of many inputs; `out` has the length of `inputs`.
    pub fn digest_many(self, inputs: &[Parts<'_>], out: &mut [Digest]) {
        #[cfg(target_arch = "x86_64")]
        if self == Algorithm::Sm3 && crate::sm3_lanes::digest_many(inputs, out) {
            return;
        }
        for (input, slot) in inputs.iter().zip(out) {
            *slot = self.digest(input);
        }
    }
}

/// SM3 of the concatenation of the parts.
pub fn sm3(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sm3::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HMAC-SM3 of the concatenation of the parts.
pub fn hmac_sm3(key: &[u8], parts: &[&[u8]]) -> Digest {
    let mut mac = Hmac::<Sm3>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// PBKDF2 with HMAC-SM3 (RFC 8018 5.2). `iterations` is at least 1; `out` is at most (2^32 - 1) · 32 bytes.
pub fn pbkdf2_hmac_sm3(password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) {
    let keyed = Hmac::<Sm3>::new_from_slice(password).expect("HMAC takes keys of any length");
    for (index, block) in out.chunks_mut(32).enumerate() {
        let mut mac = keyed.clone();
        mac.update(salt);
        mac.update(&(index as u32 + 1).to_be_bytes());
        let mut u = Zeroizing::new(Digest::from(mac.finalize().into_bytes()));
        let mut sum = Zeroizing::new(*u);
        for _ in 1..iterations {
            let mut mac = keyed.clone();
            mac.update(&*u);
            *u = mac.finalize().into_bytes().into();
            for (s, x) in sum.iter_mut().zip(u.iter()) {
                *s ^= x;
            }
        }
        block.copy_from_slice(&sum[..block.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn vectors() {
        assert_eq!(hex(&sm3(&[b"a", b"", b"bc"])), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        assert_eq!(
            hex(&hmac_sm3(b"key", &[b"The quick brown fox jumps over the lazy dog"])),
            "bd4a34077888162b210645b8ebf74b9af357303789357a27c7fc457244ebd398"
        );
    }
}
