//! Bytes in JSON, which has no bytes.
//!
//! Must not: lose any.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// Puts bytes under a name: as text, or, when they are none, in base64 under
/// that name with `_base64` at its end.
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
    fn what_is_no_text_is_base64() {
        let mut object = Map::new();
        put(&mut object, "a", b"x\0\n\"");
        put(&mut object, "b", b"\xff\x00");
        assert_eq!(Value::Object(object).to_string(), r#"{"a":"x\u0000\n\"","b_base64":"/wA="}"#);
    }
}
