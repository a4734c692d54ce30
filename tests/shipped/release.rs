//! The release archive and the RPM packages, made around programs that are already built.

use crate::installed::{PROGRAM, cargo, fresh, installed, root, run, scratch, tree};
use gearman_test_support::paths::{own_gearmand, profile_dir};
use gearman_test_support::requirements::{have_program, skip};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// Both kinds of packages stage their files in one directory.
static STAGING: Mutex<()> = Mutex::new(());

/// Whether there are programs to be packed; skips if not.
fn have_programs() -> bool {
    let found = own_gearmand().is_some();
    if !found {
        skip("the package is built without its job server");
    }
    found
}

/// Runs a script of `bindings/packaging` around the programs that were built with this test.
fn pack(script: &str, output: &Path, umask: &str) {
    // The library has been built then, with the same flags.
    installed();
    let _staging = STAGING.lock().unwrap();
    run(Command::new("sh")
        .args(["-c", "umask $0 && exec sh \"$@\"", umask])
        .arg(root().join("bindings/packaging").join(script))
        .arg(format!("--programs={}", profile_dir().display()))
        .arg(format!("--output={}", output.display()))
        .env("CARGO_TARGET_DIR", scratch().join("shipped"))
        .env("CARGO", cargo()));
}

/// The only file in a directory.
fn only_file(directory: &Path) -> PathBuf {
    let found = tree(directory);
    assert_eq!(found.len(), 1, "{found:?}");
    directory.join(found.first().unwrap())
}

/// The archive.
fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let output = fresh("archive");
        pack("build-archive.sh", &output, "022");
        only_file(&output)
    })
}

/// The directory that unpacking the archive gives.
fn unpacked() -> &'static Path {
    static UNPACKED: OnceLock<PathBuf> = OnceLock::new();
    UNPACKED.get_or_init(|| {
        let directory = fresh("unpacked");
        run(Command::new("tar").arg("-xzf").arg(archive()).arg("-C").arg(&directory));
        let name = archive().file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(".tar.gz").unwrap();
        assert!(name.starts_with(concat!("gearman-", env!("CARGO_PKG_VERSION"), "-")), "{name}");
        directory.join(name)
    })
}

#[test]
fn the_release_archive_has_the_same_bytes_when_it_is_packed_again() {
    if !have_programs() {
        return;
    }
    let again = fresh("archive-again");
    pack("build-archive.sh", &again, "077");
    let bytes = |file: &Path| fs::read(file).unwrap();
    assert!(bytes(archive()) == bytes(&only_file(&again)), "the archives differ");
}

#[test]
fn the_release_archive_has_programs_library_manuals_and_completions() {
    if !have_programs() {
        return;
    }
    let found = tree(unpacked());
    for file in [
        "bin/gearadmin",
        "bin/gearman",
        "include/libgearman-1.0/gearman.h",
        "lib/libgearman.a",
        "lib/libgearman.so.8",
        "lib/pkgconfig/gearmand.pc",
        "sbin/gearmand",
        "share/bash-completion/completions/gearmand",
        "share/doc/gearman/LICENSE",
        "share/doc/gearman/examples/gearman-alerts.yml",
        "share/doc/gearman/examples/gearman-dashboard.json",
        "share/doc/gearman/linked-crates",
        "share/doc/gearman/operating.md",
        "share/fish/vendor_completions.d/gearadmin.fish",
        "share/man/man1/gearman.1",
        "share/man/man3/gearman_client_do.3",
        "share/man/man8/gearmand.8",
        "share/zsh/site-functions/_gearman",
    ] {
        assert!(found.contains(Path::new(file)), "{file} is not among {found:#?}");
    }
    for program in ["bin/gearman", "bin/gearadmin", "sbin/gearmand"] {
        let version = run(Command::new(unpacked().join(program)).arg("--version"));
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{program}: {version}");
    }
}

#[test]
fn a_program_builds_against_the_release_archive_where_it_is_unpacked() {
    if !have_programs() || !have_program("pkg-config", &["--version"]) {
        return;
    }
    let directory = fresh("archive-program");
    let lib = unpacked().join("lib");
    let flags = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "libgearman"])
        .env("PKG_CONFIG_PATH", lib.join("pkgconfig")));
    let (source, program) = (directory.join("program.c"), directory.join("program"));
    fs::write(&source, PROGRAM).unwrap();
    run(Command::new("cc").arg(&source).arg("-o").arg(&program).args(flags.split_whitespace()));
    let printed = run(Command::new(&program).env("LD_LIBRARY_PATH", &lib));
    assert_eq!(printed, format!("{0} {0} a:1 ::1:4730\n", env!("CARGO_PKG_VERSION")));
}

/// Whether RPM packages can be built and installed; skips if not.
fn have_rpm() -> bool {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        skip("only root can install packages below another root directory");
        return false;
    }
    have_programs() && have_program("rpmbuild", &["--version"])
}

/// What `rpm` prints about packages that are installed below a root directory.
fn rpm(below: &Path, arguments: &[&str]) -> String {
    run(Command::new("rpm").arg("--root").arg(below).arg("--dbpath=/rpmdb").args(arguments))
}

#[test]
fn the_rpm_packages_are_installed_and_removed_with_every_file() {
    if !have_rpm() {
        return;
    }
    let (output, below) = (fresh("rpms"), fresh("rpm-root"));
    pack("build-rpms.sh", &output, "022");
    fs::create_dir(below.join("etc")).unwrap();
    fs::write(below.join("etc/passwd"), "gearman:x:999:999::/:/bin/false\n").unwrap();
    fs::write(below.join("etc/group"), "gearman:x:999:\n").unwrap();
    let packages: Vec<PathBuf> = tree(&output).iter().map(|path| output.join(path)).collect();
    // What they depend on is a system's: the packages that run scripts, and the C library.
    let mut install = Command::new("rpm");
    install.arg("--root").arg(&below).args(["--dbpath=/rpmdb", "--nodeps", "--noscripts", "-i"]);
    run(install.args(&packages));

    let names: BTreeSet<String> =
        rpm(&below, &["-qa", "--qf", "%{name} %{version}\n"]).lines().map(str::to_owned).collect();
    let expected = ["gearmand", "libgearman", "libgearman-devel"];
    let expected = expected.map(|name| format!("{name} {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(names, BTreeSet::from(expected));
    // Size, mode, owner and digest of each file are those of the package.
    rpm(&below, &["-V", "--nodeps", "gearmand", "libgearman", "libgearman-devel"]);
    let files = rpm(&below, &["-qal"]);
    let missing: Vec<PathBuf> = tree(unpacked())
        .into_iter()
        .map(|path| {
            path.strip_prefix("lib").map(|rest| Path::new("lib64").join(rest)).unwrap_or(path)
        })
        .filter(|path| !files.contains(&format!("/usr/{}", path.display())))
        .collect();
    assert!(missing.is_empty(), "in the archive but in no package: {missing:#?}");
    let provided = rpm(&below, &["-q", "--provides", "libgearman"]);
    assert!(provided.contains("libgearman.so.8()(64bit)"), "{provided}");
    let server = Command::new(below.join("usr/sbin/gearmand")).arg("--version").output().unwrap();
    assert!(server.status.success());

    rpm(&below, &["-e", "--noscripts", "--nodeps", "gearmand", "libgearman", "libgearman-devel"]);
    let left: Vec<PathBuf> =
        tree(&below).into_iter().filter(|path| !path.starts_with("rpmdb")).collect();
    assert_eq!(left, ["etc/group", "etc/passwd"].map(PathBuf::from));
}

#[test]
fn the_spec_of_the_rpm_packages_has_the_version_of_this_package() {
    let text = fs::read_to_string(root().join("bindings/packaging/gearman.spec")).unwrap();
    let version = text.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
