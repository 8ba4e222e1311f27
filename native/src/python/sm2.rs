//! Bindings of `crate::sm2`.

use super::{Size, fixed, fixed_list, same_length, slices};
use crate::sm2::batch::{BatchVerifier, Signed};
use crate::sm2::plain::{self, PrivateKey, Signer, Sm2Error};
use crate::sm2::status;
use crate::sm2::tables::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};

/// Threads a verifier may be given.
const THREADS_MAX: u64 = 256;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for (name, code) in [
        ("SM2_OK", status::OK),
        ("SM2_SIGNATURE_LENGTH", status::SIGNATURE_LENGTH),
        ("SM2_R_RANGE", status::R_RANGE),
        ("SM2_S_RANGE", status::S_RANGE),
        ("SM2_T_ZERO", status::T_ZERO),
        ("SM2_KEY_RANGE", status::KEY_RANGE),
        ("SM2_KEY_NOT_ON_CURVE", status::KEY_NOT_ON_CURVE),
        ("SM2_MISMATCH", status::MISMATCH),
    ] {
        module.add(name, code)?;
    }
    module.add("SM2_DEFAULT_ID", PyBytes::new(module.py(), plain::DEFAULT_ID))?;
    module.add_function(wrap_pyfunction!(sm2_generate, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_check_private, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_public_key, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_check_public, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_za, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_sign, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_sign_many, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_verify, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_verify_digest, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_encrypt, module)?)?;
    module.add_function(wrap_pyfunction!(sm2_decrypt, module)?)?;
    module.add_function(wrap_pyfunction!(_testing_sm2_sign_with_nonce, module)?)?;
    module.add_function(wrap_pyfunction!(_testing_sm2_encrypt_with_nonce, module)?)?;
    module.add_class::<Sm2BatchVerifier>()
}

impl From<Sm2Error> for PyErr {
    fn from(error: Sm2Error) -> PyErr {
        match error {
            Sm2Error::Randomness => PyOSError::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        }
    }
}

/// A new private key, 32 bytes, in [1, n-2], from the operating system's randomness.
#[pyfunction]
fn sm2_generate(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    Ok(PyBytes::new(py, &*PrivateKey::generate()?))
}

/// Whether 32 bytes are a private key, that is in [1, n-2].
#[pyfunction]
fn sm2_check_private(private: &[u8]) -> PyResult<bool> {
    Ok(PrivateKey::from_bytes(fixed(private, "private key")?).is_ok())
}

/// The public key X‖Y, 64 bytes, of a private key.
#[pyfunction]
fn sm2_public_key<'py>(py: Python<'py>, private: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let private = PrivateKey::from_bytes(fixed(private, "private key")?)?;
    Ok(PyBytes::new(py, &py.detach(|| private.public_key())))
}

/// SM2_OK, SM2_KEY_RANGE or SM2_KEY_NOT_ON_CURVE for a public key X‖Y of 64 bytes.
#[pyfunction]
fn sm2_check_public(public: &[u8]) -> PyResult<u8> {
    Ok(plain::check_public(fixed(public, "public key")?))
}

/// ZA: the digest of identifier, curve and public key that every signed digest starts with.
/// The public key is not checked. The identifier has at most 8,191 bytes.
#[pyfunction]
fn sm2_za<'py>(py: Python<'py>, public: &[u8], id: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &plain::za(fixed(public, "public key")?, id)?))
}

/// Signs a message: r‖s, 64 bytes. Constant time with respect to the key; the nonce is derived from the
/// key, the digest and fresh randomness. `public` must be the private key's own (it is checked to be on
/// the curve, not to belong).
#[pyfunction]
#[pyo3(signature = (private, public, message, id = plain::DEFAULT_ID))]
fn sm2_sign<'py>(
    py: Python<'py>,
    private: &[u8],
    public: &[u8],
    message: &[u8],
    id: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let (private, public) = (fixed(private, "private key")?, fixed(public, "public key")?);
    let signature = py.detach(|| Signer::new(private, public, id)?.sign(message))?;
    Ok(PyBytes::new(py, &signature))
}

/// Signs many messages with one key, faster than one by one.
#[pyfunction]
#[pyo3(signature = (private, public, messages, id = plain::DEFAULT_ID))]
fn sm2_sign_many<'py>(
    py: Python<'py>,
    private: &[u8],
    public: &[u8],
    messages: Vec<PyBackedBytes>,
    id: &[u8],
) -> PyResult<Bound<'py, PyList>> {
    let (private, public) = (fixed(private, "private key")?, fixed(public, "public key")?);
    let signatures = py.detach(|| {
        let signer = Signer::new(private, public, id)?;
        messages.iter().map(|message| signer.sign(message)).collect::<Result<Vec<_>, _>>()
    })?;
    PyList::new(py, signatures.iter().map(|signature| PyBytes::new(py, signature)))
}

/// FOR KNOWN-ANSWER TESTS ONLY: a signature with a given nonce. Two signatures with one nonce give the
/// private key away.
#[pyfunction]
#[pyo3(signature = (private, public, message, nonce, id = plain::DEFAULT_ID))]
fn _testing_sm2_sign_with_nonce<'py>(
    py: Python<'py>,
    private: &[u8],
    public: &[u8],
    message: &[u8],
    nonce: &[u8],
    id: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let (private, public) = (fixed(private, "private key")?, fixed(public, "public key")?);
    let signature = Signer::new(private, public, id)?.sign_with_nonce(message, fixed(nonce, "nonce")?)?;
    Ok(PyBytes::new(py, &signature))
}

/// The status code of a signature r‖s over a message: SM2_OK, or the first check that failed in the order
/// signature length, r, s, t, key range, key on the curve, equation.
#[pyfunction]
#[pyo3(signature = (public, message, signature, id = plain::DEFAULT_ID))]
fn sm2_verify(py: Python<'_>, public: &[u8], message: &[u8], signature: &[u8], id: &[u8]) -> PyResult<u8> {
    let public = fixed(public, "public key")?;
    Ok(py.detach(|| plain::verify(public, message, signature, id))?)
}

/// The same over a digest e = SM3(ZA ‖ message) of 32 bytes.
#[pyfunction]
fn sm2_verify_digest(py: Python<'_>, public: &[u8], digest: &[u8], signature: &[u8]) -> PyResult<u8> {
    let (public, digest) = (fixed(public, "public key")?, fixed(digest, "digest")?);
    Ok(py.detach(|| plain::verify_digest(public, digest, signature)))
}

/// Encrypts: 04‖x‖y‖C3‖C2 (the C1C3C2 order), 97 bytes longer than the plaintext, which is not empty.
#[pyfunction]
fn sm2_encrypt<'py>(py: Python<'py>, public: &[u8], plaintext: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let public = fixed(public, "public key")?;
    let ciphertext = py.detach(|| plain::encrypt(public, plaintext))?;
    Ok(PyBytes::new(py, &ciphertext))
}

/// FOR KNOWN-ANSWER TESTS ONLY: encryption with a given nonce.
#[pyfunction]
fn _testing_sm2_encrypt_with_nonce<'py>(
    py: Python<'py>,
    public: &[u8],
    plaintext: &[u8],
    nonce: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertext = plain::encrypt_with_nonce(fixed(public, "public key")?, plaintext, fixed(nonce, "nonce")?)?;
    Ok(PyBytes::new(py, &ciphertext))
}

/// Decrypts 04‖x‖y‖C3‖C2. Whatever is wrong with the ciphertext raises the same `ValueError`.
#[pyfunction]
fn sm2_decrypt<'py>(py: Python<'py>, private: &[u8], ciphertext: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let private = fixed(private, "private key")?;
    let plaintext = py.detach(|| plain::decrypt(private, ciphertext))?;
    Ok(PyBytes::new(py, &plaintext))
}

/// Verifies many signatures at once, with tables for the keys that come again.
///
/// `memory_limit_bytes` bounds the tables (0: none are built); beside them a verifier holds up to about a
/// megabyte for each thread and 3 MB for the sightings of keys, and the process one table of 2.9 MB for the
/// base point. `threads` is how many work on one call. `window_bits` (4 to 10) trades a table's size
/// (30 KB to 852 KB; 6: 88 KB) for speed. A key gets its table when it was seen in `promote_after`
/// signatures and the table has paid for itself, whichever comes later; `stats()` gives the number.
/// May be used from several threads.
#[pyclass(frozen, module = "govchain_native")]
struct Sm2BatchVerifier {
    verifier: BatchVerifier,
    threads: u64,
    window_bits: u32,
}

#[pymethods]
impl Sm2BatchVerifier {
    #[new]
    #[pyo3(signature = (memory_limit_bytes, threads = Size(1), window_bits = Size(6), promote_after = Size(2)))]
    fn new(memory_limit_bytes: Size, threads: Size, window_bits: Size, promote_after: Size) -> PyResult<Self> {
        if !(1..=THREADS_MAX).contains(&threads.0) {
            return Err(PyValueError::new_err("threads is not in [1, 256]"));
        }
        if !(WINDOW_BITS_MIN as u64..=WINDOW_BITS_MAX as u64).contains(&window_bits.0) {
            return Err(PyValueError::new_err("window_bits is not in [4, 10]"));
        }
        let bits = window_bits.0 as u32;
        Ok(Sm2BatchVerifier {
            verifier: BatchVerifier::new(memory_limit_bytes.usize(), threads.usize(), bits, promote_after.0),
            threads: threads.0,
            window_bits: bits,
        })
    }

    /// One status byte for each (key X‖Y, message, signature r‖s); the codes and their order are those of
    /// `sm2_verify`. The lists have one length.
    #[pyo3(signature = (keys, messages, signatures, id = plain::DEFAULT_ID))]
    fn verify_many<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<PyBackedBytes>,
        messages: Vec<PyBackedBytes>,
        signatures: Vec<PyBackedBytes>,
        id: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        same_length(&[keys.len(), messages.len(), signatures.len()])?;
        let keys = fixed_list(&keys, "public key")?;
        let (messages, signatures) = (slices(&messages), slices(&signatures));
        let codes = py.detach(|| self.verifier.verify(&keys, &Signed::Messages(&messages, id), &signatures))?;
        Ok(PyBytes::new(py, &codes))
    }

    /// The same over digests e = SM3(ZA ‖ message) of 32 bytes.
    fn verify_digests<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<PyBackedBytes>,
        digests: Vec<PyBackedBytes>,
        signatures: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        same_length(&[keys.len(), digests.len(), signatures.len()])?;
        let keys = fixed_list(&keys, "public key")?;
        let digests = fixed_list(&digests, "digest")?;
        let signatures = slices(&signatures);
        let codes = py.detach(|| self.verifier.verify(&keys, &Signed::Digests(&digests), &signatures))?;
        Ok(PyBytes::new(py, &codes))
    }

    /// Counters: `hits` and `misses` (signatures verified with and without a table), `built` and `evicted`
    /// tables; the state: `tables`, `bytes`; the settings: `tables_max`, `promote_at`, `window_bits`,
    /// `threads`.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.verifier.counters();
        let (tables, bytes, tables_max, promote_at) = self.verifier.usage();
        let stats = PyDict::new(py);
        stats.set_item("hits", counters.hits)?;
        stats.set_item("misses", counters.misses)?;
        stats.set_item("built", counters.built)?;
        stats.set_item("evicted", counters.evicted)?;
        stats.set_item("tables", tables)?;
        stats.set_item("bytes", bytes)?;
        stats.set_item("tables_max", tables_max)?;
        stats.set_item("promote_at", promote_at)?;
        stats.set_item("window_bits", self.window_bits)?;
        stats.set_item("threads", self.threads)?;
        Ok(stats)
    }
}
