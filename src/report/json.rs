//! Documents for scripts. Their keys are part of the interface.

use std::io;
use std::io::Write;

use serde::Serialize;

use crate::event::{MirrorSummary, RunSummary};
use crate::oci::Tag;
use crate::report::run::RunReport;

/// The document of a run or a plan. It is written mirror by mirror: what was written is not kept.
#[derive(Debug, Default)]
pub struct Document {
    /// Whether a mirror was written.
    has_mirrors: bool,
}

impl RunReport for Document {
    fn mirror(&mut self, out: &mut dyn Write, mirror: MirrorSummary) -> io::Result<()> {
        out.write_all(if self.has_mirrors { b",\n" } else { b"{\n  \"mirrors\": [\n" })?;
        self.has_mirrors = true;
        // No text of JSON has a line break in it.
        let text = serde_json::to_string_pretty(&mirror)?;
        for (index, line) in text.lines().enumerate() {
            write!(out, "{}    {line}", if index > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, run: &RunSummary) -> io::Result<()> {
        out.write_all(if self.has_mirrors { b"\n  ],\n" } else { b"{\n  \"mirrors\": [],\n" })?;
        let sums = serde_json::to_string_pretty(run)?;
        writeln!(out, "{}", sums.trim_start_matches("{\n"))
    }
}

/// Writes tags in the shape of the Registry API's answer to `GET /v2/<name>/tags/list`.
pub fn tag_list(out: &mut dyn Write, name: &str, tags: &[&Tag]) -> io::Result<()> {
    #[derive(Serialize)]
    struct TagList<'a> {
        name: &'a str,
        tags: &'a [&'a Tag],
    }
    write(out, &TagList { name, tags })
}

fn write(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use crate::report::samples;
    use crate::report::samples::{text, told};

    use super::*;

    #[test]
    fn the_document_of_a_run_has_the_documented_keys() {
        insta::assert_snapshot!(text(|out| told(&mut Document::default(), out, &samples::run())), @r#"
        {
          "mirrors": [
            {
              "name": "java/jdk",
              "source": "container-registry.oracle.com/java/jdk",
              "sources": [
                "container-registry.oracle.com/java/jdk"
              ],
              "target": "registry.test/oracle/java/jdk",
              "outcome": "failed",
              "error": null,
              "tags": [
                {
                  "tag": "21.0.7",
                  "digest": "sha256:39a069e3150946ba678d8e2b3ec2c338b8204584bdede5158fc823962d9a5b5a",
                  "action": "copy",
                  "outcome": "copied",
                  "reason": "missing in target",
                  "bytes": 188951345,
                  "blobs": {
                    "uploaded": 3,
                    "mounted": 0,
                    "present": 2
                  },
                  "error": null
                },
                {
                  "tag": "21.0.6",
                  "digest": "sha256:d59799860b234e8889afbfc9e581cf8a1e760469328f2d458ce11f14a2ba7fe5",
                  "action": "skip",
                  "outcome": "up_to_date",
                  "reason": "target is equal",
                  "bytes": 0,
                  "blobs": {
                    "uploaded": 0,
                    "mounted": 0,
                    "present": 0
                  },
                  "error": null
                },
                {
                  "tag": "21",
                  "digest": null,
                  "action": null,
                  "outcome": "failed",
                  "reason": "",
                  "bytes": 0,
                  "blobs": {
                    "uploaded": 0,
                    "mounted": 0,
                    "present": 0
                  },
                  "error": "source: cannot read the manifest: GET https://a.example/v2/x: 503\nhint: try later"
                }
              ],
              "warnings": []
            },
            {
              "name": "database/free",
              "source": "container-registry.oracle.com/database/free",
              "sources": [
                "container-registry.oracle.com/database/free"
              ],
              "target": "registry.test/oracle/database/free",
              "outcome": "failed",
              "error": "cannot read the tags of the source: connection refused",
              "tags": [],
              "warnings": []
            }
          ],
          "outcome": "failed",
          "started_at": "2026-09-01T00:00:00Z",
          "finished_at": "2026-09-01T00:03:05Z",
          "totals": {
            "selected": 3,
            "copied": 1,
            "up_to_date": 1,
            "failed": 1,
            "bytes": 188951345,
            "requests": 17
          },
          "warnings": []
        }
        "#);
    }

    #[test]
    fn a_run_without_a_mirror_is_a_document() {
        let run = RunSummary { mirrors: Vec::new(), ..samples::run() };
        let document = text(|out| told(&mut Document::default(), out, &run));
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["mirrors"], serde_json::json!([]));
        assert_eq!(document["outcome"], "failed");
    }

    #[test]
    fn a_tag_list_has_the_shape_of_the_registry_api() {
        let tags: [Tag; 2] = ["21.0.7", "21.0.6"].map(|tag| tag.parse().unwrap());
        let tags: Vec<_> = tags.iter().collect();
        insta::assert_snapshot!(text(|out| tag_list(out, "java/jdk", &tags)), @r#"
        {
          "name": "java/jdk",
          "tags": [
            "21.0.7",
            "21.0.6"
          ]
        }
        "#);
    }
}
