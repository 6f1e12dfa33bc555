//! The page in the text format 0.0.4, which Pushgateways and node exporters read.

/// The media type of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of `OpenMetrics` in the older format, with the names that queries use. A metric without a sample is left out.
pub(super) fn plain(page: &str) -> String {
    let mut text = String::new();
    let (mut help, mut head) = ("", String::new());
    for line in page.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", _, words] => help = words,
            ["#", "TYPE", name, kind] => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", kind),
                    "info" => ("_info", "gauge"),
                    _ => ("", kind),
                };
                head = format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n");
            }
            ["#", ..] => {}
            _ => {
                text += &std::mem::take(&mut head);
                text += line;
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_marks_are_those_of_the_older_format() {
        let page = "# HELP a_build The program\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
            # HELP a_up How long\n# TYPE a_up gauge\n# UNIT a_up seconds\n\
            # HELP a_passes Passes\n# TYPE a_passes counter\na_passes_total{m=\"x # HELP y\"} 2\na_passes_total{m=\"y\"} 3\n# EOF\n";
        insta::assert_snapshot!(plain(page), @r#"
        # HELP a_build_info The program
        # TYPE a_build_info gauge
        a_build_info{version="1"} 1
        # HELP a_passes_total Passes
        # TYPE a_passes_total counter
        a_passes_total{m="x # HELP y"} 2
        a_passes_total{m="y"} 3
        "#);
    }
}
