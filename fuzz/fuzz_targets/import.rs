#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::import::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::import(data));
