//! The rules as a whole: from text to decisions.

use crate::{
    AccessControl, AdminScope, Denial, GroupMembers, ListenerRole, NameLookup, Peer, PeerIdentity,
    Permission, Rules, UnixCredentials,
};
use Permission::{Admin, Cancel, Submit, View, Work};

/// Users alice (1000) and bob (1001); the group ops (50), which lists bob.
struct Names;

impl NameLookup for Names {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        match name {
            "alice" => Ok(Some(1000)),
            "bob" => Ok(Some(1001)),
            "broken" => Err("the names cannot be read".into()),
            _ => Ok(None),
        }
    }

    fn group(&self, name: &str) -> Result<Option<GroupMembers>, String> {
        Ok((name == "ops").then(|| GroupMembers { gid: 50, uids: vec![1001] }))
    }
}

fn rules(text: &str) -> Rules {
    Rules::parse(text.as_bytes(), &Names).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

/// What is wrong, with the lines.
fn errors(text: &[u8]) -> Vec<String> {
    let errors = Rules::parse(text, &Names).expect_err("wrong rules");
    errors.iter().map(ToString::to_string).collect()
}

fn at(address: &str) -> Peer<'static> {
    let address = Some(address.parse().expect("an address"));
    Peer { address, credentials: None, identity: None }
}

fn user(uid: u32, gid: u32) -> Peer<'static> {
    Peer { address: None, credentials: Some(UnixCredentials { uid, gid }), identity: None }
}

fn decide(text: &str, peer: Peer<'_>, permission: Permission, name: &str) -> Result<(), Denial> {
    let mut control = AccessControl::new(Some(rules(text)), AdminScope::All);
    let profile = control.profile(ListenerRole::Jobs, &peer);
    let first = control.check(profile, permission, name.as_bytes());
    assert_eq!(first, control.check(profile, permission, name.as_bytes()), "remembered");
    first
}

#[test]
fn the_first_rule_about_peer_permission_and_function_decides() {
    let text = "# mail\n\
                deny submit from net:10.9.0.0/16 for billing.*\n\
                allow submit work from net:10.0.0.0/8\n\
                deny submit from any for mail.*\n";
    assert_eq!(decide(text, at("10.9.0.1"), Submit, "billing.run"), Err(Denial::Rule(2)));
    assert_eq!(decide(text, at("10.9.0.1"), Work, "billing.run"), Ok(()));
    assert_eq!(decide(text, at("10.9.0.1"), Submit, "mail.send"), Ok(()));
    assert_eq!(decide(text, at("192.0.2.1"), Submit, "mail.send"), Err(Denial::Rule(4)));
    assert_eq!(decide(text, at("192.0.2.1"), Submit, "other"), Err(Denial::NoRule));
}

#[test]
fn empty_rules_refuse_everything() {
    for text in ["", "\n# nothing\n\r\n"] {
        for permission in Permission::ALL {
            assert_eq!(decide(text, at("127.0.0.1"), permission, "f"), Err(Denial::NoRule));
        }
    }
}

#[test]
fn admin_implies_view_and_cancel_where_it_is_allowed_only() {
    let text = "allow admin from any for a\ndeny admin from any for b\nallow view from any\n";
    let expected = [(Submit, false), (Work, false), (Cancel, true), (View, true), (Admin, true)];
    for (permission, is_allowed) in expected {
        assert_eq!(decide(text, at("::1"), permission, "a").is_ok(), is_allowed, "{permission:?}");
    }
    assert_eq!(decide(text, at("::1"), Admin, "b"), Err(Denial::Rule(2)));
    assert_eq!(decide(text, at("::1"), View, "b"), Ok(()));
}

#[test]
fn unix_peers_are_known_by_user_and_group() {
    for (who, uid, gid, expected) in [
        ("user:alice", 1000, 9, true),
        ("user:alice", 1001, 9, false),
        ("uid:1001", 1001, 9, true),
        ("group:ops", 7, 50, true),
        ("group:ops", 1001, 9, true),
        ("group:ops", 1000, 9, false),
        ("gid:50", 1001, 9, false),
        ("unix", 7, 7, true),
        ("local", 7, 7, true),
        ("net:0.0.0.0/0", 7, 7, false),
    ] {
        let text = format!("allow all from {who}");
        assert_eq!(decide(&text, user(uid, gid), Work, "f").is_ok(), expected, "{who} {uid}");
    }
    assert!(decide("allow all from uid:0 unix", at("127.0.0.1"), Work, "f").is_err());
    let unknown = Peer { address: None, credentials: None, identity: None };
    assert!(decide("allow all from uid:0", unknown, Work, "f").is_err());
}

#[test]
fn peers_with_a_certificate_are_known_by_its_names() {
    let identity = PeerIdentity {
        common_name: Some("Web Front, East".into()),
        alternative_names: vec!["WEB.example.org".into(), "spiffe://example.org/web".into()],
    };
    let peer = Peer { identity: Some(&identity), ..at("192.0.2.1") };
    for (who, expected) in [
        ("cert:web.example.org", true),
        ("cert:*.example.org", true),
        ("san:spiffe://example.org/*", true),
        ("cn:web.example.org", false),
        ("cn:\"web front, east\"", true),
        ("san:\"web front, east\"", false),
        ("cert:*", true),
        ("cert:example.org", false),
        ("cert:web.example.org and net:192.0.2.0/24", true),
        ("cert:web.example.org and net:10.0.0.0/8", false),
        ("net:10.0.0.0/8 cert:*.example.org and net:192.0.2.0/24 and cn:web*", true),
    ] {
        let text = format!("allow submit from {who}");
        assert_eq!(decide(&text, peer, Submit, "f").is_ok(), expected, "{who}");
    }
    assert!(decide("allow submit from cert:*", at("192.0.2.1"), Submit, "f").is_err());
}

#[test]
fn a_definition_stands_for_its_peers() {
    let text = "define office net:10.0.0.0/8, net:192.168.0.0/16\n\
                define all-of-us @office user:alice\n\
                allow submit from @all-of-us\n";
    for (peer, expected) in
        [(at("192.168.1.1"), true), (user(1000, 1), true), (at("192.0.2.1"), false)]
    {
        assert_eq!(decide(text, peer, Submit, "f").is_ok(), expected, "{peer:?}");
    }
}

#[test]
fn the_whole_server_needs_a_permission_on_every_function() {
    for (text, all, some) in [
        ("allow admin from any", Ok(()), Ok(())),
        ("allow admin from any for mail.*", Err(Denial::NoRule), Ok(())),
        ("deny admin from any for a\nallow admin from any", Err(Denial::Rule(1)), Ok(())),
        ("deny admin from any\nallow admin from any", Err(Denial::Rule(1)), Err(Denial::Rule(1))),
        ("allow submit from any", Err(Denial::NoRule), Err(Denial::NoRule)),
    ] {
        let mut control = AccessControl::new(Some(rules(text)), AdminScope::All);
        let profile = control.profile(ListenerRole::Jobs, &at("10.0.0.1"));
        assert_eq!(control.check_all(profile, Admin), all, "{text}");
        assert_eq!(control.check_some(profile, Admin), some, "{text}");
    }
}

#[test]
fn the_role_of_a_listener_limits_what_the_rules_allow() {
    use AdminScope::{All, Nothing, ReadOnly};
    for (role, scope, allowed) in [
        (ListenerRole::Jobs, All, &[Submit, Work, Cancel, View, Admin][..]),
        (ListenerRole::Jobs, ReadOnly, &[Submit, Work, View]),
        (ListenerRole::Jobs, Nothing, &[Submit, Work]),
        (ListenerRole::Admin(All), Nothing, &[Cancel, View, Admin]),
        (ListenerRole::Admin(ReadOnly), All, &[View]),
    ] {
        for text in [None, Some("allow all from any")] {
            let mut control = AccessControl::new(text.map(rules), scope);
            let profile = control.profile(role, &at("10.0.0.1"));
            let found = Permission::ALL.into_iter();
            let found: Vec<_> = found
                .filter(|&permission| control.check(profile, permission, b"f").is_ok())
                .collect();
            assert_eq!(found, allowed, "{role:?} {scope:?}");
        }
    }
}

#[test]
fn refusals_are_counted_by_permission() {
    let mut control = AccessControl::new(Some(rules("allow view from any")), AdminScope::All);
    let profile = control.profile(ListenerRole::Jobs, &at("10.0.0.1"));
    for _ in 0..3 {
        assert!(control.check(profile, Submit, b"f").is_err());
    }
    assert!(
        control.check_all(profile, Admin).is_err() && control.check(profile, View, b"f").is_ok()
    );
    let counts = Permission::ALL.map(|permission| control.refusals().of(permission));
    assert_eq!(counts, [3, 0, 0, 0, 1]);
}

#[test]
fn peers_that_the_same_rules_are_about_share_a_profile() {
    let text = "allow submit from net:10.0.0.0/8\nallow work from net:10.1.0.0/16";
    let mut control = AccessControl::new(Some(rules(text)), AdminScope::All);
    let mut profile = |address| control.profile(ListenerRole::Jobs, &at(address));
    assert_eq!(profile("10.0.0.1"), profile("10.0.0.2"));
    assert!(profile("10.0.0.1") != profile("10.1.0.1"));
}

#[test]
fn new_rules_replace_the_decisions_of_the_old_ones() {
    let mut control = AccessControl::new(Some(rules("allow submit from any")), AdminScope::All);
    let profile = control.profile(ListenerRole::Jobs, &at("10.0.0.1"));
    assert_eq!(control.check(profile, Submit, b"f"), Ok(()));
    control.replace_rules(rules("\n\ndeny submit from any"));
    let profile = control.profile(ListenerRole::Jobs, &at("10.0.0.1"));
    assert_eq!(control.check(profile, Submit, b"f"), Err(Denial::Rule(3)));
}

#[test]
fn any_number_of_names_is_decided_the_same() {
    let mut control =
        AccessControl::new(Some(rules("allow submit from any for a*")), AdminScope::All);
    let profile = control.profile(ListenerRole::Jobs, &at("10.0.0.1"));
    for number in 0..20_000 {
        let long = "x".repeat(300 * (number % 2));
        assert_eq!(control.check(profile, Submit, format!("a{number}{long}").as_bytes()), Ok(()));
        assert!(control.check(profile, Submit, format!("b{number}{long}").as_bytes()).is_err());
    }
}

#[test]
fn every_wrong_line_is_named_with_what_is_wrong() {
    for (line, expected) in [
        ("permit submit from any", "'permit' is none of 'allow', 'deny' and 'define'"),
        ("allow submit any", "'from' is missing"),
        ("allow from any", "no permission"),
        ("allow submti from any", "'submti' is not a permission"),
        ("allow submit from", "no peer is named"),
        ("allow submit from for f", "no peer is named"),
        ("allow submit from any for", "no function behind 'for'"),
        ("allow submit from everyone", "'everyone' describes no peers"),
        ("allow submit from host:x", "'host:x' describes no peers"),
        ("allow submit from cert:", "nothing behind 'cert:'"),
        ("allow submit from net:10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("allow submit from user:carol", "there is no user 'carol'"),
        ("allow submit from user:broken", "the names cannot be read"),
        ("allow submit from group:users", "there is no group 'users'"),
        ("allow submit from uid:-1", "'-1' is not a number of a user or group"),
        ("allow submit from @office", "'@office' is not defined in a line above"),
        ("allow submit from and any", "'and' does not stand between"),
        ("allow submit from any and", "'and' does not stand between"),
        ("allow submit from any and and any", "'and' does not stand between"),
        ("define", "no name behind 'define'"),
        ("define a/b any", "a name has letters, digits"),
        ("define a", "no peer is named"),
        ("allow \"submit", "a double quote is not closed"),
        ("allow submit from any \\", "a backslash has nothing behind it"),
        ("allow sub\u{7}mit from any", "control character"),
    ] {
        let text = format!("# rules\n{line}\nallow view from any");
        let errors = errors(text.as_bytes());
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("line 2: ") && errors[0].contains(expected), "{errors:?}");
    }
}

#[test]
fn a_name_is_defined_once() {
    assert_eq!(errors(b"define a any\ndefine a local\n"), ["line 2: 'a' is defined twice"]);
}

#[test]
fn a_definition_of_several_stands_beside_and() {
    let text = "define office net:10.0.0.0/8 net:192.168.0.0/16\n\
                define late @office and local\n\
                allow submit from @office and net:10.0.0.0/8 net:192.0.2.1 and @office and any\n\
                allow work from net:0.0.0.0/0 and @office\n\
                allow view from @late";
    for (address, submits, works) in
        [("10.0.0.1", true, true), ("192.168.0.1", false, true), ("192.0.2.1", false, false)]
    {
        assert_eq!(decide(text, at(address), Submit, "f").is_ok(), submits, "{address}");
        assert_eq!(decide(text, at(address), Work, "f").is_ok(), works, "{address}");
        assert!(decide(text, at(address), View, "f").is_err(), "{address}");
    }
}

#[test]
fn definitions_in_each_other_have_a_limited_depth() {
    let mut text = String::from("define d0 any unix\n");
    for number in 1..5000 {
        text.push_str(&format!("define d{number} @d{} and any unix\n", number - 1));
    }
    let errors = errors(text.as_bytes());
    assert!(errors[0].contains("nested more than 16 deep"), "{errors:?}");
}

#[test]
fn bytes_that_are_not_text_are_refused_with_their_line() {
    assert_eq!(errors(b"\n\xff"), ["line 2: the line is not UTF-8; write other bytes as \\xNN"]);
    assert_eq!(
        decide("allow submit from any for \\xff\\x20*", at("::1"), Submit, "x"),
        Err(Denial::NoRule)
    );
    assert!(rules("allow submit from any for \\xff").len() == 1);
}

#[test]
fn at_most_twenty_errors_are_reported() {
    assert_eq!(errors("x\n".repeat(1000).as_bytes()).len(), 20);
}

#[test]
fn a_long_word_is_shortened_in_an_error() {
    let errors = errors(format!("allow submit from {}", "\u{202e}é".repeat(5000)).as_bytes());
    assert!(errors[0].len() < 1200 && !errors[0].contains('\u{202e}'), "{errors:?}");
}

#[test]
fn definitions_that_multiply_are_refused() {
    let mut text = String::from("define d0 any any any any any any any any any any\n");
    for number in 1..40 {
        let before = format!("@d{} ", number - 1).repeat(10);
        text.push_str(&format!("define d{number} {before}\n"));
    }
    let errors = errors(text.as_bytes());
    assert!(errors[0].contains("more than 100000 descriptions"), "{errors:?}");
}

#[test]
fn a_text_above_one_mebibyte_is_refused() {
    let text = vec![b'\n'; (1 << 20) + 1];
    assert!(errors(&text)[0].contains("more than 1048576 bytes"));
    assert!(Rules::parse(&text[1..], &Names).expect("accepted").is_empty());
}
