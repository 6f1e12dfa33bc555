//! The regions of AWS.

use crate::yaml::{Document, Path};

/// Those of all partitions in `botocore/data/partitions.json` of botocore 1.43.106. One that is newer is warned of, and works.
const REGIONS: [&str; 46] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// Warns of a region that is not known. It is not repeated: it may come from a variable.
pub(super) fn warn_unknown(region: &str, path: &Path, document: &mut Document) {
    if REGIONS.contains(&region) {
        return;
    }
    let meant = nearest(region).map(|meant| format!(": is `{meant}` meant?")).unwrap_or_default();
    let what = format!("this version knows no AWS region of that name{meant}");
    document.warn(path, "unknown_region", &what);
}

/// The region that a misspelt one was most likely meant to be.
fn nearest(region: &str) -> Option<&'static str> {
    const SLIPS_MAX: usize = 3;
    let distance = |known: &&str| strsim::damerau_levenshtein(region, known);
    REGIONS.into_iter().min_by_key(distance).filter(|known| distance(known) <= SLIPS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_region_finds_the_one_that_was_meant() {
        for (region, expected) in [
            ("eu-centrl-1", Some("eu-central-1")),
            ("us-est-1", Some("us-east-1")),
            ("ap-notheast-3", Some("ap-northeast-3")),
            ("us-east1", Some("us-east-1")),
            ("mars-north-1", None),
        ] {
            assert_eq!(nearest(region), expected, "{region}");
        }
    }
}
