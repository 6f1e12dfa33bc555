//! The configurations that `deploy` hands over to containers.

use std::fs;
use std::path::Path;

use crate::world::program::Program;

#[test]
fn the_configurations_of_deploy_are_right() {
    for place in ["compose/tagferry.yaml", "ecs/config.yaml", "kubernetes/base/tagferry.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(place);
        let text = fs::read_to_string(path).unwrap();
        Program::configured(&text).run(&["check"]).assert_code(0);
    }
}
