//! Bytes as members of a JSON object: as text, or else in base64.
//!
//! Must not: lose a byte.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// Adds bytes as the member `name`, or, where they are not UTF-8, in base64 as the
/// member `name_base64`.
pub(crate) fn put(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => object.insert(format!("{name}_base64"), BASE64_STANDARD.encode(bytes).into()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_base64() {
        let mut object = Map::new();
        put(&mut object, "a", b"x\0\n\"");
        put(&mut object, "b", b"\xff\x00");
        assert_eq!(Value::Object(object).to_string(), r#"{"a":"x\u0000\n\"","b_base64":"/wA="}"#);
    }
}
