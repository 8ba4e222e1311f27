//! Which keys have tables: counts sightings, decides what is worth building, forgets what is not used.

use super::tables::{WindowTable, table_bytes, window_count};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

/// A public key as X‖Y.
pub type KeyBytes = [u8; 64];

/// Keys whose sightings are remembered; beyond it, counts are halved and the rare ones forgotten.
const SIGHTINGS_MAX: usize = 16_384;

/// A key's table, and its ZA for the first identifier it was used with.
pub struct KeyTable {
    pub table: WindowTable,
    pub za: OnceLock<(Box<[u8]>, [u8; 32])>,
}

struct Entry {
    table: Arc<KeyTable>,
    /// The time (in lookups) of the last use.
    used: u64,
    /// Uses since the key was last spared from eviction.
    uses: u64,
}

/// Counters for `stats()`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counters {
    /// Signatures verified with a table.
    pub hits: u64,
    /// Signatures verified without.
    pub misses: u64,
    /// Tables built.
    pub built: u64,
    /// Tables dropped for others.
    pub evicted: u64,
}

/// The tables within the memory limit. Not thread-safe by itself.
pub struct TableCache {
    window_bits: u32,
    capacity: usize,
    promote_at: u64,
    clock: u64,
    tables: HashMap<KeyBytes, Entry, RandomState>,
    /// The keys with tables by the time of their last use.
    by_use: BTreeMap<u64, KeyBytes>,
    sightings: HashMap<KeyBytes, u64, RandomState>,
    pub counters: Counters,
}

impl TableCache {
    pub fn new(memory_limit: usize, window_bits: u32, promote_after: u64) -> TableCache {
        TableCache {
            window_bits,
            capacity: memory_limit / table_cost(window_bits),
            promote_at: promote_after.max(break_even(window_bits)),
            clock: 0,
            tables: HashMap::default(),
            by_use: BTreeMap::new(),
            sightings: HashMap::default(),
            counters: Counters::default(),
        }
    }

    /// The table of a key, if it has one; counts `signatures` uses either way.
    pub fn look_up(&mut self, key: &KeyBytes, signatures: u64) -> Option<Arc<KeyTable>> {
        self.clock += 1;
        let entry = self.tables.get_mut(key)?;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.clock, *key);
        entry.used = self.clock;
        entry.uses += signatures;
        self.counters.hits += signatures;
        Some(entry.table.clone())
    }

    /// Counts `signatures` sightings of a valid key without a table, and says whether to build one now.
    pub fn wants_table(&mut self, key: &KeyBytes, signatures: u64) -> bool {
        if self.capacity == 0 {
            return false;
        }
        if self.sightings.len() >= SIGHTINGS_MAX && !self.sightings.contains_key(key) {
            self.sightings.retain(|_, count| {
                *count /= 2;
                *count > 0
            });
            if self.sightings.len() >= SIGHTINGS_MAX {
                self.sightings.clear();
            }
        }
        let count = self.sightings.entry(*key).or_insert(0);
        *count += signatures;
        let count = *count;
        if count < self.promote_at {
            return false;
        }
        if self.tables.len() < self.capacity {
            return true;
        }
        // Full. A newcomer must have been seen more often than the least recently used key was used;
        // otherwise that key is spared once, at half its count. So keys that pass by in turn, more of them
        // than there is room for, do not evict each other all day.
        let Some((&used, &oldest)) = self.by_use.first_key_value() else { return false };
        let Some(entry) = self.tables.get_mut(&oldest) else { return false };
        if signatures >= 2 * self.promote_at || count > entry.uses {
            return true;
        }
        entry.uses /= 2;
        self.clock += 1;
        entry.used = self.clock;
        self.by_use.remove(&used);
        self.by_use.insert(self.clock, oldest);
        false
    }

    /// Keeps a table that was built.
    pub fn insert(&mut self, key: &KeyBytes, table: Arc<KeyTable>, signatures: u64) {
        self.sightings.remove(key);
        self.counters.built += 1;
        if let Some(earlier) = self.tables.remove(key) {
            // Another thread was faster.
            self.by_use.remove(&earlier.used);
        }
        while self.tables.len() >= self.capacity {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            self.tables.remove(&oldest);
            self.counters.evicted += 1;
        }
        self.clock += 1;
        self.by_use.insert(self.clock, *key);
        self.tables.insert(*key, Entry { table, used: self.clock, uses: signatures });
    }

    pub fn table_count(&self) -> usize {
        self.tables.len()
    }

    /// Bytes held by tables.
    pub fn bytes(&self) -> usize {
        self.tables.len() * table_cost(self.window_bits)
    }

    /// How many sightings give a key a table.
    pub fn promote_at(&self) -> u64 {
        self.promote_at
    }

    /// How many tables the limit allows.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Bytes a table is counted with: its entries and what surrounds them.
pub fn table_cost(window_bits: u32) -> usize {
    table_bytes(window_bits) + 512
}

/// Sightings after which a table has paid for itself, in field products: building takes 6.5 an entry and
/// 256 doublings; a verification without a table takes about 2,600 more than six for each window.
fn break_even(window_bits: u32) -> u64 {
    let windows = window_count(window_bits) as u64;
    let build = 13 * (windows << (window_bits - 1)) / 2 + 256 * 8;
    let saved = 2_600u64.saturating_sub(6 * windows).max(1);
    build.div_ceil(saved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sm2::field::Portable;
    use crate::sm2::point::GENERATOR;

    fn key(n: u8) -> KeyBytes {
        [n; 64]
    }

    fn table() -> Arc<KeyTable> {
        Arc::new(KeyTable { table: WindowTable::build::<Portable>(&GENERATOR, 4), za: OnceLock::new() })
    }

    #[test]
    fn promotes_evicts_and_stays_within_the_limit() {
        let mut cache = TableCache::new(2 * table_cost(4) + 1, 4, 6);
        assert_eq!(cache.promote_at(), 6);
        assert!(cache.look_up(&key(1), 1).is_none());
        for _ in 0..5 {
            assert!(!cache.wants_table(&key(1), 1));
        }
        assert!(cache.wants_table(&key(1), 1));
        for n in 1..=2 {
            cache.insert(&key(n), table(), 100);
        }
        assert_eq!((cache.table_count(), cache.bytes()), (2, 2 * table_cost(4)));
        assert!(cache.look_up(&key(1), 1).is_some());
        // A passer-by does not displace key 2; a key with a batch of its own does.
        assert!(!cache.wants_table(&key(3), 6));
        assert!(cache.wants_table(&key(4), 12));
        cache.insert(&key(4), table(), 12);
        assert_eq!(cache.table_count(), 2);
        assert_eq!(cache.counters.evicted, 1);
        assert_eq!(cache.by_use.len(), 2);
    }

    #[test]
    fn no_room_means_no_tables() {
        let mut cache = TableCache::new(0, 6, 2);
        assert!(!cache.wants_table(&key(1), 1_000_000));
        assert!(cache.sightings.is_empty());
    }

    #[test]
    fn sightings_are_bounded() {
        let mut cache = TableCache::new(1 << 30, 6, 1000);
        for n in 0..100_000u32 {
            let mut key = [0; 64];
            key[..4].copy_from_slice(&n.to_be_bytes());
            cache.wants_table(&key, 1);
            assert!(cache.sightings.len() <= SIGHTINGS_MAX);
        }
    }
}
