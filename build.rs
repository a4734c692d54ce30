//! Passes the linker arguments of the shared library to cargo. Must not: generate files.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if !linux {
        return;
    }
    for argument in [
        // The soname that programs are linked with. cargo-c passes the same.
        "-Wl,-soname,libgearman.so.8",
        // Calls between the library's own functions are not interposed by functions of the
        // same names in a program or a preloaded library.
        "-Wl,-Bsymbolic-functions",
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
    // A fuzzer's counters and a sanitizer's functions are defined in the program that loads the
    // library.
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if !is_set("CARGO_CFG_FUZZING") && !is_set("CARGO_CFG_SANITIZE") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--no-undefined");
    }
}
