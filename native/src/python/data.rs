//! Bindings of `crate::merkle`, `crate::json`, `crate::envelope` and `crate::window`.

use super::{AlgorithmName, Size, detach_if, fixed, fixed_list, same_length, slices};
use crate::{envelope, json, merkle, window};
use pyo3::exceptions::{PyIndexError, PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple, PyType};
use std::sync::{Mutex, MutexGuard};

/// Texts shorter than this are scanned without releasing the interpreter lock.
const SMALL_TEXT_BYTES: usize = 2048;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for (name, code) in [
        ("JSON_OK", json::code::OK),
        ("JSON_TOO_LARGE", json::code::TOO_LARGE),
        ("JSON_NOT_UTF8", json::code::NOT_UTF8),
        ("JSON_SYNTAX", json::code::SYNTAX),
        ("JSON_DEPTH", json::code::DEPTH),
        ("JSON_DUPLICATE_KEY", json::code::DUPLICATE_KEY),
        ("JSON_FLOAT", json::code::FLOAT),
        ("JSON_INTEGER_RANGE", json::code::INTEGER_RANGE),
        ("JSON_LONE_SURROGATE", json::code::LONE_SURROGATE),
        ("JSON_TRAILING", json::code::TRAILING),
        ("JSON_NOT_OBJECT", json::code::NOT_OBJECT),
        ("JSON_BOM", json::code::BOM),
        ("ENVELOPE_SHAPE", envelope::code::SHAPE),
        ("ENVELOPE_VERSION", envelope::code::VERSION),
        ("ENVELOPE_SIGNATURES", envelope::code::SIGNATURES),
    ] {
        module.add(name, code)?;
    }
    module.add_function(wrap_pyfunction!(merkle_root, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_inclusion_path, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_root_of_pairs, module)?)?;
    module.add_function(wrap_pyfunction!(smt_root_of, module)?)?;
    module.add_function(wrap_pyfunction!(prescan_json, module)?)?;
    module.add_function(wrap_pyfunction!(open_envelopes, module)?)?;
    module.add_function(wrap_pyfunction!(seal_envelope, module)?)?;
    module.add_class::<MerkleStream>()?;
    module.add_class::<IdWindow>()
}

/// The RFC 9162 root over leaves: leaf H(0x00‖data), node H(0x01‖left‖right), nothing H("").
#[pyfunction]
fn merkle_root<'py>(py: Python<'py>, algorithm: AlgorithmName, leaves: Vec<PyBackedBytes>) -> Bound<'py, PyBytes> {
    let root = py.detach(|| merkle::root(algorithm.0, &slices(&leaves)));
    PyBytes::new(py, &root)
}

/// The RFC 9162 inclusion path of the leaf at `index`, the lowest sibling first. `IndexError` if there is
/// no such leaf.
#[pyfunction]
fn merkle_inclusion_path<'py>(
    py: Python<'py>,
    algorithm: AlgorithmName,
    leaves: Vec<PyBackedBytes>,
    index: Size,
) -> PyResult<Bound<'py, PyList>> {
    let path = py
        .detach(|| merkle::inclusion_path(algorithm.0, &slices(&leaves), index.usize()))
        .ok_or_else(|| PyIndexError::new_err("no leaf has this index"))?;
    PyList::new(py, path.iter().map(|digest| PyBytes::new(py, digest)))
}

/// The RFC 9162 root over key-value pairs in the order given. A leaf's data is
/// `u32be(len(key)) ‖ key ‖ 0x01 ‖ value`, or `u32be(len(key)) ‖ key ‖ 0x00` for None.
#[pyfunction]
fn merkle_root_of_pairs<'py>(
    py: Python<'py>,
    algorithm: AlgorithmName,
    keys: Vec<PyBackedBytes>,
    values: Vec<Option<PyBackedBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    same_length(&[keys.len(), values.len()])?;
    if keys.iter().any(|key| u32::try_from(key.len()).is_err()) {
        return Err(PyValueError::new_err("a key has 2^32 bytes or more"));
    }
    let root = py.detach(|| {
        let pairs: Vec<(&[u8], Option<&[u8]>)> =
            keys.iter().zip(&values).map(|(key, value)| (&**key, value.as_deref())).collect();
        merkle::root_of_pairs(algorithm.0, &pairs)
    });
    Ok(PyBytes::new(py, &root))
}

/// The root of the compact sparse Merkle tree over 32-byte paths and 32-byte value digests, from scratch. An
/// empty subtree is 32 zero bytes; a subtree with one leaf is H(0x00‖path‖value digest); any other is
/// H(0x01‖left‖right), bit i of the path (most significant first) choosing the side at depth i.
/// `ValueError` if a path occurs twice.
#[pyfunction]
fn smt_root_of<'py>(
    py: Python<'py>,
    algorithm: AlgorithmName,
    paths: Vec<PyBackedBytes>,
    value_digests: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    same_length(&[paths.len(), value_digests.len()])?;
    let paths = fixed_list(&paths, "path")?;
    let values = fixed_list(&value_digests, "value digest")?;
    let root = py
        .detach(|| merkle::sparse_root(algorithm.0, paths.into_iter().zip(values).collect()))
        .ok_or_else(|| PyValueError::new_err("a path occurs twice"))?;
    Ok(PyBytes::new(py, &root))
}

/// An RFC 9162 tree that grows at its end in O(log n) memory.
#[pyclass(frozen, module = "govchain_native")]
struct MerkleStream(Mutex<merkle::MerkleStream>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[pymethods]
impl MerkleStream {
    #[new]
    fn new(algorithm: AlgorithmName) -> MerkleStream {
        MerkleStream(Mutex::new(merkle::MerkleStream::new(algorithm.0)))
    }

    /// Appends leaves.
    fn push_many(&self, py: Python<'_>, leaves: Vec<PyBackedBytes>) {
        py.detach(|| lock(&self.0).push_many(&slices(&leaves)));
    }

    /// The root over all leaves so far.
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let root = py.detach(|| lock(&self.0).root());
        PyBytes::new(py, &root)
    }

    /// How many leaves were pushed.
    #[getter]
    fn size(&self, py: Python<'_>) -> u64 {
        py.detach(|| lock(&self.0).size())
    }
}

/// Checks that `data` is an RFC 8259 JSON object that every decoder reads the same way. Returns a JSON_*
/// code and the byte offset that made it (the length where the code is JSON_OK). White space may come before
/// the object, nothing after it. The top object has depth 1.
#[pyfunction]
fn prescan_json(py: Python<'_>, data: &[u8], max_bytes: Size, max_depth: Size) -> (u8, usize) {
    detach_if(py, data.len() > SMALL_TEXT_BYTES, || json::prescan(data, max_bytes.usize(), max_depth.usize()))
}

/// Opens envelopes `[1, body, [signature, …]]`. For each: (code, id = digest(body), digest(envelope), body,
/// signatures). Code 0 is good; ENVELOPE_SHAPE, ENVELOPE_VERSION and ENVELOPE_SIGNATURES come first, in
/// this order, then the JSON_* code of the body. The envelope's digest is always given; with ENVELOPE_SHAPE,
/// id and body are empty and there are no signatures.
#[pyfunction]
fn open_envelopes<'py>(
    py: Python<'py>,
    algorithm: AlgorithmName,
    envelopes: Vec<PyBackedBytes>,
    max_body_bytes: Size,
    max_depth: Size,
    max_signatures: Size,
) -> PyResult<Bound<'py, PyList>> {
    let limits = envelope::Limits {
        max_body_bytes: max_body_bytes.usize(),
        max_depth: max_depth.usize(),
        max_signatures: max_signatures.usize(),
    };
    let inputs = slices(&envelopes);
    let opened = py.detach(|| envelope::open_many(algorithm.0, &inputs, limits));
    let list = PyList::empty(py);
    for one in opened {
        let signatures = PyTuple::new(py, one.signatures.iter().map(|s| PyBytes::new(py, s)))?;
        let id = one.id.as_ref().map_or(&[][..], |id| &id[..]);
        list.append((
            one.code,
            PyBytes::new(py, id),
            PyBytes::new(py, &one.envelope_digest),
            PyBytes::new(py, one.body),
            signatures,
        ))?;
    }
    Ok(list)
}

/// The one encoding of an envelope. `version` is in [0, 127]; up to 65,535 signatures.
#[pyfunction]
fn seal_envelope<'py>(
    py: Python<'py>,
    version: Size,
    body: &[u8],
    signatures: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let version = u8::try_from(version.0).unwrap_or(u8::MAX);
    let sealed = envelope::seal(version, body, &slices(&signatures))
        .ok_or_else(|| PyValueError::new_err("version, body or signatures do not fit the form"))?;
    Ok(PyBytes::new(py, &sealed))
}

/// The replay window: remembers which transaction ids were used, until they expire.
///
/// Ids (32 bytes) with their expiry (ms) live in buckets of `bucket_ms`; at most `capacity` (below 2^32) of
/// them. About 46 to 51 bytes an id. May be used from several threads.
#[pyclass(frozen, module = "govchain_native")]
struct IdWindow(Mutex<window::IdWindow>);

#[pymethods]
impl IdWindow {
    #[new]
    fn new(bucket_ms: Size, capacity: Size) -> PyResult<IdWindow> {
        if bucket_ms.0 == 0 || capacity.0 > u32::MAX as u64 {
            return Err(PyValueError::new_err("bucket_ms is 0 or capacity 2^32 or more"));
        }
        Ok(IdWindow(Mutex::new(window::IdWindow::new(bucket_ms.0, capacity.0))))
    }

    /// Adds ids with their expiries. One that is there with the same expiry is not counted again. Raises
    /// `OverflowError`, and changes nothing, if the capacity would be exceeded.
    fn add_many(&self, py: Python<'_>, ids: Vec<PyBackedBytes>, expires: Vec<Size>) -> PyResult<()> {
        same_length(&[ids.len(), expires.len()])?;
        let ids = fixed_list(&ids, "id")?;
        let expires: Vec<u64> = expires.iter().map(|size| size.0).collect();
        py.detach(|| lock(&self.0).add_many(&ids, &expires)).map_err(|_| PyOverflowError::new_err("the window is full"))
    }

    /// Whether this id was added with this expiry, and its bucket not dropped yet.
    fn contains(&self, py: Python<'_>, id: &[u8], expires: Size) -> PyResult<bool> {
        let id = fixed(id, "id")?;
        Ok(py.detach(|| lock(&self.0).contains(id, expires.0)))
    }

    /// 1 or 0 for each id.
    fn contains_many<'py>(
        &self,
        py: Python<'py>,
        ids: Vec<PyBackedBytes>,
        expires: Vec<Size>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        same_length(&[ids.len(), expires.len()])?;
        let ids = fixed_list::<32>(&ids, "id")?;
        let found: Vec<u8> = py.detach(|| {
            let window = lock(&self.0);
            ids.iter().zip(&expires).map(|(id, expires)| window.contains(id, expires.0) as u8).collect()
        });
        Ok(PyBytes::new(py, &found))
    }

    /// Drops every bucket whose span has passed: the bucket of number b when (b + 1) · bucket_ms - 1 is at
    /// or before `now_ms`. What is left depends on what was added and on the latest time only.
    fn expire(&self, py: Python<'_>, now_ms: Size) {
        py.detach(|| lock(&self.0).expire(now_ms.0));
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| lock(&self.0).len() as usize)
    }

    /// Bytes held.
    fn memory_bytes(&self, py: Python<'_>) -> usize {
        py.detach(|| lock(&self.0).memory_bytes())
    }

    /// The contents in one canonical form: "GCIDWIN1", then bucket_ms, capacity and count as u64 big endian,
    /// then each entry as expiry (u64 big endian) and id, strictly ascending.
    fn dump<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let dump = py.detach(|| lock(&self.0).dump());
        PyBytes::new(py, &dump)
    }

    /// A window from a dump. `ValueError` for anything that `dump` would not have written.
    #[classmethod]
    fn load(_class: &Bound<'_, PyType>, py: Python<'_>, data: &[u8]) -> PyResult<IdWindow> {
        py.detach(|| window::IdWindow::load(data))
            .map(|window| IdWindow(Mutex::new(window)))
            .map_err(|error| PyValueError::new_err(format!("not a window's dump: {}", error.0)))
    }
}
