//! `function.h`: descriptions of functions for gearman_worker_define_function().
//!
//! NULL pointers are kept: gearman_worker_define_function() refuses them.

use super::types::*;

const EMPTY: gearman_function_partition_v1_t =
    gearman_function_partition_v1_t { func: None, aggregator: None };

/// Makes a description. Every byte of the union is set before the member that `kind`
/// names, so that no byte that C can see is uninitialised.
fn function(
    kind: gearman_function_kind_t,
    fill: impl FnOnce(&mut gearman_function_callback),
) -> gearman_function_t {
    let mut callback = gearman_function_callback { partitioner: EMPTY };
    fill(&mut callback);
    gearman_function_t { kind, callback }
}

/// Describes a function that sends its results itself; the same as
/// gearman_function_create_v2().
///
/// `func` is the function.
///
/// Returns the description, by value, for gearman_worker_define_function().
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create(func: gearman_function_fn) -> gearman_function_t {
    create_v2(func)
}

/// Describes a function that returns its result, as gearman_worker_add_function() takes
/// it.
///
/// `func` is the function.
///
/// Returns the description, by value, for gearman_worker_define_function().
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create_v1(func: gearman_worker_fn) -> gearman_function_t {
    function(gearman_function_kind_t::V1, |callback| {
        callback.function_v1 = gearman_function_v1_t { func };
    })
}

/// Describes a function that sends its results itself, with gearman_job_send_data() or
/// gearman_job_send_complete().
///
/// `func` is the function. It returns `GEARMAN_SUCCESS` to complete the job,
/// `GEARMAN_ERROR` to have the server give the job to a worker again, and
/// `GEARMAN_FATAL` or `GEARMAN_WORK_EXCEPTION` to fail it. `GEARMAN_SHUTDOWN` completes
/// the job too, and gearman_worker_work() returns it. Any other code is an error, and
/// gives the job back to the server.
///
/// Returns the description, by value, for gearman_worker_define_function().
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_function_create_v2(
    func: gearman_function_fn,
) -> gearman_function_t {
    create_v2(func)
}

/// Describes a partition function, which splits a workload into jobs.
///
/// `func` sends each part of the workload with gearman_job_send_data(); the parts
/// become jobs of the function that gearman_execute_by_partition() names. When all of
/// them have ended, `aggregator` is called to combine their results: it gets the first
/// of their tasks, and the others by gearman_next(), and stores the result with
/// gearman_result_store_value().
///
/// Returns the description, by value, for gearman_worker_define_function().
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
