//! The binary interface: size, alignment, offsets and values of every C type are the same in Rust
//! and in the headers, ours and the original's.
//!
//! Each number that Rust has becomes one `_Static_assert` for a C compiler.

use gearman::capi::types::*;
use gearman::protocol::command::TABLE;
use gearman::protocol::limits;
use gearman_test_support::compile::{compile, have, have_original_headers};
use std::mem::offset_of;

/// Enumerators that the original added after the version that distributions package.
const NEWER: &[&str] =
    &["GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL", "GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL"];

/// `layout!(out, type { field, "c.field" => field, ... })`: size, alignment and
/// offsets, as C must see them.
macro_rules! layout {
    ($out:ident, $($type:ident { $($c:literal => $field:ident $(. $inner:ident)*),* $(,)? })*) => {
        $(
            let name = concat!("struct ", stringify!($type));
            $out.push(format!("sizeof({name}) == {}", size_of::<$type>()));
            $out.push(format!("_Alignof({name}) == {}", align_of::<$type>()));
            $($out.push(format!(
                "offsetof({name}, {}) == {}", $c, offset_of!($type, $field $(. $inner)*)
            ));)*
        )*
    };
}

/// The layout of every struct that programs can see.
fn layouts() -> Vec<String> {
    let mut out = Vec::new();
    layout! { out,
        gearman_client_st {
            "options.is_allocated" => options.is_allocated,
            "options.is_initialized" => options.is_initialized,
            "_impl" => _impl,
        }
        gearman_worker_st {
            "options.is_allocated" => options.is_allocated,
            "options.is_initialized" => options.is_initialized,
            "_impl" => _impl,
        }
        gearman_job_st {
            "options.is_allocated" => options.is_allocated,
            "options.is_initialized" => options.is_initialized,
            "_impl" => _impl,
        }
        gearman_task_st { "options.is_allocated" => options.is_allocated, "_impl" => _impl }
        gearman_string_t { "c_str" => c_str, "size" => size }
        gearman_argument_t { "name" => name, "value" => value }
        gearman_task_attr_t {
            "kind" => kind, "priority" => priority, "options.epoch.value" => epoch,
        }
        gearman_function_t { "kind" => kind, "callback" => callback }
        gearman_function_partition_v1_t { "func" => func, "aggregator" => aggregator }
        gearman_status_v1_t {
            "result_rc" => result_rc, "is_known" => is_known, "is_running" => is_running,
            "numerator" => numerator, "denominator" => denominator,
            "client_count" => client_count,
        }
        gearman_status_t { "version_" => version_, "status_.mesg_" => status_ }
        gearman_id_t { "read_fd" => read_fd, "write_fd" => write_fd }
        gearman_allocator_t {
            "calloc" => calloc, "free" => free, "malloc" => malloc, "realloc" => realloc,
            "context" => context,
        }
        gearman_actions_t {
            "workload_fn" => workload_fn, "created_fn" => created_fn, "data_fn" => data_fn,
            "warning_fn" => warning_fn, "status_fn" => status_fn, "complete_fn" => complete_fn,
            "exception_fn" => exception_fn, "fail_fn" => fail_fn,
        }
    }
    out
}

/// The value of every enumerator and the size of every enum.
fn values() -> Vec<String> {
    let mut out = Vec::new();
    for (tag, table) in ENUMS {
        // Those in constants.h are typedefs without a tag.
        let prefix =
            if tag.ends_with("options_t") || *tag == "gearman_verbose_t" { "" } else { "enum " };
        out.push(format!("sizeof({prefix}{tag}) == {}", size_of::<gearman_return_t>()));
        for (name, value) in *table {
            out.push(format!("{} == {value}", name.to_str().unwrap()));
        }
    }
    for spec in TABLE {
        out.push(format!("GEARMAN_COMMAND_{} == {}", spec.name, spec.command.number()));
    }
    out.push(format!("GEARMAN_COMMAND_MAX == {}", TABLE.len()));
    for (name, value) in [
        ("GEARMAN_PACKET_HEADER_SIZE", limits::HEADER_SIZE),
        ("GEARMAN_JOB_HANDLE_SIZE", limits::JOB_HANDLE_SIZE),
        ("GEARMAN_UNIQUE_SIZE", limits::UNIQUE_SIZE),
        ("GEARMAN_FUNCTION_MAX_SIZE", limits::FUNCTION_MAX_SIZE),
        ("GEARMAN_MAX_IDENTIFIER", limits::MAX_IDENTIFIER),
        ("GEARMAN_MAX_COMMAND_ARGS", limits::MAX_ARGS),
        ("GEARMAN_DEFAULT_TCP_PORT", usize::from(limits::DEFAULT_PORT)),
    ] {
        out.push(format!("{name} == {value}"));
    }
    out
}

fn program(beliefs: impl Iterator<Item = String>) -> String {
    let mut source = String::from("#include <libgearman/gearman.h>\n");
    source.extend(beliefs.map(|belief| format!("_Static_assert({belief}, \"\");\n")));
    source
}

#[test]
fn our_headers_agree_with_rust() {
    let source = program(layouts().into_iter().chain(values()));
    let ours = format!("-I{}", gearman_test_support::compile::include().display());
    for compiler in ["gcc", "clang"].into_iter().filter(|compiler| have(compiler)) {
        compile(compiler, &["-x", "c", "-std=c11", "-fsyntax-only", &ours], &source).unwrap();
    }
}

/// The other 64-bit data model that is supported. The system headers are this
/// machine's and told so: of them our structs hold only `size_t` and `time_t`.
#[cfg(target_arch = "x86_64")]
#[test]
fn our_headers_agree_with_rust_on_aarch64() {
    let ours = format!("-I{}", gearman_test_support::compile::include().display());
    let args = [
        "--target=aarch64-linux-gnu",
        "-isystem/usr/include/x86_64-linux-gnu",
        "-D__x86_64__",
        "-x",
        "c",
        "-std=c11",
        "-fsyntax-only",
        &ours,
    ];
    if have("clang") {
        compile("clang", &args, &program(layouts().into_iter().chain(values()))).unwrap();
    }
}

#[test]
fn the_original_headers_agree_with_rust() {
    if have_original_headers() {
        let values = values()
            .into_iter()
            .filter(|belief| !NEWER.iter().any(|newer| belief.starts_with(newer)));
        let source = program(layouts().into_iter().chain(values));
        compile("gcc", &["-x", "c", "-std=c11", "-fsyntax-only"], &source).unwrap();
    }
}
