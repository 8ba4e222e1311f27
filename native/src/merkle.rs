//! Trees: RFC 9162 (Certificate Transparency 2.0, section 2.1) and the compact sparse Merkle tree.
//!
//! Leaf = H(0x00 ‖ data), node = H(0x01 ‖ left ‖ right), the root of nothing = H("").

use crate::digest::{Algorithm, Digest, Parts};

const LEAF: &[u8] = &[0];
const NODE: &[u8] = &[1];

/// The root of an empty subtree of the sparse tree.
pub const EMPTY_SUBTREE: Digest = [0; 32];

/// The hashes of leaves.
pub fn leaf_hashes(algorithm: Algorithm, leaves: &[&[u8]]) -> Vec<Digest> {
    let inputs: Vec<Parts<'_>> = leaves.iter().map(|leaf| [LEAF, leaf, &[], &[]]).collect();
    let mut hashes = vec![[0; 32]; leaves.len()];
    algorithm.digest_many(&inputs, &mut hashes);
    hashes
}

/// The nodes over consecutive pairs; `children` is even.
fn parents(algorithm: Algorithm, children: &[Digest]) -> Vec<Digest> {
    let inputs: Vec<Parts<'_>> =
        children.as_chunks::<2>().0.iter().map(|[left, right]| [NODE, left, right, &[]]).collect();
    let mut hashes = vec![[0; 32]; inputs.len()];
    algorithm.digest_many(&inputs, &mut hashes);
    hashes
}

/// One level up: pairs become nodes, a last one without a neighbour moves up as it is. (RFC 9162 splits at
/// the largest power of two below n; from below that is this.)
fn next_level(algorithm: Algorithm, level: &[Digest]) -> Vec<Digest> {
    let even = level.len() & !1;
    let mut above = parents(algorithm, &level[..even]);
    above.extend_from_slice(&level[even..]);
    above
}

/// The root over leaf hashes.
pub fn root_of_hashes(algorithm: Algorithm, mut level: Vec<Digest>) -> Digest {
    while level.len() > 1 {
        level = next_level(algorithm, &level);
    }
    level.pop().unwrap_or_else(|| algorithm.digest(&[]))
}

/// MTH(leaves).
pub fn root(algorithm: Algorithm, leaves: &[&[u8]]) -> Digest {
    root_of_hashes(algorithm, leaf_hashes(algorithm, leaves))
}

/// PATH(index, leaves), the lowest sibling first; `None` if there is no such leaf.
pub fn inclusion_path(algorithm: Algorithm, leaves: &[&[u8]], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut level = leaf_hashes(algorithm, leaves);
    let mut at = index;
    let mut path = Vec::new();
    while level.len() > 1 {
        if let Some(sibling) = level.get(at ^ 1) {
            path.push(*sibling);
        }
        level = next_level(algorithm, &level);
        at /= 2;
    }
    Some(path)
}

/// The root over key-value pairs in the order given: a leaf's data is `u32be(len(key)) ‖ key ‖ 0x01 ‖ value`,
/// or `u32be(len(key)) ‖ key ‖ 0x00` where there is no value. Keys are shorter than 2^32 bytes.
pub fn root_of_pairs(algorithm: Algorithm, pairs: &[(&[u8], Option<&[u8]>)]) -> Digest {
    let headers: Vec<[u8; 5]> = pairs
        .iter()
        .map(|(key, _)| {
            let length = (key.len() as u32).to_be_bytes();
            [LEAF[0], length[0], length[1], length[2], length[3]]
        })
        .collect();
    let inputs: Vec<Parts<'_>> = pairs
        .iter()
        .zip(&headers)
        .map(|((key, value), header)| match value {
            Some(value) => [&header[..], key, &[1], value],
            None => [&header[..], key, &[0], &[]],
        })
        .collect();
    let mut hashes = vec![[0; 32]; inputs.len()];
    algorithm.digest_many(&inputs, &mut hashes);
    root_of_hashes(algorithm, hashes)
}

/// A tree that grows at its end and remembers only the roots of its complete subtrees.
#[derive(Clone)]
pub struct MerkleStream {
    algorithm: Algorithm,
    size: u64,
    /// `complete[k]`: the root of the complete subtree of 2^k leaves, where bit k of `size` is set.
    complete: Vec<Option<Digest>>,
}

impl MerkleStream {
    pub fn new(algorithm: Algorithm) -> MerkleStream {
        MerkleStream { algorithm, size: 0, complete: Vec::new() }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends leaves: a binary counter, all carries of a level computed together.
    pub fn push_many(&mut self, leaves: &[&[u8]]) {
        // A bounded number at a time, so that memory stays small however long the list is.
        for some in leaves.chunks(1 << 14) {
            let mut carried = leaf_hashes(self.algorithm, some);
            let mut height = 0;
            while !carried.is_empty() {
                if self.complete.len() == height {
                    self.complete.push(None);
                }
                if let Some(earlier) = self.complete[height].take() {
                    carried.insert(0, earlier);
                }
                if carried.len() & 1 == 1 {
                    self.complete[height] = carried.pop();
                }
                carried = parents(self.algorithm, &carried);
                height += 1;
            }
            self.size += some.len() as u64;
        }
    }

    /// The root over everything pushed so far.
    pub fn root(&self) -> Digest {
        let mut sum: Option<Digest> = None;
        for subtree in self.complete.iter().flatten() {
            sum = Some(match sum {
                None => *subtree,
                Some(right) => self.algorithm.digest(&[NODE, subtree, &right]),
            });
        }
        sum.unwrap_or_else(|| self.algorithm.digest(&[]))
    }
}

/// The root of the compact sparse Merkle tree over (path, value digest): an empty subtree is 32 zero bytes, a
/// subtree with one leaf is that leaf's H(0x00 ‖ path ‖ value digest), any other H(0x01 ‖ left ‖ right).
/// Bit i of the path, the most significant first, chooses the side at depth i. `None` if a path occurs twice.
pub fn sparse_root(algorithm: Algorithm, mut leaves: Vec<(&Digest, &Digest)>) -> Option<Digest> {
    leaves.sort_unstable();
    if leaves.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return None;
    }
    let inputs: Vec<Parts<'_>> = leaves.iter().map(|(path, value)| [LEAF, &path[..], &value[..], &[]]).collect();
    let mut hashes = vec![[0; 32]; inputs.len()];
    algorithm.digest_many(&inputs, &mut hashes);
    Some(subtree_root(algorithm, &leaves, &hashes, 0))
}

/// Recursion ends at depth 256 at the latest, since the paths differ.
fn subtree_root(algorithm: Algorithm, leaves: &[(&Digest, &Digest)], hashes: &[Digest], depth: usize) -> Digest {
    match hashes {
        [] => EMPTY_SUBTREE,
        [one] => *one,
        _ => {
            let split = leaves.partition_point(|(path, _)| path[depth / 8] >> (7 - depth % 8) & 1 == 0);
            let left = subtree_root(algorithm, &leaves[..split], &hashes[..split], depth + 1);
            let right = subtree_root(algorithm, &leaves[split..], &hashes[split..], depth + 1);
            algorithm.digest(&[NODE, &left, &right])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9162 2.1.1, word for word.
    fn defined_root(leaves: &[&[u8]]) -> Digest {
        let sm3 = Algorithm::Sm3;
        match leaves {
            [] => sm3.digest(&[]),
            [one] => sm3.digest(&[LEAF, one]),
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                sm3.digest(&[NODE, &defined_root(&leaves[..k]), &defined_root(&leaves[k..])])
            }
        }
    }

    #[test]
    fn root_stream_and_definition_agree() {
        let data: Vec<Vec<u8>> = (0..70u8).map(|k| vec![k; k as usize * 3]).collect();
        let leaves: Vec<&[u8]> = data.iter().map(|leaf| &leaf[..]).collect();
        for count in 0..leaves.len() {
            let expected = defined_root(&leaves[..count]);
            assert_eq!(root(Algorithm::Sm3, &leaves[..count]), expected);
            for step in [1, 2, 7, 64] {
                let mut stream = MerkleStream::new(Algorithm::Sm3);
                for some in leaves[..count].chunks(step) {
                    stream.push_many(some);
                }
                assert_eq!((stream.root(), stream.size()), (expected, count as u64));
            }
        }
    }

    #[test]
    fn sparse_tree_edges() {
        let sm3 = Algorithm::Sm3;
        assert_eq!(sparse_root(sm3, vec![]), Some(EMPTY_SUBTREE));
        let (zero, mut one) = ([0u8; 32], [0u8; 32]);
        one[31] = 1;
        let leaf = sm3.digest(&[LEAF, &zero, &one]);
        assert_eq!(sparse_root(sm3, vec![(&zero, &one)]), Some(leaf));
        assert_eq!(sparse_root(sm3, vec![(&zero, &one), (&zero, &zero)]), None);
        // Neighbours at the very bottom: 255 levels with an empty right side above them.
        let mut sum = sm3.digest(&[NODE, &leaf, &sm3.digest(&[LEAF, &one, &one])]);
        for _ in 0..255 {
            sum = sm3.digest(&[NODE, &sum, &EMPTY_SUBTREE]);
        }
        assert_eq!(sparse_root(sm3, vec![(&one, &one), (&zero, &one)]), Some(sum));
    }
}
