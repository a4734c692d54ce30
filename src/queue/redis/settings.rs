//! What the server's configuration promises.
//!
//! Must not: change it.

use std::collections::HashMap;

use redis::Value;

use super::link::RedisLink;
use crate::store::StoreError;

/// The settings and figures that matter to a queue, by name.
pub(super) struct RedisSettings(HashMap<String, String>);

/// Reads the settings. Some services do not let them be read; what is missing is empty.
pub(super) fn read(link: &mut RedisLink) -> Result<RedisSettings, StoreError> {
    let mut values = HashMap::new();
    for section in ["persistence", "memory", "replication"] {
        if let Value::BulkString(text) = link.ask(redis::cmd("INFO").arg(section))? {
            let text = String::from_utf8_lossy(&text).into_owned();
            let pairs = text.lines().filter_map(|line| line.split_once(':'));
            values.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }
    for name in ["appendfsync", "proto-max-bulk-len"] {
        // Without the right to read it, a warning says that it is not known.
        let answer = link.ask(redis::cmd("CONFIG").arg("GET").arg(name));
        let values_of = |value: &Value| match value {
            Value::BulkString(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        if let Ok(Value::Array(pair)) = answer
            && let Some(value) = pair.get(1).and_then(values_of)
        {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(RedisSettings(values))
}

impl RedisSettings {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.number("used_memory").unwrap_or(0)
    }

    pub(super) fn value_bytes_max(&self) -> usize {
        let bytes = self.number("proto-max-bulk-len").and_then(|bytes| usize::try_from(bytes).ok());
        bytes.unwrap_or(usize::MAX)
    }

    /// What weakens the promise that an acknowledged job survives, a line each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.get("role") == "slave" {
            warnings.push("Redis is a replica: use its master".to_owned());
        }
        match (self.get("aof_enabled"), self.get("appendfsync")) {
            ("1", "always") => {}
            ("1", "") => warnings.push(
                "whether Redis syncs every write cannot be read (CONFIG GET appendfsync); only \
                 \"appendfsync always\" keeps acknowledged jobs through power loss"
                    .to_owned(),
            ),
            ("1", "everysec") => warnings.push(
                "Redis has appendfsync everysec: power loss can lose the jobs that were \
                 acknowledged in the last two seconds; set \"appendfsync always\""
                    .to_owned(),
            ),
            ("1", other) => warnings.push(format!(
                "Redis has appendfsync {other}: power loss can lose acknowledged jobs; set \
                 \"appendfsync always\""
            )),
            _ => warnings.push(
                "Redis has no append-only file: its end loses every job since its last snapshot; \
                 set \"appendonly yes\" and \"appendfsync always\""
                    .to_owned(),
            ),
        }
        let policy = self.get("maxmemory_policy");
        if self.number("maxmemory").unwrap_or(0) > 0 && policy.starts_with("allkeys") {
            warnings.push(format!(
                "Redis has maxmemory-policy {policy}: it deletes jobs when it is full; set \
                 \"maxmemory-policy noeviction\""
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(values: &[(&str, &str)]) -> usize {
        let values = values.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        RedisSettings(values.collect()).warnings().len()
    }

    #[test]
    fn only_a_server_that_syncs_and_never_evicts_is_not_warned_of() {
        let syncing = [("aof_enabled", "1"), ("appendfsync", "always")];
        assert_eq!(warnings(&syncing), 0);
        assert_eq!(warnings(&[("aof_enabled", "0"), ("appendfsync", "always")]), 1);
        assert_eq!(warnings(&[("aof_enabled", "1"), ("appendfsync", "everysec")]), 1);
        assert_eq!(warnings(&[("aof_enabled", "1"), ("appendfsync", "no")]), 1);
        assert_eq!(warnings(&[("aof_enabled", "1")]), 1);
        let full = ("maxmemory", "1000");
        let [one, two] = syncing;
        assert_eq!(warnings(&[one, two, full, ("maxmemory_policy", "noeviction")]), 0);
        assert_eq!(warnings(&[one, two, full, ("maxmemory_policy", "allkeys-lru")]), 1);
        assert_eq!(warnings(&[one, two, ("role", "slave")]), 1);
    }
}
