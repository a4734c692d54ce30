//! Files that are missing or wrong, and files that change.

use super::certificates::Authority;
use crate::{ClientContext, ClientSettings, ServerContext, ServerSettings, Verification};

#[test]
fn an_error_names_the_file_and_what_is_wrong_with_it() {
    let authority = Authority::new("files");
    let directory = &authority.directory;
    let (certificate, key) = authority.sign("fitting", |_| {});
    let (_, other_key) = authority.sign("other", |_| {});
    let empty = directory.file("empty.pem", "");
    let encrypted =
        directory.file("encrypted.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n");
    let damaged = directory.file("damaged.pem", "-----BEGIN CERTIFICATE-----\n!\n");
    let missing = directory.0.join("missing.pem");
    for (certificate, key, file, what) in [
        (&missing, &key, &missing, "cannot read"),
        (&certificate, &missing, &missing, "No such file"),
        (&directory.0, &key, &directory.0, "is not a file"),
        (&empty, &key, &empty, "has no certificate in PEM"),
        (&damaged, &key, &damaged, "is damaged"),
        (&certificate, &empty, &empty, "has no private key in PEM"),
        (&certificate, &encrypted, &encrypted, "encrypted key, which is not supported"),
        (&certificate, &other_key, &other_key, "does not fit"),
    ] {
        let settings = ServerSettings {
            certificate_file: certificate.clone(),
            key_file: key.clone(),
            ..ServerSettings::default()
        };
        let of_server = ServerContext::load(&settings).expect_err(what).to_string();
        let settings = ClientSettings {
            certificate_file: Some(certificate.clone()),
            key_file: Some(key.clone()),
            ..authority.client()
        };
        let of_client = ClientContext::default().check(&settings).expect_err(what).to_string();
        for error in [of_server, of_client] {
            assert!(error.contains(what) && error.contains(&file.display().to_string()), "{error}");
        }
    }
}

#[test]
fn a_client_without_a_ca_file_verifies_nothing_only_if_that_was_asked_for() {
    let mut settings = ClientSettings::default();
    let error = ClientContext::default().check(&settings).expect_err("no file").to_string();
    assert!(error.contains("no file with the certificate of the server's authority"), "{error}");
    settings.verification = Verification::Nothing;
    ClientContext::default().check(&settings).expect("nothing is verified");
}

#[test]
fn a_certificate_without_a_key_is_an_error() {
    let authority = Authority::new("halves");
    let (certificate, key) = authority.sign("half", |_| {});
    let without_key = ClientSettings { certificate_file: Some(certificate), ..authority.client() };
    let error = ClientContext::default().check(&without_key).expect_err("no key").to_string();
    assert!(error.contains("no key is named"), "{error}");
    let without = ClientSettings { key_file: Some(key), ..authority.client() };
    let error = ClientContext::default().check(&without).expect_err("none").to_string();
    assert!(error.contains("no certificate is named"), "{error}");
}

#[test]
fn a_client_reads_its_files_again_when_they_have_changed() {
    let authority = Authority::new("changing");
    let mut context = ClientContext::default();
    context.check(&authority.client()).expect("as it was");
    std::fs::write(authority.ca_file(), "nothing").expect("written");
    let error = context.check(&authority.client()).expect_err("changed").to_string();
    assert!(error.contains("has no certificate in PEM"), "{error}");
}

#[test]
fn a_name_that_no_certificate_can_have_is_an_error_only_if_names_are_verified() {
    let authority = Authority::new("names");
    let mut settings = authority.client();
    ClientContext::default().connect(&settings, "/run/g.sock").expect("no name is verified");
    settings.verification = Verification::Full;
    let error = ClientContext::default().connect(&settings, "/run/g.sock").expect_err("a path");
    assert!(error.to_string().contains("'/run/g.sock' is no name"), "{error}");
    settings.server_name = Some("localhost".into());
    ClientContext::default().connect(&settings, "/run/g.sock").expect("a name is given");
}
