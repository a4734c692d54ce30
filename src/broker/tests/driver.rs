//! Timers of the driver, and the defaults of [`Outbox`].

use super::*;

#[test]
fn a_timer_of_the_driver_fires_once_when_it_is_due() {
    let mut world = World::new();
    let due = world.now.monotonic + Millis(5);
    world.broker.set_timer(due, DriverTimer::Heartbeat);
    assert_eq!(world.broker.next_due(), (Some(due), None));
    world.pass(4);
    assert_eq!(world.mailbox.fired, []);
    world.pass(1);
    world.pass(1);
    assert_eq!(world.mailbox.fired, [(DriverTimer::Heartbeat, due)]);
}

#[test]
fn the_limits_of_delayed_replies_come_from_the_configuration() {
    let limits = DelayedReplies { grab_hold_ms: 7, ack_delay_ms: 9 };
    let world = World::with(|config| config.delayed_replies = limits);
    assert_eq!(world.broker.delayed_replies(), limits);
}

/// An outbox with only the required methods.
#[derive(Default)]
struct Plain(Vec<(Command, usize)>);

impl Outbox for Plain {
    fn send(&mut self, _to: ConnectionKey, command: Command, _args: &[&[u8]], body: &[u8]) {
        self.0.push((command, body.len()));
    }

    fn accepted(&mut self, _function: &[u8], _unique: &[u8], _due: Option<UnixSeconds>) {}

    fn gave_up(&mut self, _handle: &[u8], _function: &[u8], _unique: &[u8], _attempts: u8) {}
}

#[test]
fn an_outbox_with_only_the_required_methods_gets_every_packet() {
    let mut world = World::new();
    let (mut out, peer) = (Plain::default(), world.connect());
    let held = out.send_delayable(peer, Command::JobCreated, &[b"H:1"], b"");
    assert_eq!(held, None);
    out.send_shared(peer, Command::WorkData, &[b"H:1"], &Bytes::from_static(b"body"));
    assert_eq!(out.0, [(Command::JobCreated, 0), (Command::WorkData, 4)]);
}
