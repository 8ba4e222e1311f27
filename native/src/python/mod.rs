//! The Python bindings: arguments in, exceptions out, nothing else. Wrong types raise `TypeError`, wrong
//! lengths and ranges `ValueError`; the interpreter lock is released around all but the smallest work.

mod data;
mod digest;
mod sm2;

use crate::digest::Algorithm;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

/// Releasing the lock costs more than hashing this many bytes.
const SMALL_BYTES: usize = 2048;

/// Runs work without the interpreter lock if it is worth it.
fn detach_if<T: Send>(py: Python<'_>, worth_it: bool, work: impl FnOnce() -> T + Send) -> T {
    if worth_it { py.detach(work) } else { work() }
}

/// A count or size; a negative or huge one is a `ValueError`.
struct Size(u64);

impl<'a, 'py> FromPyObject<'a, 'py> for Size {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Size> {
        value.extract::<u64>().map(Size).map_err(|error| {
            if error.is_instance_of::<PyOverflowError>(value.py()) {
                PyValueError::new_err("number out of range")
            } else {
                error
            }
        })
    }
}

impl Size {
    fn usize(&self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// "sm3" or "sha256".
struct AlgorithmName(Algorithm);

impl<'a, 'py> FromPyObject<'a, 'py> for AlgorithmName {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<AlgorithmName> {
        let name: String = value.extract()?;
        Algorithm::from_name(&name)
            .map(AlgorithmName)
            .ok_or_else(|| PyValueError::new_err("algorithm is neither \"sm3\" nor \"sha256\""))
    }
}

/// Bytes of a stated length.
fn fixed<'a, const N: usize>(bytes: &'a [u8], what: &str) -> PyResult<&'a [u8; N]> {
    bytes.try_into().map_err(|_| PyValueError::new_err(format!("{what} has {} bytes, not {N}", bytes.len())))
}

/// A list of byte strings of a stated length.
fn fixed_list<'a, const N: usize>(list: &'a [PyBackedBytes], what: &str) -> PyResult<Vec<&'a [u8; N]>> {
    list.iter().map(|bytes| fixed(bytes, what)).collect()
}

fn slices(list: &[PyBackedBytes]) -> Vec<&[u8]> {
    list.iter().map(|bytes| &**bytes).collect()
}

fn same_length(lengths: &[usize]) -> PyResult<()> {
    if lengths.windows(2).all(|pair| pair[0] == pair[1]) {
        Ok(())
    } else {
        Err(PyValueError::new_err("the lists differ in length"))
    }
}

/// Kernels of GovChain; see the package `govchain_native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    digest::register(module)?;
    sm2::register(module)?;
    data::register(module)
}
