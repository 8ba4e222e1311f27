//! The kernels of GovChain: SM2, SM3, trees, the JSON pre-scan, envelopes and the replay window.
//!
//! Kernels only: no policy, no clock, no input or output, and no randomness but for keys, nonces and the
//! seeds of hash tables. Everything works without Python; the feature `python` adds the bindings.

pub mod digest;
pub mod envelope;
pub mod json;
pub mod merkle;
pub mod sm2;
#[cfg(target_arch = "x86_64")]
pub mod sm3_lanes;
pub mod window;

#[cfg(feature = "python")]
mod python;
