#![no_main]

use libfuzzer_sys::fuzz_target;
use tagferry::login::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::docker_config(data));
