//! [`AddressLimits`]: how many connections an address may have, and how fast it may open them.
//!
//! Must not: accept or close connections.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Seconds of its rate that an address may use at once: workers reconnect together when a server
/// was restarted.
const BURST_SECONDS: u64 = 10;
/// Addresses from which those without connections are removed.
const SWEEP_ADDRESSES_MIN: usize = 1024;

/// The limits. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Most open connections of one address.
    pub connections_max: u32,
    /// Most new connections per second of one address, on average over ten seconds.
    pub per_second_max: u32,
}

impl ConnectionSettings {
    /// Whether there is any limit.
    pub fn is_any(&self) -> bool {
        self.connections_max > 0 || self.per_second_max > 0
    }
}

/// The limit that a new connection would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The address has as many connections as it may have.
    Connections,
    /// The address opens connections faster than it may.
    Rate,
}

/// One address.
struct AddressCount {
    connections: u32,
    /// New connections that it may open at once, in billionths.
    tokens: u64,
    /// When `tokens` was last true.
    as_of: Duration,
}

/// Counts the connections of each address. IPv6 addresses count by their first 64 bits, since a
/// peer can choose the others.
pub struct AddressLimits {
    settings: ConnectionSettings,
    addresses: HashMap<IpAddr, AddressCount>,
    /// Number of addresses at which those that need not be remembered are removed.
    sweep_at: usize,
}

const TOKEN: u64 = 1_000_000_000;

impl AddressLimits {
    /// No connections.
    pub fn new(settings: ConnectionSettings) -> AddressLimits {
        AddressLimits { settings, addresses: HashMap::new(), sweep_at: SWEEP_ADDRESSES_MIN }
    }

    /// The limits.
    pub fn settings(&self) -> ConnectionSettings {
        self.settings
    }

    /// Counts a new connection, at a time since any fixed start.
    ///
    /// # Errors
    /// The limit that it exceeds. It is not counted then.
    pub fn open(&mut self, from: IpAddr, now: Duration) -> Result<(), Excess> {
        self.sweep(now);
        let ConnectionSettings { connections_max, per_second_max } = self.settings;
        let full = u64::from(per_second_max) * BURST_SECONDS * TOKEN;
        let address = self.addresses.entry(counted(from)).or_insert(AddressCount {
            connections: 0,
            tokens: full,
            as_of: now,
        });
        address.refill(now, per_second_max);
        if connections_max > 0 && address.connections >= connections_max {
            return Err(Excess::Connections);
        }
        if per_second_max > 0 {
            address.tokens = address.tokens.checked_sub(TOKEN).ok_or(Excess::Rate)?;
        }
        address.connections += 1;
        Ok(())
    }

    /// Counts the end of a connection that was counted.
    pub fn close(&mut self, from: IpAddr) {
        if let Some(address) = self.addresses.get_mut(&counted(from)) {
            address.connections = address.connections.saturating_sub(1);
        }
    }

    /// Removes addresses that are as if they were new.
    fn sweep(&mut self, now: Duration) {
        if self.addresses.len() < self.sweep_at {
            return;
        }
        let rate = self.settings.per_second_max;
        self.addresses.retain(|_, address| {
            address.refill(now, rate);
            address.connections > 0 || address.tokens < u64::from(rate) * BURST_SECONDS * TOKEN
        });
        self.sweep_at = (self.addresses.len() * 2).max(SWEEP_ADDRESSES_MIN);
    }
}

impl AddressCount {
    fn refill(&mut self, now: Duration, per_second: u32) {
        let passed =
            now.saturating_sub(self.as_of).as_nanos().min(u128::from(BURST_SECONDS * TOKEN));
        let full = u64::from(per_second) * BURST_SECONDS * TOKEN;
        self.tokens = full.min(self.tokens + passed as u64 * u64::from(per_second));
        self.as_of = now.max(self.as_of);
    }
}

/// The address as it is counted.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut parts = v6.segments();
            parts[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(parts))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections_max: u32, per_second_max: u32) -> AddressLimits {
        AddressLimits::new(ConnectionSettings { connections_max, per_second_max })
    }

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    const START: Duration = Duration::ZERO;

    #[test]
    fn an_address_has_no_more_open_connections_than_its_limit() {
        let mut limits = limits(2, 0);
        assert_eq!([0; 2].map(|_| limits.open(at("10.0.0.1"), START)), [Ok(()); 2]);
        assert_eq!(limits.open(at("10.0.0.1"), START), Err(Excess::Connections));
        assert_eq!(limits.open(at("::ffff:10.0.0.1"), START), Err(Excess::Connections));
        assert_eq!(limits.open(at("10.0.0.2"), START), Ok(()));
        limits.close(at("10.0.0.1"));
        assert_eq!(limits.open(at("10.0.0.1"), START), Ok(()));
    }

    #[test]
    fn ipv6_addresses_of_one_network_of_64_bits_count_as_one() {
        let mut limits = limits(1, 0);
        assert_eq!(limits.open(at("2001:db8::1"), START), Ok(()));
        assert_eq!(limits.open(at("2001:db8::ffff"), START), Err(Excess::Connections));
        assert_eq!(limits.open(at("2001:db8:0:1::1"), START), Ok(()));
    }

    #[test]
    fn new_connections_above_the_rate_of_ten_seconds_are_refused_until_time_has_passed() {
        let mut limits = limits(0, 2);
        for _ in 0..20 {
            assert_eq!(limits.open(at("10.0.0.1"), START), Ok(()));
            limits.close(at("10.0.0.1"));
        }
        assert_eq!(limits.open(at("10.0.0.1"), START), Err(Excess::Rate));
        assert_eq!(limits.open(at("10.0.0.1"), Duration::from_millis(499)), Err(Excess::Rate));
        assert_eq!(limits.open(at("10.0.0.1"), Duration::from_millis(500)), Ok(()));
        let later = Duration::from_secs(3600);
        let opened = (0..30).filter(|_| limits.open(at("10.0.0.1"), later).is_ok()).count();
        assert_eq!(opened, 20, "an idle hour allows one burst");
    }

    #[test]
    fn addresses_without_connections_are_forgotten() {
        let mut limits = limits(5, 1);
        for number in 0..200_000_u32 {
            let from = IpAddr::V4(number.into());
            assert_eq!(limits.open(from, Duration::from_millis(number.into())), Ok(()));
            limits.close(from);
        }
        assert!(limits.addresses.len() < 5000, "{}", limits.addresses.len());
    }
}
