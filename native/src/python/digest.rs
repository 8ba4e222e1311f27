//! Bindings of `crate::digest`.

use super::{AlgorithmName, SMALL_BYTES, Size, detach_if, slices};
use crate::digest::{self, Parts};
use ::sm3::digest::Digest as _;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use std::sync::{Mutex, MutexGuard};

/// The most that `pbkdf2_hmac_sm3` derives: far more than any key, and no accident with memory.
const DERIVED_BYTES_MAX: u64 = 1 << 20;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(self::sm3, module)?)?;
    module.add_function(wrap_pyfunction!(sha256, module)?)?;
    module.add_function(wrap_pyfunction!(digest_many, module)?)?;
    module.add_function(wrap_pyfunction!(hmac_sm3, module)?)?;
    module.add_function(wrap_pyfunction!(pbkdf2_hmac_sm3, module)?)?;
    module.add_class::<Sm3>()
}

/// The SM3 digest (GB/T 32905) of `data`: 32 bytes.
#[pyfunction]
fn sm3<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    let digest = detach_if(py, data.len() > SMALL_BYTES, || digest::sm3(&[data]));
    PyBytes::new(py, &digest)
}

/// The SHA-256 digest of `data`: 32 bytes.
#[pyfunction]
fn sha256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    let digest = detach_if(py, data.len() > SMALL_BYTES, || digest::Algorithm::Sha256.digest(&[data]));
    PyBytes::new(py, &digest)
}

/// The digests of many byte strings, in their order. `algorithm` is "sm3" or "sha256". For SM3 several
/// strings are hashed side by side, so this is much faster than one call for each.
#[pyfunction]
fn digest_many<'py>(
    py: Python<'py>,
    algorithm: AlgorithmName,
    items: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyList>> {
    let digests = py.detach(|| {
        let inputs: Vec<Parts<'_>> = slices(&items).into_iter().map(|item| [item, &[], &[], &[]]).collect();
        let mut digests = vec![[0; 32]; inputs.len()];
        algorithm.0.digest_many(&inputs, &mut digests);
        digests
    });
    PyList::new(py, digests.iter().map(|digest| PyBytes::new(py, digest)))
}

/// HMAC-SM3 of `data` under `key`: 32 bytes.
#[pyfunction]
fn hmac_sm3<'py>(py: Python<'py>, key: &[u8], data: &[u8]) -> Bound<'py, PyBytes> {
    let mac = detach_if(py, data.len() > SMALL_BYTES, || digest::hmac_sm3(key, &[data]));
    PyBytes::new(py, &mac)
}

/// PBKDF2 (RFC 8018) with HMAC-SM3. `iterations` is in [1, 2^32 - 1], `length` in [1, 2^20].
#[pyfunction]
fn pbkdf2_hmac_sm3<'py>(
    py: Python<'py>,
    password: &[u8],
    salt: &[u8],
    iterations: Size,
    length: Size,
) -> PyResult<Bound<'py, PyBytes>> {
    let iterations = u32::try_from(iterations.0)
        .ok()
        .filter(|&iterations| iterations > 0)
        .ok_or_else(|| PyValueError::new_err("iterations is not in [1, 2^32 - 1]"))?;
    if !(1..=DERIVED_BYTES_MAX).contains(&length.0) {
        return Err(PyValueError::new_err("length is not in [1, 2^20]"));
    }
    let key = py.detach(|| {
        let mut key = zeroize::Zeroizing::new(vec![0; length.usize()]);
        digest::pbkdf2_hmac_sm3(password, salt, iterations, &mut key);
        key
    });
    Ok(PyBytes::new(py, &key))
}

/// An SM3 digest in the making, used like the objects of `hashlib`.
#[pyclass(frozen, module = "govchain_native")]
struct Sm3(Mutex<::sm3::Sm3>);

impl Sm3 {
    fn lock(&self) -> MutexGuard<'_, ::sm3::Sm3> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[pymethods]
impl Sm3 {
    /// Starts with `data`, if any.
    #[new]
    #[pyo3(signature = (data = None))]
    fn new(py: Python<'_>, data: Option<&[u8]>) -> Sm3 {
        let hasher = Sm3(Mutex::new(::sm3::Sm3::new()));
        if let Some(data) = data {
            hasher.update(py, data);
        }
        hasher
    }

    /// Adds `data` to what is hashed.
    fn update(&self, py: Python<'_>, data: &[u8]) {
        detach_if(py, data.len() > SMALL_BYTES, || self.lock().update(data));
    }

    /// The digest of everything added so far: 32 bytes. More may be added afterwards.
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let digest: [u8; 32] = self.lock().clone().finalize().into();
        PyBytes::new(py, &digest)
    }

    /// The digest as 64 lower-case hexadecimal digits.
    fn hexdigest(&self) -> String {
        let digest: [u8; 32] = self.lock().clone().finalize().into();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// An independent copy of the present state.
    fn copy(&self) -> Sm3 {
        Sm3(Mutex::new(self.lock().clone()))
    }

    /// 32, as in `hashlib`.
    #[classattr]
    fn digest_size() -> usize {
        32
    }

    /// 64, as in `hashlib`.
    #[classattr]
    fn block_size() -> usize {
        64
    }

    /// "sm3", as in `hashlib`.
    #[classattr]
    fn name() -> &'static str {
        "sm3"
    }
}
