//! Linker arguments of the shared library, and nothing else.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if !linux {
        return;
    }
    for argument in [
        // The name that programs were linked against. cargo-c passes the same.
        "-Wl,-soname,libgearman.so.8",
        // Calls between our own functions stay inside, whatever a program or a
        // preloaded library exports under the same names.
        "-Wl,-Bsymbolic-functions",
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
    // A fuzzer's counters are defined in the program that links it.
    if std::env::var_os("CARGO_CFG_FUZZING").is_none() {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--no-undefined");
    }
}
