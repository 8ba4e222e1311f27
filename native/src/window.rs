//! The replay window: which transaction ids were used, until they expire. Compact, and dropped by the bucket.
//!
//! Ids are chosen by senders, so the hash that places them is keyed at random for each bucket.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// A transaction id.
pub type Id = [u8; 32];

/// Entries are stored in pieces of this many, so that growing copies nothing and wastes little.
const PIECE: usize = 1024;

/// First bytes of a dump: the format and its version.
const MAGIC: &[u8; 8] = b"GCIDWIN1";
const HEADER_BYTES: usize = 32;
const ENTRY_BYTES: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Entry {
    expires: u64,
    id: Id,
}

/// The ids whose expiry falls into one span of time: entries in order of arrival, and an open-addressing
/// index of their numbers (plus one; zero is free).
#[derive(Default)]
struct Bucket {
    seed: RandomState,
    pieces: Vec<Vec<Entry>>,
    count: usize,
    index: Vec<u32>,
}

impl Bucket {
    fn entry(&self, number: usize) -> &Entry {
        &self.pieces[number / PIECE][number % PIECE]
    }

    /// The index slot that holds the entry, or the free one where it belongs.
    fn find(&self, entry: &Entry) -> Result<usize, usize> {
        let mask = self.index.len() - 1;
        let mut slot = self.seed.hash_one(entry) as usize & mask;
        loop {
            match self.index[slot] {
                0 => return Err(slot),
                number if self.entry(number as usize - 1) == entry => return Ok(slot),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn contains(&self, entry: &Entry) -> bool {
        !self.index.is_empty() && self.find(entry).is_ok()
    }

    /// True if the entry is new.
    fn insert(&mut self, entry: Entry) -> bool {
        if (self.count + 1) * 4 > self.index.len() * 3 {
            self.grow_index();
        }
        let Err(slot) = self.find(&entry) else { return false };
        if self.count == self.pieces.len() * PIECE {
            // The first piece of a bucket grows from little; a bucket that has more fills whole ones.
            let reserve = if self.count == 0 { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(reserve));
        }
        self.pieces[self.count / PIECE].push(entry);
        self.count += 1;
        self.index[slot] = self.count as u32;
        true
    }

    fn grow_index(&mut self) {
        self.index = vec![0; (self.index.len() * 2).max(16)];
        for number in 0..self.count {
            if let Err(slot) = self.find(self.entry(number)) {
                self.index[slot] = number as u32 + 1;
            }
        }
    }

    fn memory(&self) -> usize {
        let entries: usize = self.pieces.iter().map(Vec::capacity).sum();
        entries * size_of::<Entry>()
            + self.pieces.capacity() * size_of::<Vec<Entry>>()
            + self.index.len() * size_of::<u32>()
            + size_of::<Bucket>()
    }
}

/// The capacity would be exceeded; nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Why a dump was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadDump(pub &'static str);

/// The window.
pub struct IdWindow {
    bucket_ms: u64,
    capacity: u64,
    count: u64,
    buckets: BTreeMap<u64, Bucket>,
}

impl IdWindow {
    /// `bucket_ms` is at least 1; `capacity` is below 2^32.
    pub fn new(bucket_ms: u64, capacity: u64) -> IdWindow {
        IdWindow { bucket_ms, capacity, count: 0, buckets: BTreeMap::new() }
    }

    pub fn len(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds ids with their expiries; one that is there already is not counted again.
    pub fn add_many(&mut self, ids: &[&Id], expires: &[u64]) -> Result<(), Full> {
        if self.count + ids.len() as u64 > self.capacity {
            // It may still fit, if some are there already.
            let mut fresh = HashSet::new();
            for (&id, &expires) in ids.iter().zip(expires) {
                if !self.contains(id, expires) {
                    fresh.insert(Entry { expires, id: *id });
                }
            }
            if self.count + fresh.len() as u64 > self.capacity {
                return Err(Full);
            }
        }
        for (&id, &expires) in ids.iter().zip(expires) {
            let bucket = self.buckets.entry(expires / self.bucket_ms).or_default();
            self.count += bucket.insert(Entry { expires, id: *id }) as u64;
        }
        Ok(())
    }

    pub fn contains(&self, id: &Id, expires: u64) -> bool {
        let bucket = self.buckets.get(&(expires / self.bucket_ms));
        bucket.is_some_and(|bucket| bucket.contains(&Entry { expires, id: *id }))
    }

    /// Drops every bucket whose span has passed: all expiries it can hold are at or before `now_ms`. So what
    /// is left depends on what was added and on the latest time, not on when this was called.
    pub fn expire(&mut self, now_ms: u64) {
        while let Some(first) = self.buckets.first_entry() {
            let last_of_span = (*first.key() as u128 + 1) * self.bucket_ms as u128 - 1;
            if last_of_span > now_ms as u128 {
                break;
            }
            self.count -= first.remove().count as u64;
        }
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<IdWindow>() + self.buckets.values().map(|bucket| bucket.memory() + 64).sum::<usize>()
    }

    /// Header: "GCIDWIN1", then bucket_ms, capacity and count as u64 big endian; then the entries, each
    /// expires as u64 big endian and the id, strictly ascending. Equal contents give equal bytes.
    pub fn dump(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.count as usize * ENTRY_BYTES);
        out.extend_from_slice(MAGIC);
        for number in [self.bucket_ms, self.capacity, self.count] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for bucket in self.buckets.values() {
            let mut entries: Vec<&Entry> = (0..bucket.count).map(|number| bucket.entry(number)).collect();
            entries.sort_unstable();
            for entry in entries {
                out.extend_from_slice(&entry.expires.to_be_bytes());
                out.extend_from_slice(&entry.id);
            }
        }
        out
    }

    /// Reads a dump, refusing anything `dump` would not have written.
    pub fn load(data: &[u8]) -> Result<IdWindow, BadDump> {
        let (header, entries) = data.split_at_checked(HEADER_BYTES).ok_or(BadDump("too short"))?;
        let number = |at: usize| u64::from_be_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        if header[..8] != MAGIC[..] {
            return Err(BadDump("unknown format"));
        }
        let (bucket_ms, capacity, count) = (number(8), number(16), number(24));
        if bucket_ms == 0 || capacity > u32::MAX as u64 {
            return Err(BadDump("parameter out of range"));
        }
        if count > capacity {
            return Err(BadDump("more ids than the capacity"));
        }
        if entries.len() as u64 != count * ENTRY_BYTES as u64 {
            return Err(BadDump("length does not match the count"));
        }
        let mut window = IdWindow::new(bucket_ms, capacity);
        let mut previous: Option<Entry> = None;
        for bytes in entries.chunks_exact(ENTRY_BYTES) {
            let (expires, id) = bytes.split_at(8);
            let entry = Entry {
                expires: u64::from_be_bytes(expires.try_into().expect("eight bytes")),
                id: id.try_into().expect("32 bytes"),
            };
            if previous.is_some_and(|previous| previous >= entry) {
                return Err(BadDump("ids are not strictly ascending"));
            }
            previous = Some(entry);
            window.buckets.entry(entry.expires / bucket_ms).or_default().insert(entry);
            window.count += 1;
        }
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> Id {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        id
    }

    #[test]
    fn fills_expires_dumps_and_loads() {
        let mut window = IdWindow::new(100, 5_000);
        let ids: Vec<Id> = (0..5_000).map(id).collect();
        let ids: Vec<&Id> = ids.iter().collect();
        let expires: Vec<u64> = (0..5_000u64).map(|n| 1_000 + n % 300).collect();
        window.add_many(&ids, &expires).expect("fits");
        window.add_many(&ids, &expires).expect("all known");
        assert_eq!(window.add_many(&[&id(9_999)], &[1_000]), Err(Full));
        assert_eq!(window.len(), 5_000);
        assert!(window.memory_bytes() < 5_000 * 60);
        assert!(window.contains(&id(7), 1_007) && !window.contains(&id(7), 1_008));
        let dump = window.dump();
        assert_eq!(IdWindow::load(&dump).expect("own dump").dump(), dump);
        window.expire(1_098);
        assert_eq!(window.len(), 5_000);
        window.expire(1_099);
        assert!(window.len() < 5_000 && !window.contains(&id(7), 1_007) && window.contains(&id(100), 1_100));
        window.expire(u64::MAX);
        assert_eq!((window.len(), window.buckets.len()), (0, 0));
    }

    #[test]
    fn bad_dumps_are_refused() {
        let mut window = IdWindow::new(100, 10);
        window.add_many(&[&id(1), &id(2)], &[5, 5]).expect("fits");
        let good = window.dump();
        for at in 0..good.len() {
            assert!(IdWindow::load(&good[..at]).is_err());
        }
        let mut swapped = good[..32].to_vec();
        swapped.extend_from_slice(&good[72..]);
        swapped.extend_from_slice(&good[32..72]);
        assert!(IdWindow::load(&swapped).is_err());
        let mut twice = good[..72].to_vec();
        twice.extend_from_slice(&good[32..72]);
        assert!(IdWindow::load(&twice).is_err());
        for (at, value) in [(0, 0), (8, 0xff), (15, 0), (23, 1), (31, 3), (24, 1)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(IdWindow::load(&bad).is_ok(), at == 8, "{at}");
        }
    }
}
