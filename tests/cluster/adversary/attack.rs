//! The attacks of a script. Each is complete in itself: a script can be shrunk by leaving some out.
//!
//! Must not: depend on the random numbers of the honest part of a script, which stays the same with
//! and without attacks.

use gearman_test_support::random::Random;

use crate::script::{ACTIVE_US, Action, Plan, Timed};

/// Connections that an adversary has at most.
pub(crate) const CONNECTIONS_MAX: usize = 6;
/// Largest body of an adversary's packet, in bytes.
pub(crate) const HOSTILE_BODY_MAX: usize = 20_000;
/// Limit of unread output, and of packets, that no peer of a simulation reaches, in bytes.
const FAR_LIMIT: usize = 64 << 20;
/// Largest packet that servers take in an attacked script, in bytes.
const PACKET_LIMIT: u32 = 100_000;

/// Limits of the servers of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLimits {
    /// Unread output of one connection, in bytes.
    pub(crate) output: usize,
    /// Unread output of all connections, in bytes.
    pub(crate) output_total: u64,
    /// Size of a packet, in bytes.
    pub(crate) packet: u32,
    /// Largest body of an honest peer, in bytes: an honest peer that reads nothing for a while does
    /// not reach the limits.
    pub(crate) honest_body: usize,
}

impl ServerLimits {
    /// Limits that no peer reaches.
    pub(crate) const FAR: ServerLimits = ServerLimits {
        output: FAR_LIMIT,
        output_total: 1 << 30,
        packet: FAR_LIMIT as u32,
        honest_body: usize::MAX,
    };

    fn of_attacked(random: &mut Random) -> ServerLimits {
        let packet = PACKET_LIMIT;
        match random.below(4) {
            0 => ServerLimits { packet, ..ServerLimits::FAR },
            1 => ServerLimits { output: 100_000, packet, honest_body: 1_000, ..ServerLimits::FAR },
            _ => ServerLimits {
                output_total: 200_000,
                packet,
                honest_body: 300,
                ..ServerLimits::FAR
            },
        }
    }
}

/// What an adversary reads of what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    All,
    /// A few bytes at a time.
    Little,
    Nothing,
}

/// Bytes that are no valid packet or line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    Magic,
    Command,
    /// Fewer arguments than the command has.
    Arguments,
    /// Arguments above the limit of the protocol.
    LongArguments,
    /// A length above the server's limit, which the protocol allows.
    LargePacket,
    /// A length that the protocol does not allow.
    ImpossibleLength,
    /// A length that is a little more than what follows.
    WrongLength,
    /// A text line without an end.
    EndlessLine,
    /// A text line with too many words.
    Words,
    /// Any bytes.
    Rubbish,
}

/// What an adversary does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Sends nothing.
    Wait,
    /// Sends packets of any command with any arguments.
    Packets(usize),
    /// Offers functions of its own, and begins to work on them.
    Work,
    /// Submits jobs, to functions of its own or of honest workers.
    Submit(usize),
    /// Submits what honest clients submit, with the same uniques.
    Copies(usize),
    /// Reports on this many jobs that it does not run.
    ForeignReports(usize),
    /// Sends the same packet, without a body, this many times.
    Flood(usize),
    /// The same, on all its connections at once.
    Swarm(usize),
    /// Requests this many echoes of a large body.
    Echoes(usize),
    /// Submits one job several times, works on it, and sends large data of it this many times.
    OwnData(usize),
    /// Sends text commands.
    Lines(usize),
    /// Sends bytes that are no valid packet or line.
    Malformed(Malformed),
    /// Sends no more.
    HalfClose,
    Reset,
    Close,
}

/// How an adversary opens a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) server: usize,
    /// Whether a connection that is open is closed first.
    pub(crate) is_forced: bool,
    pub(crate) is_encrypted: bool,
    pub(crate) reads: Appetite,
}

/// One attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) adversary: usize,
    /// Which of its connections.
    pub(crate) connection: usize,
    /// How a new connection is opened: if there is none, or in place of the present one.
    pub(crate) opening: Opening,
    pub(crate) deed: Deed,
    /// Time after which the second part of the bytes is sent, if they are cut.
    pub(crate) is_cut_for_us: Option<u64>,
    /// Seed of the bytes.
    pub(crate) seed: u64,
}

/// Makes every third script an attacked one.
pub(crate) fn add_attacks(seed: u64, plan: &mut Plan, actions: &mut Vec<Timed>) {
    let mut random = Random(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0xADAD);
    if !random.one_in(3) {
        return;
    }
    plan.adversaries = random.pick(&[1, 1, 2]);
    plan.limits = ServerLimits::of_attacked(&mut random);
    for timed in actions.iter_mut() {
        if let Action::Submit { bytes, .. } = &mut timed.action {
            *bytes = (*bytes).min(plan.limits.honest_body);
        }
    }
    let first = actions.len();
    let count = random.pick(&[10, 30, 60]);
    // Half of the attacks come together.
    let together_us = random.below(ACTIVE_US as usize) as u64;
    for number in first..first + count {
        let at_us = match random.one_in(2) {
            true => together_us + random.below(5_000) as u64,
            false => random.below(ACTIVE_US as usize) as u64,
        };
        let action = Action::Attack(attack(&mut random, plan));
        actions.push(Timed { number, at_us, action });
    }
}

fn attack(random: &mut Random, plan: &Plan) -> Attack {
    let deed = deed(random, plan);
    // What it requests much of, it need not read.
    let reads = match deed {
        Deed::Echoes(_) | Deed::OwnData(_) | Deed::Flood(_) if random.one_in(2) => {
            Appetite::Nothing
        }
        _ => random.pick(&[Appetite::All, Appetite::All, Appetite::Little, Appetite::Nothing]),
    };
    Attack {
        adversary: random.below(plan.adversaries),
        connection: random.small(CONNECTIONS_MAX),
        opening: Opening {
            server: random.below(plan.servers),
            is_forced: random.one_in(4),
            is_encrypted: plan.has_tls && !random.one_in(6),
            reads,
        },
        deed,
        is_cut_for_us: random.one_in(4).then(|| random.pick(&[1, 1_000, 100_000, 1_000_000])),
        seed: random.bits(),
    }
}

fn deed(random: &mut Random, plan: &Plan) -> Deed {
    // Many bytes in small pieces cause many similar events.
    let is_slow = (1..100).contains(&plan.quality.piece);
    let many = |random: &mut Random| match is_slow {
        true => 1 + random.small(30),
        false => random.pick(&[20, 200, 700, 1_500]),
    };
    match random.below(20) {
        0 if is_slow => Deed::Wait,
        0 => Deed::Swarm(random.pick(&[200, 700, 1_500])),
        4 => Deed::Close,
        1..=3 => Deed::Packets(1 + random.small(20)),
        5 => Deed::Work,
        6 => Deed::Submit(1 + random.small(10)),
        7 | 8 => Deed::Copies(1 + random.small(6)),
        9 | 10 => Deed::ForeignReports(1 + random.small(if is_slow { 20 } else { 80 })),
        11 => Deed::Flood(many(random)),
        12 | 13 => Deed::Echoes(if is_slow { 1 } else { random.pick(&[5, 20, 60]) }),
        14 => Deed::OwnData(if is_slow { 1 } else { random.pick(&[1, 10, 30]) }),
        15 => Deed::Lines(1 + random.small(10)),
        16 | 17 => Deed::Malformed(malformed(random)),
        18 => random.pick(&[Deed::HalfClose, Deed::Reset]),
        _ => Deed::ForeignReports(many(random).min(200)),
    }
}

fn malformed(random: &mut Random) -> Malformed {
    random.pick(&[
        Malformed::Magic,
        Malformed::Command,
        Malformed::Arguments,
        Malformed::LongArguments,
        Malformed::LargePacket,
        Malformed::ImpossibleLength,
        Malformed::WrongLength,
        Malformed::EndlessLine,
        Malformed::Words,
        Malformed::Rubbish,
    ])
}
