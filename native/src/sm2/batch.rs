//! Verification of many signatures at once: groups them by key, hashes the messages, picks the path for each
//! key, and spreads the chunks over threads.

use super::cache::{Counters, KeyBytes, KeyTable, TableCache};
use super::field::{Fe, Multiplier, Portable, limbs_from_be};
use super::kernel::{CHUNK, Claim, Scratch, verify_with_tables, verify_without_tables};
use super::plain::{Sm2Error, za_header};
use super::point::Affine;
use super::scalar;
use super::status;
use super::tables::WindowTable;
use crate::digest::{Algorithm, Digest, Parts};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// What is signed.
pub enum Signed<'a> {
    /// Messages, and the signers' identifier.
    Messages(&'a [&'a [u8]], &'a [u8]),
    /// The digests e.
    Digests(&'a [&'a [u8; 32]]),
}

/// A verifier with its tables. Shared freely between threads: the lock is held for look-ups only.
pub struct BatchVerifier {
    window_bits: u32,
    threads: usize,
    cache: Mutex<TableCache>,
    scratches: Mutex<Vec<Scratch>>,
}

/// A key of the batch at hand.
struct Slot<'a> {
    bytes: &'a KeyBytes,
    count: u64,
    point: Result<Affine, u8>,
    table: Option<Arc<KeyTable>>,
    za: Digest,
}

/// A signature whose numbers are in range and whose key is good.
#[derive(Clone, Copy)]
struct Item {
    index: u32,
    slot: u32,
    claim: Claim,
}

impl BatchVerifier {
    pub fn new(memory_limit: usize, threads: usize, window_bits: u32, promote_after: u64) -> BatchVerifier {
        BatchVerifier {
            window_bits,
            threads,
            cache: Mutex::new(TableCache::new(memory_limit, window_bits, promote_after)),
            scratches: Mutex::new(Vec::new()),
        }
    }

    /// One status code for each signature. The three lists have one length.
    pub fn verify(&self, keys: &[&KeyBytes], signed: &Signed<'_>, signatures: &[&[u8]]) -> Result<Vec<u8>, Sm2Error> {
        #[cfg(target_arch = "x86_64")]
        if super::mulx::available() {
            return self.verify_by::<super::mulx::Mulx>(keys, signed, signatures);
        }
        self.verify_by::<Portable>(keys, signed, signatures)
    }

    /// The same with a given way of multiplying.
    pub fn verify_by<M: Multiplier>(
        &self,
        keys: &[&KeyBytes],
        signed: &Signed<'_>,
        signatures: &[&[u8]],
    ) -> Result<Vec<u8>, Sm2Error> {
        let header = match signed {
            Signed::Messages(_, id) => za_header(id)?,
            Signed::Digests(_) => Vec::new(),
        };
        let mut results = vec![status::MISMATCH; keys.len()];
        // 1. Shape of the signatures, and the distinct keys.
        let mut slots: Vec<Slot<'_>> = Vec::new();
        let mut items = Vec::with_capacity(keys.len());
        let mut slot_of: HashMap<&KeyBytes, u32, RandomState> = HashMap::default();
        for (index, (key, signature)) in keys.iter().zip(signatures).enumerate() {
            match parse_signature(signature) {
                Err(code) => results[index] = code,
                Ok(claim) => {
                    let slot = *slot_of.entry(key).or_insert_with(|| {
                        slots.push(Slot {
                            bytes: key,
                            count: 0,
                            point: Err(status::KEY_RANGE),
                            table: None,
                            za: [0; 32],
                        });
                        slots.len() as u32 - 1
                    });
                    slots[slot as usize].count += 1;
                    items.push(Item { index: index as u32, slot, claim });
                }
            }
        }
        // 2. The keys: known ones were checked when their tables were built.
        self.prepare_slots::<M>(&mut slots);
        items.retain(|item| match slots[item.slot as usize].point {
            Ok(_) => true,
            Err(code) => {
                results[item.index as usize] = code;
                false
            }
        });
        if let Signed::Messages(_, id) = signed {
            fill_za(&mut slots, &header, id);
        }
        // 3. The equation, chunk by chunk: with tables first, one key's signatures side by side.
        items.sort_by_key(|item| (slots[item.slot as usize].table.is_none(), item.slot));
        let split = items.partition_point(|item| slots[item.slot as usize].table.is_some());
        let chunks: Vec<&[Item]> = items[..split].chunks(CHUNK).chain(items[split..].chunks(CHUNK)).collect();
        let codes: Vec<AtomicU8> = results.into_iter().map(AtomicU8::new).collect();
        self.for_each(chunks.len(), |k, scratch| {
            verify_chunk::<M>(scratch, chunks[k], &slots, signed, &codes);
        });
        Ok(codes.into_iter().map(AtomicU8::into_inner).collect())
    }

    /// Finds tables, checks new keys, and builds the tables that are worth it.
    fn prepare_slots<M: Multiplier>(&self, slots: &mut [Slot<'_>]) {
        {
            let mut cache = lock(&self.cache);
            for slot in slots.iter_mut() {
                slot.table = cache.look_up(slot.bytes, slot.count);
                if slot.table.is_some() {
                    slot.point = Ok(Affine::INFINITY);
                }
            }
        }
        for slot in slots.iter_mut().filter(|slot| slot.table.is_none()) {
            slot.point = parse_key(slot.bytes);
        }
        let wanted: Vec<usize> = {
            let mut cache = lock(&self.cache);
            let is_wanted = |&k: &usize| {
                let slot = &slots[k];
                slot.table.is_none() && slot.point.is_ok() && {
                    let wants = cache.wants_table(slot.bytes, slot.count);
                    let counter = if wants { &mut cache.counters.hits } else { &mut cache.counters.misses };
                    *counter += slot.count;
                    wants
                }
            };
            (0..slots.len()).filter(is_wanted).collect()
        };
        let built: Vec<OnceLock<Arc<KeyTable>>> = wanted.iter().map(|_| OnceLock::new()).collect();
        self.for_each(wanted.len(), |k, _| {
            if let Ok(point) = &slots[wanted[k]].point {
                let _ = built[k].set(Arc::new(KeyTable {
                    table: WindowTable::build::<M>(point, self.window_bits),
                    za: OnceLock::new(),
                }));
            }
        });
        let mut cache = lock(&self.cache);
        for (k, table) in wanted.into_iter().zip(built) {
            let slot = &mut slots[k];
            slot.table = table.into_inner();
            if let Some(table) = &slot.table {
                cache.insert(slot.bytes, table.clone(), slot.count);
            }
        }
    }

    /// Runs the pieces of a task, on several threads where there are several pieces.
    fn for_each(&self, pieces: usize, work: impl Fn(usize, &mut Scratch) + Sync) {
        let next = AtomicUsize::new(0);
        let run = || {
            let mut scratch = lock(&self.scratches).pop().unwrap_or_default();
            loop {
                let k = next.fetch_add(1, Ordering::Relaxed);
                if k >= pieces {
                    break;
                }
                work(k, &mut scratch);
            }
            lock(&self.scratches).push(scratch);
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(pieces) {
                scope.spawn(run);
            }
            if pieces > 0 {
                run();
            }
        });
    }

    pub fn counters(&self) -> Counters {
        lock(&self.cache).counters
    }

    /// (tables, bytes of tables, tables the limit allows, sightings that give a table).
    pub fn usage(&self) -> (usize, usize, usize, u64) {
        let cache = lock(&self.cache);
        (cache.table_count(), cache.bytes(), cache.capacity(), cache.promote_at())
    }
}

/// A panic elsewhere leaves the cache whole at every step, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn parse_signature(signature: &[u8]) -> Result<Claim, u8> {
    let signature: &[u8; 64] = signature.try_into().map_err(|_| status::SIGNATURE_LENGTH)?;
    let (r, s) = signature.split_at(32);
    let r = scalar::parse_nonzero(r.try_into().expect("32 bytes")).ok_or(status::R_RANGE)?;
    let s = scalar::parse_nonzero(s.try_into().expect("32 bytes")).ok_or(status::S_RANGE)?;
    let t = scalar::add(&r, &s);
    if t == [0; 4] {
        return Err(status::T_ZERO);
    }
    Ok(Claim { r, s, t, e: [0; 4] })
}

fn parse_key(bytes: &KeyBytes) -> Result<Affine, u8> {
    let (x, y) = bytes.split_at(32);
    let x = Fe::from_integer(&limbs_from_be(x.try_into().expect("32 bytes")));
    let y = Fe::from_integer(&limbs_from_be(y.try_into().expect("32 bytes")));
    let (Some(x), Some(y)) = (x, y) else {
        return Err(status::KEY_RANGE);
    };
    let point = Affine { x, y };
    if point.is_on_curve() { Ok(point) } else { Err(status::KEY_NOT_ON_CURVE) }
}

/// ZA of every good key: from its table where it was used with this identifier before, else hashed.
fn fill_za(slots: &mut [Slot<'_>], header: &[u8], id: &[u8]) {
    let mut missing = Vec::new();
    for (k, slot) in slots.iter_mut().enumerate() {
        let known = slot.table.as_ref().and_then(|table| table.za.get());
        match known {
            Some((known_id, za)) if **known_id == *id => slot.za = *za,
            _ if slot.point.is_ok() => missing.push(k),
            _ => {}
        }
    }
    let inputs: Vec<Parts<'_>> = missing.iter().map(|&k| [header, &slots[k].bytes[..], &[], &[]]).collect();
    let mut digests = vec![[0; 32]; inputs.len()];
    Algorithm::Sm3.digest_many(&inputs, &mut digests);
    for (k, za) in missing.into_iter().zip(digests) {
        slots[k].za = za;
        if let Some(table) = &slots[k].table {
            let _ = table.za.set((id.into(), za));
        }
    }
}

/// Hashes and verifies up to CHUNK signatures, all with tables or all without.
fn verify_chunk<M: Multiplier>(
    scratch: &mut Scratch,
    items: &[Item],
    slots: &[Slot<'_>],
    signed: &Signed<'_>,
    codes: &[AtomicU8],
) {
    let count = items.len();
    let mut digests = [[0u8; 32]; CHUNK];
    match signed {
        Signed::Digests(list) => {
            for (digest, item) in digests.iter_mut().zip(items) {
                *digest = *list[item.index as usize];
            }
        }
        Signed::Messages(messages, _) => {
            let mut inputs: [Parts<'_>; CHUNK] = [[&[]; 4]; CHUNK];
            for (input, item) in inputs.iter_mut().zip(items) {
                *input = [&slots[item.slot as usize].za, messages[item.index as usize], &[], &[]];
            }
            Algorithm::Sm3.digest_many(&inputs[..count], &mut digests[..count]);
        }
    }
    let mut claims = [items[0].claim; CHUNK];
    for ((claim, item), digest) in claims.iter_mut().zip(items).zip(&digests) {
        *claim = item.claim;
        claim.e = scalar::parse_reduced(digest);
    }
    let mut results = [status::MISMATCH; CHUNK];
    let (claims, results) = (&claims[..count], &mut results[..count]);
    match &slots[items[0].slot as usize].table {
        Some(first) => {
            let mut tables = [&first.table; CHUNK];
            for (table, item) in tables.iter_mut().zip(items) {
                if let Some(own) = &slots[item.slot as usize].table {
                    *table = &own.table;
                }
            }
            verify_with_tables::<M>(scratch, claims, &tables[..count], results);
        }
        None => {
            let mut keys = [Affine::INFINITY; CHUNK];
            for (key, item) in keys.iter_mut().zip(items) {
                if let Ok(point) = slots[item.slot as usize].point {
                    *key = point;
                }
            }
            verify_without_tables::<M>(scratch, claims, &keys[..count], results);
        }
    }
    for (item, result) in items.iter().zip(results) {
        codes[item.index as usize].store(*result, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sm2::plain::{self, DEFAULT_ID, PrivateKey, Signer};

    /// Both ways of multiplying against the plain path: good, changed and foreign signatures, alone and in
    /// chunks, without tables, while they are built and with them.
    #[test]
    fn both_multipliers_agree_with_the_plain_path() {
        let messages: Vec<Vec<u8>> = (0..150u8).map(|k| vec![k; k as usize]).collect();
        let messages: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
        let mut publics = Vec::new();
        let mut signatures = Vec::new();
        for (k, message) in messages.iter().enumerate() {
            let mut private = [3; 32];
            private[0] = (k % 5) as u8;
            let public = PrivateKey::from_bytes(&private).expect("in range").public_key();
            let signer = Signer::new(&private, &public, DEFAULT_ID).expect("good key");
            let mut signature = signer.sign(message).expect("randomness").to_vec();
            match k % 7 {
                0 => signature[63] ^= 1,
                1 => signature[0] ^= 1,
                2 => signature.truncate(k % 64),
                _ => {}
            }
            publics.push(public);
            signatures.push(signature);
        }
        let keys: Vec<&KeyBytes> = publics.iter().collect();
        let signatures: Vec<&[u8]> = signatures.iter().map(|signature| &signature[..]).collect();
        let expected: Vec<u8> = (0..keys.len())
            .map(|k| plain::verify(keys[k], messages[k], signatures[k], DEFAULT_ID).expect("good id"))
            .collect();
        assert!(expected.iter().filter(|&&code| code == status::OK).count() > 80);
        let signed = Signed::Messages(&messages, DEFAULT_ID);
        for (limit, threads) in [(0, 1), (1 << 20, 1), (1 << 20, 3)] {
            let verifier = BatchVerifier::new(limit, threads, 5, 0);
            for _ in 0..3 {
                assert_eq!(verifier.verify_by::<Portable>(&keys, &signed, &signatures), Ok(expected.clone()));
            }
            assert_eq!(verifier.verify(&keys, &signed, &signatures), Ok(expected.clone()));
            for k in 0..keys.len() {
                let one = Signed::Messages(&messages[k..=k], DEFAULT_ID);
                let code = verifier.verify_by::<Portable>(&keys[k..=k], &one, &signatures[k..=k]);
                assert_eq!(code, Ok(vec![expected[k]]));
            }
            assert_eq!(verifier.usage().0, if limit == 0 { 0 } else { 5 });
        }
    }
}
