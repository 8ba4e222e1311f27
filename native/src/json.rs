//! A pre-scan of JSON: accepts exactly the RFC 8259 texts that every decoder reads the same way.
//!
//! Decoders differ on duplicate keys, big numbers, lone surrogates and trailing bytes. A text that passes
//! here has a JSON object at the top, integers within ±(2^53 - 1) only, no duplicate keys after unescaping,
//! bounded depth, and nothing after its end. Linear time, no recursion, no panic on any input.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;

/// Result codes, with the byte offset each reports.
pub mod code {
    /// Accepted; the offset is the length.
    pub const OK: u8 = 0;
    /// Longer than allowed; the offset is the limit.
    pub const TOO_LARGE: u8 = 1;
    /// Not UTF-8; the offset is that of the first bad byte.
    pub const NOT_UTF8: u8 = 2;
    /// Not JSON; the offset is that of the first byte that fits nowhere (the length if the text is cut off).
    pub const SYNTAX: u8 = 3;
    /// Nested deeper than allowed; the offset is that of the bracket.
    pub const DEPTH: u8 = 4;
    /// A key occurs twice in an object; the offset is that of the second one's quotation mark.
    pub const DUPLICATE_KEY: u8 = 5;
    /// A number with fraction or exponent; the offset is that of the number.
    pub const FLOAT: u8 = 6;
    /// An integer outside ±(2^53 - 1), or -0; the offset is that of the number.
    pub const INTEGER_RANGE: u8 = 7;
    /// An escaped surrogate without its partner; the offset is that of the backslash.
    pub const LONE_SURROGATE: u8 = 8;
    /// Bytes after the end, white space included; the offset is that of the first.
    pub const TRAILING: u8 = 9;
    /// The top value is not an object; the offset is that of the value.
    pub const NOT_OBJECT: u8 = 10;
    /// A byte order mark; the offset is 0.
    pub const BOM: u8 = 11;
}

/// Largest integer accepted: 2^53 - 1.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Keys of an object compared one by one; beyond it, by hash (keyed at random, against crafted collisions).
const LINEAR_KEYS: usize = 12;

/// Where the scan stopped, and why.
type Refusal = (u8, usize);

/// Checks a text. Returns a code and the byte offset that the code's documentation names.
pub fn prescan(data: &[u8], max_bytes: usize, max_depth: usize) -> (u8, usize) {
    match scan(data, max_bytes, max_depth) {
        Ok(()) => (code::OK, data.len()),
        Err(refusal) => refusal,
    }
}

fn scan(data: &[u8], max_bytes: usize, max_depth: usize) -> Result<(), Refusal> {
    if data.len() > max_bytes {
        return Err((code::TOO_LARGE, max_bytes));
    }
    if data.starts_with(b"\xef\xbb\xbf") {
        return Err((code::BOM, 0));
    }
    if let Err(error) = core::str::from_utf8(data) {
        return Err((code::NOT_UTF8, error.valid_up_to()));
    }
    let mut scanner = Scanner { data, at: 0, max_depth, open: Vec::new(), keys: Vec::new() };
    scanner.skip_white_space();
    match scanner.peek() {
        Some(b'{') => {}
        Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            return Err((code::NOT_OBJECT, scanner.at));
        }
        _ => return Err((code::SYNTAX, scanner.at)),
    }
    scanner.value()?;
    while !scanner.open.is_empty() {
        scanner.next_member()?;
    }
    if scanner.at != data.len() {
        return Err((code::TRAILING, scanner.at));
    }
    Ok(())
}

/// An object or array whose closing bracket has not been met.
enum Container<'a> {
    Array {
        empty: bool,
    },
    Object {
        empty: bool,
        /// Where this object's keys begin in `Scanner::keys`.
        first_key: usize,
        /// The same keys by hash, once there are many.
        hashed: Option<HashSet<Key<'a>, RandomState>>,
    },
}

/// A key after unescaping: a slice of the text where it has no escapes. Equal by content either way.
type Key<'a> = Cow<'a, [u8]>;

struct Scanner<'a> {
    data: &'a [u8],
    at: usize,
    max_depth: usize,
    open: Vec<Container<'a>>,
    /// The keys of all open objects, the innermost last.
    keys: Vec<Key<'a>>,
}

impl<'a> Scanner<'a> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    #[inline(always)]
    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn syntax<T>(&self) -> Result<T, Refusal> {
        Err((code::SYNTAX, self.at))
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Refusal> {
        if self.peek() != Some(byte) {
            return self.syntax();
        }
        self.at += 1;
        Ok(())
    }

    /// A scalar value whole, or the opening bracket of a container.
    #[inline(always)]
    fn value(&mut self) -> Result<(), Refusal> {
        match self.peek() {
            Some(b'{') => self.enter(Container::Object { empty: true, first_key: self.keys.len(), hashed: None }),
            Some(b'[') => self.enter(Container::Array { empty: true }),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => self.syntax(),
        }
    }

    #[inline(always)]
    fn enter(&mut self, container: Container<'a>) -> Result<(), Refusal> {
        if self.open.len() >= self.max_depth {
            return Err((code::DEPTH, self.at));
        }
        self.at += 1;
        self.open.push(container);
        Ok(())
    }

    /// The next member of the innermost container, up to its value's first bracket; or its end.
    fn next_member(&mut self) -> Result<(), Refusal> {
        self.skip_white_space();
        let next = self.peek();
        let (close, first, is_object) = match self.open.last_mut() {
            Some(Container::Array { empty }) => (b']', core::mem::replace(empty, false), false),
            Some(Container::Object { empty, .. }) => (b'}', core::mem::replace(empty, false), true),
            None => return Ok(()),
        };
        if next == Some(close) {
            self.at += 1;
            if let Some(Container::Object { first_key, .. }) = self.open.pop() {
                self.keys.truncate(first_key);
            }
            return Ok(());
        }
        if !first {
            self.expect(b',')?;
            self.skip_white_space();
        }
        if is_object {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.syntax();
            }
            let key = if self.string()? {
                Cow::Owned(self.unescaped(start)?)
            } else {
                Cow::Borrowed(&self.data[start + 1..self.at - 1])
            };
            self.remember(key, start)?;
            self.skip_white_space();
            self.expect(b':')?;
            self.skip_white_space();
        }
        self.value()
    }

    /// Adds a key to the innermost object.
    fn remember(&mut self, key: Key<'a>, start: usize) -> Result<(), Refusal> {
        let Some(Container::Object { first_key, hashed, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        let duplicate = Err((code::DUPLICATE_KEY, start));
        if let Some(hashed) = hashed {
            return if hashed.insert(key) { Ok(()) } else { duplicate };
        }
        let own = &self.keys[*first_key..];
        if own.contains(&key) {
            return duplicate;
        }
        if own.len() < LINEAR_KEYS {
            self.keys.push(key);
        } else {
            let mut set: HashSet<Key<'a>, RandomState> = self.keys.drain(*first_key..).collect();
            set.insert(key);
            *hashed = Some(set);
        }
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Refusal> {
        for &byte in word {
            self.expect(byte)?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.syntax();
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += negative as usize;
        let first_digit = self.at;
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let digits = &self.data[first_digit..self.at];
        if let Some(b',' | b'}' | b']') = self.peek()
            && digits.len() < 16
            && digits[0] != b'0'
        {
            // By far the most frequent: a small integer at its end.
            return Ok(());
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            float = true;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            float = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if float {
            return Err((code::FLOAT, start));
        }
        // Sixteen digits hold every integer in range, and fit into 64 bits.
        let magnitude = digits.iter().take(17).fold(0u64, |n, digit| n * 10 + (digit - b'0') as u64);
        if digits.len() > 16 || magnitude > INTEGER_MAX || (negative && magnitude == 0) {
            return Err((code::INTEGER_RANGE, start));
        }
        Ok(())
    }

    /// A string, opening quotation mark to closing; true if it has escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Refusal> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.skip_ordinary();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return self.syntax(),
            }
        }
    }

    /// The content of the string that begins at `start` and was scanned to its end.
    fn unescaped(&mut self, start: usize) -> Result<Vec<u8>, Refusal> {
        let end = self.at;
        let mut text = Vec::with_capacity(end - start);
        self.at = start + 1;
        while self.at + 1 < end {
            let run = self.at;
            self.skip_ordinary();
            text.extend_from_slice(&self.data[run..self.at]);
            if self.peek() == Some(b'\\') {
                let character = self.escape()?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.at = end;
        Ok(text)
    }

    /// Skips what stands for itself in a string, eight bytes at a time.
    #[inline(always)]
    fn skip_ordinary(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const TOPS: u64 = 0x8080_8080_8080_8080;
        // The top bit of each byte that is zero: exact for the lowest such byte, which is the one wanted.
        let zero_bytes = |x: u64| x.wrapping_sub(ONES) & !x & TOPS;
        while let Some(chunk) = self.data[self.at..].first_chunk::<8>() {
            let eight = u64::from_le_bytes(*chunk);
            // Below 0x20: the upper three bits are zero.
            let control = zero_bytes(eight & (ONES * 0xe0));
            let quotation_mark = zero_bytes(eight ^ (ONES * b'"' as u64));
            let backslash = zero_bytes(eight ^ (ONES * b'\\' as u64));
            let stops = control | quotation_mark | backslash;
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while let Some(&byte) = self.data.get(self.at)
            && byte >= 0x20
            && byte != b'"'
            && byte != b'\\'
        {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let start = self.at;
        self.at += 1;
        let character = match self.peek() {
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape(start);
            }
            Some(byte @ (b'"' | b'\\' | b'/')) => byte as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return self.syntax(),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, Refusal> {
        let lone = Err((code::LONE_SURROGATE, start));
        let first = self.four_hex_digits()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).map_or(lone, Ok);
        }
        if first >= 0xdc00 || !self.data[self.at..].starts_with(b"\\u") {
            return lone;
        }
        self.at += 2;
        let second = self.four_hex_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return lone;
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map_or(lone, Ok)
    }

    fn four_hex_digits(&mut self) -> Result<u32, Refusal> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| (byte as char).to_digit(16)) else {
                return self.syntax();
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> (u8, usize) {
        prescan(text.as_bytes(), 1 << 20, 4)
    }

    #[test]
    fn accepts() {
        for text in [
            "{}",
            " \t\r\n{ \"a\" : [ 1 , -2 , 9007199254740991, true,false,null ] , \"b\":{}}",
            r#"{"":"\u0000\ud83d\ude00\"\\\/\b\f\n\r\t","A":0}"#,
            r#"{"a":{"a":{"a":[]}},"b":{"a":1}}"#,
        ] {
            assert_eq!(scan(text), (code::OK, text.len()), "{text}");
        }
    }

    #[test]
    fn refuses_with_code_and_offset() {
        for (text, expected, offset) in [
            ("", code::SYNTAX, 0),
            ("[1]", code::NOT_OBJECT, 0),
            (" 1", code::NOT_OBJECT, 1),
            ("{", code::SYNTAX, 1),
            ("{\"a\":1,}", code::SYNTAX, 7),
            ("{\"a\":[1,]}", code::SYNTAX, 8),
            ("{\"a\":tru}", code::SYNTAX, 8),
            ("{\"a\":01}", code::SYNTAX, 6),
            ("{\"a\":1.}", code::SYNTAX, 7),
            ("{\"a\":+1}", code::SYNTAX, 5),
            ("{\"a\":\"\u{1}\"}", code::SYNTAX, 6),
            ("{\"a\":\"\\x\"}", code::SYNTAX, 7),
            ("{\"a\":1.0}", code::FLOAT, 5),
            ("{\"a\":1e5}", code::FLOAT, 5),
            ("{\"a\":-0.0}", code::FLOAT, 5),
            ("{\"a\":-0}", code::INTEGER_RANGE, 5),
            ("{\"a\":9007199254740992}", code::INTEGER_RANGE, 5),
            ("{\"a\":-9007199254740992}", code::INTEGER_RANGE, 5),
            ("{\"a\":100000000000000000000000000000}", code::INTEGER_RANGE, 5),
            ("{\"a\":1,\"\\u0061\":2}", code::DUPLICATE_KEY, 7),
            ("{\"a\":\"\\ud800\"}", code::LONE_SURROGATE, 6),
            ("{\"a\":\"\\udc00\\ud800\"}", code::LONE_SURROGATE, 6),
            ("{\"a\":\"\\ud800\\u0041\"}", code::LONE_SURROGATE, 6),
            ("{} ", code::TRAILING, 2),
            ("{}{}", code::TRAILING, 2),
            ("\u{feff}{}", code::BOM, 0),
            ("{\"a\":[[[[", code::DEPTH, 8),
        ] {
            assert_eq!(scan(text), (expected, offset), "{text}");
        }
        assert_eq!(prescan(b"{\"\xff\":1}", 99, 9), (code::NOT_UTF8, 2));
        assert_eq!(prescan(b"{\"a\":1}", 6, 9), (code::TOO_LARGE, 6));
        assert_eq!(prescan(b"{}", 2, 0), (code::DEPTH, 0));
    }

    /// Duplicates are found on both sides of the change from comparing to hashing.
    #[test]
    fn duplicate_at_every_distance() {
        for count in 1..40 {
            for again in 0..count {
                let mut text = String::from("{");
                for k in 0..count {
                    text.push_str(&format!("\"k{k}\":{{\"k{again}\":0}},"));
                }
                let start = text.len();
                text.push_str(&format!("\"\\u006b{again}\":0}}"));
                assert_eq!(scan(&text), (code::DUPLICATE_KEY, start));
            }
        }
    }

    #[test]
    fn deep_and_long_input_ends_soon() {
        let deep = vec![b'['; 1 << 22];
        let mut text = b"{\"a\":".to_vec();
        text.extend(deep);
        let length = text.len();
        assert_eq!(prescan(&text, usize::MAX, usize::MAX), (code::SYNTAX, length));
    }
}
