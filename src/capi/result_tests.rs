//! Tests of `result.rs`.

use super::*;
use std::ptr;

fn binary(bytes: &[u8]) -> gearman_result_st {
    let mut result = gearman_result_st::new();
    result.give(Owned::copy_of(bytes).unwrap()).unwrap();
    result
}

#[test]
fn bytes_read_as_numbers_the_way_atoll_does() {
    for (bytes, number) in [
        (&b"12ab34"[..], 12),
        (b"-42junk", -42),
        (b"  15 ", 15),
        (b"one", 0),
        (b"", 0),
        (b"999999999999999999999999", i64::MAX),
    ] {
        assert_eq!(binary(bytes).integer(), number, "{bytes:?}");
    }
}

#[test]
fn a_later_store_replaces_an_earlier_one() {
    let mut result = gearman_result_st::new();
    let at = &raw mut result;
    // SAFETY: `at` points at a live result; the other pointers at static bytes.
    unsafe {
        assert!(gearman_result_is_null(at));
        let rc = gearman_result_store_value(at, c"one".as_ptr().cast(), 3);
        assert_eq!(rc, gearman_return_t::SUCCESS);
        gearman_result_store_integer(at, -9);
        assert_eq!((gearman_result_integer(at), gearman_result_boolean(at)), (-9, true));
        assert!(gearman_result_value(at).is_null() && !gearman_result_is_null(at));
        let rc = gearman_result_store_value(at, ptr::null(), 0);
        assert_eq!(rc, gearman_return_t::SUCCESS);
        assert_eq!((gearman_result_size(at), *gearman_result_value(at)), (0, 0));
        assert!(!gearman_result_boolean(at) && !gearman_result_is_null(at));
    }
}

#[test]
fn a_result_can_store_a_part_of_itself() {
    let mut result = binary(b"abcdef");
    let at = &raw mut result;
    // SAFETY: the bytes are the result's own, four of its six.
    let rc = unsafe {
        let part = gearman_result_value(at).add(2);
        gearman_result_store_string(at, gearman_string_t { c_str: part, size: 4 })
    };
    assert_eq!(rc, gearman_return_t::SUCCESS);
    assert_eq!(result.bytes(), Some(&b"cdef"[..]));
    assert_eq!(result.take().unwrap().as_slice(), b"cdef");
    assert!(result.take().is_none() && result.bytes().is_none());
}

#[test]
fn every_function_takes_null() {
    let invalid = gearman_return_t::INVALID_ARGUMENT;
    let mut result = gearman_result_st::new();
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        assert_eq!(gearman_result_store_value(ptr::null_mut(), c"a".as_ptr().cast(), 1), invalid);
        assert_eq!(gearman_result_store_value(&raw mut result, ptr::null(), 5), invalid);
        gearman_result_store_integer(ptr::null_mut(), 1);
        assert_eq!(gearman_result_string(ptr::null()).size, 0);
        assert!(gearman_result_is_null(ptr::null()) && gearman_result_is_null(&raw const result));
    }
}
