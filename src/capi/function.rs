//! `function.h`: what `gearman_worker_define_function` can register.
//!
//! NULL pointers are kept: `gearman_worker_define_function` refuses them.

use super::types::*;

const EMPTY: gearman_function_partition_v1_t =
    gearman_function_partition_v1_t { func: None, aggregator: None };

/// Sets every byte of the union before the member that `kind` names, so that no
/// byte that C can see is uninitialised.
fn function(
    kind: gearman_function_kind_t,
    fill: impl FnOnce(&mut gearman_function_callback),
) -> gearman_function_t {
    let mut callback = gearman_function_callback { partitioner: EMPTY };
    fill(&mut callback);
    gearman_function_t { kind, callback }
}

/// A function that sends its results itself: the same as
/// gearman_function_create_v2().
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create(func: gearman_function_fn) -> gearman_function_t {
    create_v2(func)
}

/// A function that returns its result in memory that the library frees, as
/// gearman_worker_add_function() takes it.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create_v1(func: gearman_worker_fn) -> gearman_function_t {
    function(gearman_function_kind_t::V1, |callback| {
        callback.function_v1 = gearman_function_v1_t { func };
    })
}

/// A function that sends its results itself, with gearman_job_send_data() and
/// its like, and returns how it ended: SUCCESS, ERROR to have the job run again,
/// FATAL, or WORK_EXCEPTION.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create_v2(
    func: gearman_function_fn,
) -> gearman_function_t {
    create_v2(func)
}

/// A function that splits a workload: `func` sends each part with
/// gearman_job_send_data(), and `aggregator` puts the results of the parts
/// together.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create_partition(
    func: gearman_function_fn,
    aggregator: gearman_aggregator_fn,
) -> gearman_function_t {
    function(gearman_function_kind_t::PARTITION, |callback| {
        callback.partitioner = gearman_function_partition_v1_t { func, aggregator };
    })
}

fn create_v2(func: gearman_function_fn) -> gearman_function_t {
    function(gearman_function_kind_t::V2, |callback| {
        callback.function_v2 = gearman_function_v2_t { func };
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libc::c_void;

    unsafe extern "C-unwind" fn work(_: *mut gearman_job_st, _: *mut c_void) -> gearman_return_t {
        gearman_return_t::SUCCESS
    }

    #[test]
    fn the_rest_of_the_union_is_zero() {
        let made = gearman_function_create(Some(work));
        assert_eq!(made.kind, gearman_function_kind_t::V2);
        // SAFETY: every byte of the union was set, and every member is nullable pointers.
        let raw = unsafe { made.callback.partitioner };
        assert!(raw.func.is_some() && raw.aggregator.is_none());
    }
}
