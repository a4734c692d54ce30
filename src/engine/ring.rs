//! [`Ring`]: the choice of a server by the unique id of a job, which the original makes since
//! its version 2.2.0.
//!
//! Every server has points on a ring of 2^32 places, from MD5 sums of its name. A job belongs
//! to the server of the first point at or after the place of its unique id. Clients with the
//! same names of servers agree, whatever the order of their lists, so that equal ids meet at
//! one server.
//!
//! Must not: know connections.

/// Number of MD5 sums per server. Each gives four points.
const REPLICAS_PER_SERVER: u32 = 4;

/// The points of all servers.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Place and server, in ascending order of the places.
    points: Vec<(u32, usize)>,
}

impl Ring {
    /// The ring of these servers, which are known by their position afterwards. A host is
    /// taken as it was written: it is not looked up.
    pub(crate) fn new<'a>(servers: impl Iterator<Item = (&'a str, u16)>) -> Ring {
        let mut points = Vec::new();
        for (server, (host, port)) in servers.enumerate() {
            for replica in 0..REPLICAS_PER_SERVER {
                let sum = md5::compute(format!("{host}:{port}-{replica}"));
                points.extend(sum.chunks_exact(4).map(|word| (little_endian(word), server)));
            }
        }
        points.sort_unstable();
        Ring { points }
    }

    /// The server for a unique id, among those that can be used. None if there is none.
    ///
    /// In place of a server that cannot be used comes the next one on the ring behind the
    /// first point of that server, as in the original. That may lead back to a server that
    /// was passed before; then the first usable server behind the place of the id is taken.
    pub(crate) fn choose(&self, unique: &[u8], is_usable: impl Fn(usize) -> bool) -> Option<usize> {
        let place = little_endian(&md5::compute(unique)[..4]);
        let start = self.points.partition_point(|&(point, _)| point < place);
        let mut passed = Vec::new();
        let mut candidate = self.from(start).next()?;
        while !passed.contains(&candidate) {
            if is_usable(candidate) {
                return Some(candidate);
            }
            passed.push(candidate);
            let first = self.points.iter().position(|&(_, server)| server == candidate)?;
            candidate = self.from(first + 1).find(|&server| server != candidate)?;
        }
        self.from(start).find(|&server| is_usable(server))
    }

    /// The servers of all points, once around, beginning with the point at this index.
    fn from(&self, start: usize) -> impl Iterator<Item = usize> {
        let (before, after) = self.points.split_at(start.min(self.points.len()));
        after.iter().chain(before).map(|&(_, server)| server)
    }
}

fn little_endian(word: &[u8]) -> u32 {
    word.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [(&str, u16); 4] =
        [("localhost", 4730), ("10.0.0.1", 4731), ("::1", 4730), ("jobs.example.org", 4730)];

    fn ring(servers: &[(&'static str, u16)]) -> Ring {
        Ring::new(servers.iter().copied())
    }

    /// The numbers are those of another implementation of MD5 (Python's hashlib).
    #[test]
    fn a_unique_id_belongs_to_the_first_point_at_or_after_its_md5_sum() {
        let ring = ring(&SERVERS);
        assert_eq!(ring.points.len(), 64);
        assert_eq!(ring.points[0], (0x017f_2447, 1));
        let chosen: Vec<usize> = (0..16)
            .map(|n| ring.choose(format!("unique-{n}").as_bytes(), |_| true).expect("a server"))
            .collect();
        assert_eq!(chosen, [3, 2, 1, 1, 1, 0, 3, 3, 0, 1, 2, 1, 1, 3, 3, 1]);
    }

    #[test]
    fn the_order_of_the_servers_does_not_matter() {
        let mut reversed = SERVERS;
        reversed.reverse();
        let (one, other) = (ring(&SERVERS), ring(&reversed));
        for n in 0..1000 {
            let unique = format!("{n}");
            let chosen = one.choose(unique.as_bytes(), |_| true).map(|at| SERVERS[at]);
            let same = other.choose(unique.as_bytes(), |_| true).map(|at| reversed[at]);
            assert_eq!(chosen, same, "{unique}");
        }
    }

    #[test]
    fn a_removed_server_moves_only_its_own_jobs() {
        let (all, rest) = (ring(&SERVERS), ring(&SERVERS[..3]));
        for n in 0..1000 {
            let unique = format!("{n}");
            let before = all.choose(unique.as_bytes(), |_| true).expect("a server");
            let after = rest.choose(unique.as_bytes(), |_| true).expect("a server");
            assert!(before == 3 || before == after, "{unique}: {before} became {after}");
        }
    }

    #[test]
    fn behind_a_server_that_cannot_be_used_comes_the_next_one_after_its_first_point() {
        let ring = ring(&SERVERS);
        for n in 0..1000 {
            let unique = format!("{n}");
            let failed = ring.choose(unique.as_bytes(), |_| true).expect("a server");
            let first = ring.points.iter().position(|&(_, server)| server == failed);
            let after =
                (1..64).map(|step| ring.points[(first.expect("it has points") + step) % 64]);
            let expected = after.map(|(_, server)| server).find(|&server| server != failed);
            assert_eq!(ring.choose(unique.as_bytes(), |at| at != failed), expected, "{unique}");
        }
    }

    #[test]
    fn a_server_is_found_as_long_as_one_can_be_used() {
        let ring = ring(&SERVERS);
        for n in 0..1000 {
            let unique = format!("{n}");
            for only in 0..4 {
                assert_eq!(ring.choose(unique.as_bytes(), |at| at == only), Some(only));
            }
            assert_eq!(ring.choose(unique.as_bytes(), |_| false), None);
        }
        assert_eq!(super::Ring::new([].into_iter()).choose(b"u", |_| true), None);
    }
}
