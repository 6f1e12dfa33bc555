//! The repositories of Oracle Container Registry, with tags seen in public use: what the newest 3 (and the newest 1:
//! the first of each row) of everything are.

use super::{apply, check_newest, everything, newest, selected};
use crate::select::Spec;

#[test]
fn java_jdk() {
    check_newest(
        "8 8u381-oraclelinux8 8u491 8u491-oraclelinux8 11 11-oraclelinux7 11-oraclelinux8 11.0.31 17 \
         17.0.3-oraclelinux8 17.0.9 17.0.13 21 21-oraclelinux8 21.0.11-oraclelinux9 23 latest",
        &[
            // Moving tags count as versions of their own: who wants none of them says so in `match`.
            ("", "23 21 17.0.13"),
            ("oraclelinux7", "11-oraclelinux7"),
            ("oraclelinux8", "21-oraclelinux8 17.0.3-oraclelinux8 11-oraclelinux8"),
            ("oraclelinux9", "21.0.11-oraclelinux9"),
        ],
        "latest",
    );
}

#[test]
fn java_8_counts_updates() {
    check_newest("8u1000 8u381 8u131 8u491 8 1.8.0_371", &[("", "8u1000 8u491 8u381")], "");
    check_newest("1.8.0_371 1.8.0_51 1.8.0", &[("", "1.8.0_371 1.8.0_51 1.8.0")], "");
    // OpenJDK writes the build apart. `8u412` alone is the moving tag, and ranks as a shorter row of numbers.
    check_newest("8u412-b08 8u402-b06 8u412", &[("", "8u412-b08 8u412 8u402-b06")], "");
}

#[test]
fn java_jdk_no_fee_term() {
    check_newest(
        "21 21-oraclelinux8 21.0.1-oraclelinux8 25 25-oraclelinux9 25.0.2-oraclelinux9 25.0.3 latest",
        &[
            ("", "25.0.3 25 21"),
            ("oraclelinux8", "21.0.1-oraclelinux8 21-oraclelinux8"),
            ("oraclelinux9", "25.0.2-oraclelinux9 25-oraclelinux9"),
        ],
        "latest",
    );
}

#[test]
fn java_openjdk_and_serverjre() {
    check_newest(
        "15.0.2-oraclelinux7 17 17-oraclelinux8 19 25 25.0.2 26 latest",
        &[("", "26 25.0.2 25"), ("oraclelinux7", "15.0.2-oraclelinux7"), ("oraclelinux8", "17-oraclelinux8")],
        "latest",
    );
    check_newest("8 8u131 latest", &[("", "8u131 8")], "latest");
}

#[test]
fn graalvm_jdk_and_native_image() {
    check_newest("21 22 23 25 latest", &[("", "25 23 22")], "latest");
    check_newest(
        "17 17-ol8 21 21-muslib 21-muslib-ol9 23-ol8 24.0.1 25 25-ol9",
        &[
            ("", "25 24.0.1 21"),
            // Starts like the pre-release word `m`, and is none.
            ("muslib", "21-muslib"),
            ("muslib-ol9", "21-muslib-ol9"),
            ("ol8", "23-ol8 17-ol8"),
            ("ol9", "25-ol9"),
        ],
        "",
    );
}

#[test]
fn graalvm_native_image_editions() {
    check_newest(
        "java11-21.3.0 java11-20.3.4 ol7-java11-21.3.0 ol8-java17 latest",
        &[("java11", "java11-21.3.0 java11-20.3.4"), ("ol7-java11", "ol7-java11-21.3.0")],
        // Both words of `ol8-java17` name what the image is made with, not which version it is.
        "latest ol8-java17",
    );
    check_newest("25", &[("", "25")], "");
}

/// All tags of one release of `database/free` from 23.6 on.
fn database_free(versions: &[&str]) -> String {
    let forms = ["", "-amd64", "-arm64", "-lite", "-lite-amd64", "-lite-arm64"];
    let tags = versions.iter().flat_map(|version| forms.map(|form| format!("{version}{form} ")));
    tags.collect()
}

#[test]
fn database_free_counts_26_after_9() {
    let early = "23.2.0.0 23.3.0.0 23.4.0.0 23.4.0.0-lite 23.5.0.0 23.5.0.0-lite latest latest-lite ";
    let late = database_free(&[
        "23.6.0.0",
        "23.7.0.0",
        "23.8.0.0",
        "23.9.0.0",
        "23.26.0.0",
        "23.26.1.0",
        "23.26.2.0",
        "23.26.3.0",
    ]);
    check_newest(
        &format!("{early}{late}"),
        &[
            ("", "23.26.3.0 23.26.2.0 23.26.1.0"),
            ("amd64", "23.26.3.0-amd64 23.26.2.0-amd64 23.26.1.0-amd64"),
            ("arm64", "23.26.3.0-arm64 23.26.2.0-arm64 23.26.1.0-arm64"),
            ("lite", "23.26.3.0-lite 23.26.2.0-lite 23.26.1.0-lite"),
            ("lite-amd64", "23.26.3.0-lite-amd64 23.26.2.0-lite-amd64 23.26.1.0-lite-amd64"),
            ("lite-arm64", "23.26.3.0-lite-arm64 23.26.2.0-lite-arm64 23.26.1.0-lite-arm64"),
        ],
        "latest latest-lite",
    );
    let earlier = database_free(&["23.6.0.0", "23.9.0.0"]);
    check_newest(
        &format!("23.5.0.0 23.4.0.0-lite {earlier} 23.26.0.0"),
        &[
            ("", "23.26.0.0 23.9.0.0 23.6.0.0"),
            ("amd64", "23.9.0.0-amd64 23.6.0.0-amd64"),
            ("arm64", "23.9.0.0-arm64 23.6.0.0-arm64"),
            ("lite", "23.9.0.0-lite 23.6.0.0-lite 23.4.0.0-lite"),
            ("lite-amd64", "23.9.0.0-lite-amd64 23.6.0.0-lite-amd64"),
            ("lite-arm64", "23.9.0.0-lite-arm64 23.6.0.0-lite-arm64"),
        ],
        "",
    );
}

#[test]
fn database_free_labels_of_builds_are_variants_with_a_date() {
    check_newest(
        "RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704 RDBMS_23.26.3.0.0DBRU_LINUX.X64_260612 \
         RDBMS_23.26.2.0.0DBRU_LINUX.X64_260801 RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-arm64 \
         RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-lite RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-lite-arm64 23.26.3.0",
        &[
            ("", "23.26.3.0"),
            // The numbers come before the date: a late rebuild of 23.26.2 is not newer than 23.26.3.
            (
                "RDBMS-DBRU_LINUX.X64",
                "RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704 RDBMS_23.26.3.0.0DBRU_LINUX.X64_260612 \
                 RDBMS_23.26.2.0.0DBRU_LINUX.X64_260801",
            ),
            ("RDBMS-DBRU_LINUX.X64-arm64", "RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-arm64"),
            ("RDBMS-DBRU_LINUX.X64-lite", "RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-lite"),
            ("RDBMS-DBRU_LINUX.X64-lite-arm64", "RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-lite-arm64"),
        ],
        "",
    );
}

#[test]
fn database_enterprise() {
    check_newest(
        "12.2.0.1 12.2.0.1-slim 19.3.0.0 19.19.0.0 21.3.0.0 latest",
        &[("", "21.3.0.0 19.19.0.0 19.3.0.0"), ("slim", "12.2.0.1-slim")],
        "latest",
    );
    check_newest(
        "19 19.19.0.0 19.21.0.0 latest latest-19",
        // `latest-19` is a line that moves, not a version.
        &[("", "19.21.0.0 19.19.0.0 19")],
        "latest latest-19",
    );
}

#[test]
fn database_express_and_ords() {
    check_newest("18.4.0-xe 21.3.0-xe latest", &[("xe", "21.3.0-xe 18.4.0-xe")], "latest");
    check_newest(
        "21.4.2-gh 23.3.0 24.1.1 26.1.2 latest",
        &[("", "26.1.2 24.1.1 23.3.0"), ("gh", "21.4.2-gh")],
        "latest",
    );
    check_newest("24.2.3 latest", &[("", "24.2.3")], "latest");
}

#[test]
fn oraclelinux() {
    check_newest(
        "6 7 7-slim 7.5 8-slim 8.6 9 9-slim 10-slim",
        &[("", "9 8.6 7.5"), ("slim", "10-slim 9-slim 8-slim")],
        "",
    );
}

#[test]
fn weblogic() {
    check_newest(
        "12.2.1.3 12.2.1.4 12.2.1.4-dev 12.2.1.4-slim 12.2.1.4-slim-ol8 12.2.1.4-220120 12.2.1.4-ol8-230119 \
         12.2.1.4-generic-jdk8-ol7-211124 12.2.1.4-generic-jdk8-ol7-220120 14.1.1.0 14.1.1.0-11 14.1.1.0-11-ol8 \
         14.1.1.0-dev 14.1.1.0-dev-8 14.1.1.0-dev-11 14.1.1.0-dev-8-ol8 14.1.2.0-generic-jdk17-ol8 \
         14.1.2.0-generic-jdk17-ol9 14.1.2.0-generic-jdk21-ol9 14.1.2.0-generic-jdk17-ol8-241204 \
         14.1.2.0-generic-jdk17-ol8-250424",
        &[
            // The undated tag is rebuilt in place, so it is newer than the dated one.
            ("", "14.1.1.0 12.2.1.4 12.2.1.4-220120"),
            // One or two digits are the JDK, six are a date.
            ("11", "14.1.1.0-11"),
            ("11-ol8", "14.1.1.0-11-ol8"),
            ("dev", "14.1.1.0-dev 12.2.1.4-dev"),
            ("dev-11", "14.1.1.0-dev-11"),
            ("dev-8", "14.1.1.0-dev-8"),
            ("dev-8-ol8", "14.1.1.0-dev-8-ol8"),
            (
                "generic-jdk17-ol8",
                "14.1.2.0-generic-jdk17-ol8 14.1.2.0-generic-jdk17-ol8-250424 14.1.2.0-generic-jdk17-ol8-241204",
            ),
            ("generic-jdk17-ol9", "14.1.2.0-generic-jdk17-ol9"),
            ("generic-jdk21-ol9", "14.1.2.0-generic-jdk21-ol9"),
            ("generic-jdk8-ol7", "12.2.1.4-generic-jdk8-ol7-220120 12.2.1.4-generic-jdk8-ol7-211124"),
            ("ol8", "12.2.1.4-ol8-230119"),
            ("slim", "12.2.1.4-slim"),
            ("slim-ol8", "12.2.1.4-slim-ol8"),
        ],
        "",
    );
}

#[test]
fn weblogic_cpu() {
    check_newest(
        "12.2.1.4-generic-jdk8-ol7 12.2.1.4-generic-jdk8-ol8 12.2.1.4-generic-jdk8-ol7-211124 \
         14.1.1.0-generic-jdk11-ol8",
        &[
            ("generic-jdk11-ol8", "14.1.1.0-generic-jdk11-ol8"),
            ("generic-jdk8-ol7", "12.2.1.4-generic-jdk8-ol7 12.2.1.4-generic-jdk8-ol7-211124"),
            ("generic-jdk8-ol8", "12.2.1.4-generic-jdk8-ol8"),
        ],
        "",
    );
}

#[test]
fn fmw_infrastructure_and_soasuite() {
    check_newest("12.2.1.3 12.2.1.4 12.2.1.4-200316", &[("", "12.2.1.4 12.2.1.4-200316 12.2.1.3")], "");
    check_newest("12.2.1.3 12.2.1.3-200418", &[("", "12.2.1.3 12.2.1.3-200418")], "");
}

#[test]
fn mysql() {
    check_newest(
        "8.4 8.4.12 9.1.0 9.4.0 9.6 9.6.0 9.7 latest",
        // 9.7 is a moving tag whose 9.7.0 this list lacks, and still newer than anything of 9.6.
        &[("", "9.7 9.6.0 9.6")],
        "latest",
    );
    check_newest("8.0 8.4.8 9.0.1-aarch64", &[("", "8.4.8 8.0"), ("aarch64", "9.0.1-aarch64")], "");
    check_newest("8.4", &[("", "8.4")], "");
    check_newest("latest", &[], "latest");
}

const JDK: &str = "17 17.0.9-oraclelinux9 17.0.10-oraclelinux9 17.0.13-oraclelinux9 17.0.13 21 21.0.1 21.0.9 21.0.10 \
                   21.0.11 21.0.11-oraclelinux8 21.0.10-oraclelinux9 21.0.11-oraclelinux9 25 25-oraclelinux9 \
                   25.0.2-oraclelinux9 25.0.3-oraclelinux9 26-ea latest";

#[test]
fn newest_three_of_a_line() {
    let rule = Spec { pattern: r"^21\.0\.[0-9]+$".to_owned(), newest: newest(3), ..Spec::default() };
    assert_eq!(selected(JDK, &[rule]), "21.0.11 21.0.10 21.0.9");
}

#[test]
fn newest_two_of_every_line() {
    let pattern = r"^(?<line>17|21|25)\..*-oraclelinux9$".to_owned();
    let rule = Spec { pattern, newest: newest(2), per: vec!["line".to_owned()], ..Spec::default() };
    assert_eq!(
        selected(JDK, std::slice::from_ref(&rule)),
        "25.0.3-oraclelinux9 25.0.2-oraclelinux9 21.0.11-oraclelinux9 21.0.10-oraclelinux9 17.0.13-oraclelinux9 \
         17.0.10-oraclelinux9"
    );
    let selection = apply(JDK, &[rule]);
    let reason = |tag: &str| {
        selection.verdicts.iter().find(|verdict| verdict.tag.as_str() == tag).unwrap().reason.to_string()
    };
    assert_eq!(reason("17.0.10-oraclelinux9"), "newest 2 of 3 in variant oraclelinux9, line 17");
    assert_eq!(reason("17.0.9-oraclelinux9"), "older than the newest 2 of variant oraclelinux9, line 17");
    assert_eq!(reason("25-oraclelinux9"), "matches no rule");
}

#[test]
fn moving_tags_are_chosen_by_name() {
    let rule = Spec { pattern: "^(21|latest)$".to_owned(), ..Spec::default() };
    assert_eq!(selected(JDK, &[rule]), "21 latest");
}

#[test]
fn per_architecture_tags_are_left_out_with_except() {
    let tags = database_free(&["23.26.2.0", "23.26.3.0"]);
    let rule = Spec { except: Some("-(amd|arm)64$".to_owned()), newest: newest(1), ..everything() };
    assert_eq!(selected(&tags, &[rule]), "23.26.3.0 23.26.3.0-lite");
}
