//! Verifications per second on one core, by key pattern. `cargo bench`; the Python bench adds OpenSSL.

use govchain_native::sm2::batch::{BatchVerifier, Signed};
use govchain_native::sm2::plain::{DEFAULT_ID, PrivateKey, Signer, verify};
use std::time::Instant;

fn main() {
    let count = 16_384;
    let message = vec![7u8; 64];
    for window_bits in [5, 6, 7, 8, 9] {
        for key_count in [64usize, count] {
            if key_count == count && window_bits != 6 {
                continue;
            }
            let mut keys = Vec::new();
            let mut signatures = Vec::new();
            for _ in 0..key_count {
                let private = PrivateKey::generate().unwrap();
                let public = PrivateKey::from_bytes(&private).unwrap().public_key();
                let signer = Signer::new(&private, &public, DEFAULT_ID).unwrap();
                keys.push(public);
                signatures.push(signer.sign(&message).unwrap());
            }
            let key_list: Vec<&[u8; 64]> = (0..count).map(|i| &keys[i % key_count]).collect();
            let signature_list: Vec<&[u8]> = (0..count).map(|i| &signatures[i % key_count][..]).collect();
            let messages: Vec<&[u8]> = vec![&message; count];
            let verifier = BatchVerifier::new(1 << 30, 1, window_bits, 2);
            let signed = Signed::Messages(&messages, DEFAULT_ID);
            if key_count == 64 {
                verifier.verify(&key_list, &signed, &signature_list).unwrap();
            }
            let mut best = 0f64;
            for batch in [count, 1024, 1] {
                let start = Instant::now();
                let mut done = 0;
                for at in (0..count).step_by(batch) {
                    let range = at..at + batch;
                    let signed = Signed::Messages(&messages[range.clone()], DEFAULT_ID);
                    let codes = verifier
                        .verify(&key_list[range.clone()], &signed, &signature_list[range])
                        .unwrap();
                    assert!(codes.iter().all(|&code| code == 0));
                    done += batch;
                    if start.elapsed().as_secs_f64() > 1.0 {
                        break;
                    }
                }
                best = best.max(done as f64 / start.elapsed().as_secs_f64());
                println!(
                    "window {window_bits}, {key_count} keys, batches of {batch}: {:.0}/s",
                    done as f64 / start.elapsed().as_secs_f64()
                );
            }
            if window_bits == 6 && key_count == 64 {
                let start = Instant::now();
                for i in 0..500 {
                    assert_eq!(verify(key_list[i], &message, signature_list[i], DEFAULT_ID), Ok(0));
                }
                println!("plain path: {:.0}/s", 500.0 / start.elapsed().as_secs_f64());
            }
        }
    }
}
