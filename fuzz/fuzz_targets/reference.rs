#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::oci::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::reference(data));
