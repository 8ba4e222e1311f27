//! Envelopes: `[version, body, [signature, …]]` in MessagePack, in the one encoding that a canonical encoder
//! gives. Anything longer, shorter or differently written is refused, so that re-encoding gives the same bytes.

use crate::digest::{Algorithm, Digest, Parts};
use crate::json;

/// The version this code opens.
pub const VERSION: u8 = 1;

/// Result codes of `open`; those below 32 are the body's pre-scan codes.
pub mod code {
    /// Not the fixed form: malformed, not minimal, cut off, or bytes left over.
    pub const SHAPE: u8 = 32;
    /// The fixed form, but of another version.
    pub const VERSION: u8 = 33;
    /// No signature, or more than allowed.
    pub const SIGNATURES: u8 = 34;
}

/// The parts of an envelope, borrowed from its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope<'a> {
    pub version: u8,
    pub body: &'a [u8],
    pub signatures: Vec<&'a [u8]>,
}

/// What opening gives: where `code` is not 0, as much as could be known.
pub struct Opened<'a> {
    pub code: u8,
    /// Digest of the body; `None` where the shape hid the body.
    pub id: Option<Digest>,
    pub envelope_digest: Digest,
    pub body: &'a [u8],
    pub signatures: Vec<&'a [u8]>,
}

/// The limits a body and its signatures must keep.
#[derive(Clone, Copy)]
pub struct Limits {
    pub max_body_bytes: usize,
    pub max_depth: usize,
    pub max_signatures: usize,
}

/// Opens envelopes; the digests are computed together.
pub fn open_many<'a>(algorithm: Algorithm, envelopes: &[&'a [u8]], limits: Limits) -> Vec<Opened<'a>> {
    let mut opened = Vec::with_capacity(envelopes.len());
    let mut inputs: Vec<Parts<'_>> = Vec::with_capacity(2 * envelopes.len());
    for &bytes in envelopes {
        inputs.push([bytes, &[], &[], &[]]);
        let (code, envelope) = check(bytes, limits);
        let id = envelope.as_ref().map(|_| [0; 32]);
        let (body, signatures) = envelope.map_or((&[][..], Vec::new()), |e| (e.body, e.signatures));
        if id.is_some() {
            inputs.push([body, &[], &[], &[]]);
        }
        opened.push(Opened { code, id, envelope_digest: [0; 32], body, signatures });
    }
    let mut digests = vec![[0; 32]; inputs.len()];
    algorithm.digest_many(&inputs, &mut digests);
    let mut next = digests.into_iter();
    for envelope in &mut opened {
        envelope.envelope_digest = next.next().unwrap_or_default();
        if let Some(id) = &mut envelope.id {
            *id = next.next().unwrap_or_default();
        }
    }
    opened
}

fn check<'a>(bytes: &'a [u8], limits: Limits) -> (u8, Option<Envelope<'a>>) {
    let Some(envelope) = parse(bytes) else {
        return (code::SHAPE, None);
    };
    let code = if envelope.version != VERSION {
        code::VERSION
    } else if envelope.signatures.is_empty() || envelope.signatures.len() > limits.max_signatures {
        code::SIGNATURES
    } else {
        json::prescan(envelope.body, limits.max_body_bytes, limits.max_depth).0
    };
    (code, Some(envelope))
}

/// The parts of canonical bytes; `None` for all others. Signature counts up to 65,535 have a form.
pub fn parse(bytes: &[u8]) -> Option<Envelope<'_>> {
    let mut reader = Reader(bytes);
    if reader.byte()? != 0x93 {
        return None;
    }
    let version = reader.byte()?;
    if version > 0x7f {
        return None;
    }
    let body = reader.binary()?;
    let count = reader.array_length()?;
    // Every signature takes at least two bytes, so the count cannot ask for more memory than was sent.
    if count > reader.0.len() / 2 {
        return None;
    }
    let mut signatures = Vec::with_capacity(count);
    for _ in 0..count {
        signatures.push(reader.binary()?);
    }
    reader.0.is_empty().then_some(Envelope { version, body, signatures })
}

/// The canonical bytes; `None` if a part is too long for the form.
pub fn seal(version: u8, body: &[u8], signatures: &[&[u8]]) -> Option<Vec<u8>> {
    if version > 0x7f {
        return None;
    }
    let length = body.len() + signatures.iter().map(|signature| signature.len() + 5).sum::<usize>();
    let mut out = Vec::with_capacity(length + 10);
    out.extend_from_slice(&[0x93, version]);
    write_binary(&mut out, body)?;
    match signatures.len() {
        count @ 0..=15 => out.push(0x90 | count as u8),
        count => {
            out.push(0xdc);
            out.extend_from_slice(&u16::try_from(count).ok()?.to_be_bytes());
        }
    }
    for signature in signatures {
        write_binary(&mut out, signature)?;
    }
    Some(out)
}

fn write_binary(out: &mut Vec<u8>, data: &[u8]) -> Option<()> {
    match data.len() {
        length @ 0..=0xff => out.extend_from_slice(&[0xc4, length as u8]),
        length @ 0x100..=0xffff => {
            out.push(0xc5);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0xc6);
            out.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
        }
    }
    out.extend_from_slice(data);
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        let digits = self.take(bytes)?;
        Some(digits.iter().fold(0, |n, &byte| n << 8 | byte as usize))
    }

    /// bin 8, 16 or 32, whichever is the shortest for its length.
    fn binary(&mut self) -> Option<&'a [u8]> {
        let (length, least) = match self.byte()? {
            0xc4 => (self.number(1)?, 0),
            0xc5 => (self.number(2)?, 0x100),
            0xc6 => (self.number(4)?, 0x1_0000),
            _ => return None,
        };
        if length < least {
            return None;
        }
        self.take(length)
    }

    /// fixarray or array 16, whichever is the shortest.
    fn array_length(&mut self) -> Option<usize> {
        match self.byte()? {
            tag @ 0x90..=0x9f => Some((tag & 0x0f) as usize),
            0xdc => self.number(2).filter(|&length| length > 15),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        for body_length in [0usize, 1, 255, 256, 65_535, 65_536] {
            for count in [0usize, 1, 15, 16, 300] {
                let body = vec![7; body_length];
                let signature = vec![9; count % 70];
                let signatures: Vec<&[u8]> = vec![&signature; count];
                let sealed = seal(1, &body, &signatures).expect("fits");
                let envelope = parse(&sealed).expect("canonical");
                assert_eq!((envelope.body, &envelope.signatures), (&body[..], &signatures));
                for cut in [0, 1, 2, 3, sealed.len() - 1] {
                    assert_eq!(parse(&sealed[..cut]), None);
                }
                let mut longer = sealed.clone();
                longer.push(0);
                assert_eq!(parse(&longer), None);
            }
        }
    }

    #[test]
    fn longer_forms_are_refused() {
        assert!(parse(b"\x93\x01\xc4\x01a\x91\xc4\x01s").is_some());
        for bytes in [
            &b"\x93\x01\xc5\x00\x01a\x91\xc4\x01s"[..],
            b"\x93\x01\xc6\x00\x00\x00\x01a\x91\xc4\x01s",
            b"\x93\xcc\x01\xc4\x01a\x91\xc4\x01s",
            b"\x93\x01\xc4\x01a\xdc\x00\x01\xc4\x01s",
            b"\x93\x01\xc4\x01a\xdd\x00\x00\x00\x01\xc4\x01s",
            b"\xdc\x00\x03\x01\xc4\x01a\x91\xc4\x01s",
            b"\x93\x01\xa1a\x91\xc4\x01s",
            b"\x93\x01\xc4\x01a\x91\xa1s",
            b"\x94\x01\xc4\x01a\x91\xc4\x01s\xc0",
            b"\x93\xff\xc4\x01a\x91\xc4\x01s",
        ] {
            assert_eq!(parse(bytes), None);
        }
    }
}
