//! `aggregator.h`: the argument of an aggregator function.

use libc::c_void;

/// The argument of an aggregator function, which is opaque in C and lives until the
/// function returns.
#[derive(Debug)]
pub struct gearman_aggregator_st {
    context: *mut c_void,
}

impl gearman_aggregator_st {
    /// Makes the argument of one call, with the context that the function was defined with.
    pub fn new(context: *mut c_void) -> gearman_aggregator_st {
        gearman_aggregator_st { context }
    }
}

/// Gets the context of an aggregator function.
///
/// The name is misspelt in the original library, and kept because programs are linked
/// with it.
///
/// Returns the context pointer that gearman_worker_define_function() was called with;
/// NULL without a context and if `aggregator` is NULL.
///
/// # Safety
/// `aggregator` is NULL or what an aggregator function was called with, during that
/// call.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_aggegator_context(
    aggregator: *mut gearman_aggregator_st,
) -> *mut c_void {
    // SAFETY: the caller passes NULL or a live aggregator.
    unsafe { aggregator.as_ref() }.map_or(std::ptr::null_mut(), |it| it.context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_comes_back() {
        let mut context = 0u8;
        let pointer = (&raw mut context).cast();
        let mut aggregator = gearman_aggregator_st::new(pointer);
        // SAFETY: the aggregator lives on this stack; NULL is allowed.
        unsafe {
            assert_eq!(gearman_aggegator_context(&raw mut aggregator), pointer);
            assert!(gearman_aggegator_context(std::ptr::null_mut()).is_null());
        }
    }
}
