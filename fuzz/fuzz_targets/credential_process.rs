#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::aws::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::credential_process(data));
