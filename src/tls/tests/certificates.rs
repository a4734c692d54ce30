//! Which certificates are accepted, and the words for those that are not.

use super::{Directory, Pair};
use crate::{ClientCertificates, ClientSettings, ServerSettings, Verification};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::cell::Cell;
use std::path::PathBuf;

/// An authority, and the directory of the certificates that it has signed.
pub(super) struct Authority {
    pub(super) directory: Directory,
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Number of certificates signed, so that no file is written twice.
    signed: Cell<u32>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let directory = Directory::new(name);
        directory.file("ca.pem", &issuer.pem());
        Authority { directory, issuer, signed: Cell::new(0) }
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.directory.0.join("ca.pem")
    }

    /// Makes a certificate. Returns the files of it and of its key.
    pub(super) fn sign(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let name = format!("{name}-{}", self.signed.replace(self.signed.get() + 1));
        let key = self.directory.file(&format!("{name}.key"), &key.serialize_pem());
        (self.directory.file(&format!("{name}.pem"), &certificate.pem()), key)
    }

    pub(super) fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> ServerSettings {
        let (certificate_file, key_file) = self.sign("server", change);
        ServerSettings { certificate_file, key_file, ..ServerSettings::default() }
    }

    pub(super) fn client(&self) -> ClientSettings {
        ClientSettings { ca_file: Some(self.ca_file()), ..ClientSettings::default() }
    }
}

/// The client's error.
fn refusal(client: &ClientSettings, server: &ServerSettings) -> Option<String> {
    Pair::new(client, server).shake().err().and_then(|(client, _)| client)
}

#[test]
fn a_certificate_of_the_named_authority_is_accepted() {
    let authority = Authority::new("accepted");
    let mut client = authority.client();
    let server = authority.server(|_| {});
    for verification in [Verification::Authority, Verification::Full, Verification::Nothing] {
        client.verification = verification;
        assert_eq!(refusal(&client, &server), None, "{verification:?}");
    }
}

#[test]
fn each_wrong_certificate_of_a_server_is_named() {
    let (authority, other) = (Authority::new("right"), Authority::new("wrong"));
    let full = ClientSettings { verification: Verification::Full, ..authority.client() };
    for (server, expected) in [
        (authority.server(|p| p.not_after = date_time_ymd(2020, 1, 1)), "has expired"),
        (authority.server(|p| p.not_before = date_time_ymd(2120, 1, 1)), "is not valid yet"),
        (other.server(|_| {}), "is not signed by an authority of the CA file"),
    ] {
        for verification in [Verification::Authority, Verification::Full] {
            let client = ClientSettings { verification, ..authority.client() };
            let error = refusal(&client, &server).expect(expected);
            assert!(error.contains(expected), "{error}");
        }
        let client = ClientSettings { verification: Verification::Nothing, ..authority.client() };
        assert_eq!(refusal(&client, &server), None, "{expected}");
    }
    let elsewhere = ClientSettings { server_name: Some("elsewhere".into()), ..full.clone() };
    let error = refusal(&elsewhere, &authority.server(|_| {})).expect("another name");
    assert!(error.contains("not for 'elsewhere'"), "{error}");
    let nameless = authority.server(|p| p.subject_alt_names.clear());
    let error = refusal(&full, &nameless).expect("no name");
    assert!(error.contains("has no alternative name"), "{error}");
    assert_eq!(refusal(&authority.client(), &nameless), None);
}

/// Asserts that a certificate which is itself in the CA file is accepted until the end of its time,
/// under its name alone if that is verified.
#[track_caller]
fn assert_is_pinned(server: &ServerSettings, year: i32) {
    for verification in [Verification::Authority, Verification::Full] {
        let client = ClientSettings {
            ca_file: Some(server.certificate_file.clone()),
            verification,
            ..ClientSettings::default()
        };
        let error = refusal(&client, server);
        assert_eq!(error.is_none(), year == 2120, "{year} {error:?}");
        assert!(error.is_none_or(|error| error.contains("has expired")));
        let other = ClientSettings { server_name: Some("elsewhere".into()), ..client };
        let is_refused = refusal(&other, server).is_some();
        assert_eq!(is_refused, verification == Verification::Full || year == 2020);
    }
}

#[test]
fn a_self_signed_certificate_is_accepted_if_it_is_in_the_ca_file() {
    let directory = Directory::new("self-signed");
    for (is_ca, year) in [(true, 2120), (false, 2120), (true, 2020), (false, 2020)] {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let server = ServerSettings {
            certificate_file: directory.file("self.pem", &certificate.pem()),
            key_file: directory.file("self.key", &key.serialize_pem()),
            ..ServerSettings::default()
        };
        assert_is_pinned(&server, year);
    }
}

#[test]
fn a_certificate_in_the_ca_file_is_accepted_without_its_authority() {
    let authority = Authority::new("not-named");
    for year in [2120, 2020] {
        let server = authority.server(|params| params.not_after = date_time_ymd(year, 1, 1));
        assert_is_pinned(&server, year);
    }
}

#[test]
fn a_server_that_shows_half_its_chain_is_refused_and_the_rest_of_it_is_named_as_missing() {
    let authority = Authority::new("root");
    let mut params = CertificateParams::new([]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "between");
    let key = KeyPair::generate().expect("a key");
    let between =
        CertifiedIssuer::signed_by(params, key, &authority.issuer).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    let leaf = params.signed_by(&key, &between).expect("a certificate").pem();
    let key_file = authority.directory.file("leaf.key", &key.serialize_pem());
    let served = |name: &str, text: &str| ServerSettings {
        certificate_file: authority.directory.file(name, text),
        key_file: key_file.clone(),
        ..ServerSettings::default()
    };
    let half = served("half.pem", &leaf);
    let error = refusal(&authority.client(), &half).expect("half a chain");
    assert!(error.contains("certificates between the two are missing"), "{error}");
    let whole = served("whole.pem", &(leaf + &between.pem()));
    assert_eq!(refusal(&authority.client(), &whole), None);
}

#[test]
fn a_client_shows_its_certificate_if_the_server_asks_for_it() {
    let (authority, other) = (Authority::new("clients"), Authority::new("strangers"));
    let with = |authority: &Authority, client: ClientSettings| {
        let (certificate, key) = authority.sign("worker-7", |_| {});
        ClientSettings { certificate_file: Some(certificate), key_file: Some(key), ..client }
    };
    let (bare, known) = (authority.client(), with(&authority, authority.client()));
    let stranger = with(&other, authority.client());
    for (asked, client, is_let_in, has_names) in [
        (ClientCertificates::Off, &known, true, false),
        (ClientCertificates::Optional, &bare, true, false),
        (ClientCertificates::Optional, &known, true, true),
        (ClientCertificates::Optional, &stranger, false, false),
        (ClientCertificates::Required, &bare, false, false),
        (ClientCertificates::Required, &known, true, true),
    ] {
        let server = ServerSettings {
            ca_file: Some(authority.ca_file()),
            client_certificates: asked,
            ..authority.server(|_| {})
        };
        let mut pair = Pair::new(client, &server);
        let outcome = pair.shake();
        assert_eq!(outcome.is_ok(), is_let_in, "{asked:?} {outcome:?}");
        let names = pair.server.peer_names();
        assert_eq!(names.is_some(), has_names, "{asked:?}");
        if let Some(names) = names {
            assert_eq!(names.common_name.as_deref(), Some("worker-7"));
            assert_eq!(names.alternative_names, ["localhost"]);
        }
    }
}

#[test]
fn a_stream_that_takes_no_more_bytes_has_the_reason_that_the_peer_sent() {
    let authority = Authority::new("reason");
    let client = authority.client();
    let server = ServerSettings {
        ca_file: Some(authority.ca_file()),
        client_certificates: ClientCertificates::Required,
        ..authority.server(|_| {})
    };
    let mut pair = Pair::new(&client, &server);
    let (of_client, of_server) = pair.shake().expect_err("the certificate is required");
    assert!(of_client.is_none() && of_server.is_some(), "the client does not know it yet");
    let (layer, mut end) = pair.client();
    let broken = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let reason = layer.reason(&mut end, broken()).to_string();
    assert!(reason.contains("it requires a certificate of this side"), "{reason}");
    let (layer, mut end) = pair.client();
    let again = layer.reason(&mut end, broken()).to_string();
    assert_eq!(again, reason);
}

#[test]
fn a_revoked_certificate_is_refused_by_the_list_in_the_ca_file() {
    let authority = Authority::new("revoking");
    let serial = SerialNumber::from(77_u64);
    let server = authority.server(|params| params.serial_number = Some(serial.clone()));
    assert_eq!(refusal(&authority.client(), &server), None);
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2120, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: serial,
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority.issuer).expect("a list").pem().expect("PEM");
    let both = authority.directory.file("with-list.pem", &(authority.issuer.pem() + &list));
    let client = ClientSettings { ca_file: Some(both.clone()), ..authority.client() };
    let error = refusal(&client, &server).expect("revoked");
    assert!(error.contains("is revoked"), "{error}");
}
