//! Rates on one core: verification by key pattern and window, signing, SM3. `cargo bench`; the Python bench
//! (`python -m govchain_native.bench`) sets them beside OpenSSL's.

use govchain_native::digest::{Algorithm, sm3};
use govchain_native::sm2::batch::{BatchVerifier, Signed};
use govchain_native::sm2::plain::{DEFAULT_ID, PrivateKey, Signer, verify};
use std::hint::black_box;
use std::time::Instant;

const COUNT: usize = 8_192;

fn main() {
    digests();
    let mut keys = Vec::new();
    let mut signatures = Vec::new();
    let message = [7u8; 64];
    let start = Instant::now();
    for _ in 0..COUNT {
        let private = PrivateKey::generate().expect("randomness");
        let public = PrivateKey::from_bytes(&private).expect("in range").public_key();
        let signer = Signer::new(&private, &public, DEFAULT_ID).expect("good key");
        keys.push(public);
        signatures.push(signer.sign(&message).expect("randomness"));
    }
    println!("generate, derive and sign: {:.0}/s", COUNT as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    for i in 0..500 {
        assert_eq!(verify(&keys[i], &message, &signatures[i], DEFAULT_ID), Ok(0));
    }
    println!("verify, plain path: {:.0}/s", 500.0 / start.elapsed().as_secs_f64());
    for window_bits in [4, 5, 6, 7, 8, 9] {
        for key_count in [64, 1000] {
            let verifier = BatchVerifier::new(1 << 30, 1, window_bits, 2);
            run(&verifier, &keys, &signatures, &message, key_count, COUNT);
            for batch in [COUNT, 256, 16, 1] {
                let rate = run(&verifier, &keys, &signatures, &message, key_count, batch);
                println!("verify, window {window_bits}, {key_count} keys, batches of {batch}: {rate:.0}/s");
            }
        }
    }
    for batch in [COUNT, 256, 16, 1] {
        let verifier = BatchVerifier::new(0, 1, 6, 2);
        let rate = run(&verifier, &keys, &signatures, &message, COUNT, batch);
        println!("verify, new keys, batches of {batch}: {rate:.0}/s");
    }
}

fn run(
    verifier: &BatchVerifier,
    keys: &[[u8; 64]],
    signatures: &[[u8; 64]],
    message: &[u8],
    key_count: usize,
    batch: usize,
) -> f64 {
    let key_list: Vec<&[u8; 64]> = (0..COUNT).map(|i| &keys[i % key_count]).collect();
    let signature_list: Vec<&[u8]> = (0..COUNT).map(|i| &signatures[i % key_count][..]).collect();
    let messages = vec![message; COUNT];
    let start = Instant::now();
    for at in (0..COUNT).step_by(batch) {
        let range = at..at + batch;
        let signed = Signed::Messages(&messages[range.clone()], DEFAULT_ID);
        let codes = verifier.verify(&key_list[range.clone()], &signed, &signature_list[range]).expect("good id");
        assert!(codes.iter().all(|&code| code == 0));
    }
    COUNT as f64 / start.elapsed().as_secs_f64()
}

fn digests() {
    let data = vec![1u8; 1 << 20];
    let start = Instant::now();
    for _ in 0..64 {
        black_box(sm3(&[black_box(&data)]));
    }
    println!("SM3, one: {:.0} MB/s", 64.0 * 1.048_576 / start.elapsed().as_secs_f64());
    for size in [65, 1024] {
        let inputs = vec![[&data[..size], &[], &[], &[]]; 4096];
        let mut out = vec![[0; 32]; inputs.len()];
        let start = Instant::now();
        for _ in 0..16 {
            Algorithm::Sm3.digest_many(black_box(&inputs), &mut out);
        }
        let seconds = start.elapsed().as_secs_f64() / 16.0;
        println!(
            "SM3, many of {size} bytes: {:.0} MB/s, {:.0}/s",
            4096.0 * size as f64 / 1e6 / seconds,
            4096.0 / seconds
        );
    }
}
