//! One look at the tagged images of a repository: what they are, how large, since when. Other than a question for tags, it
//! fetches no manifest, and so is no pull.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::operation::describe_images::DescribeImagesOutput;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageStatus, ImageStatusFilter, TagStatus};
use jiff::Timestamp;

use crate::aws::Error;
use crate::ecr::client::Api;
use crate::oci::{Digest, Repository, Stored, Tag};

/// ECR gives no more in one call.
const IMAGES_MAX: i32 = 1000;

/// What one look showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What tags point at.
    pub tags: BTreeMap<Tag, Stored>,
    /// Of these the answer is not clear; the registry itself has to be asked.
    pub doubtful: BTreeSet<Tag>,
    /// Whether these are all: what is not among them is not there.
    pub is_whole: bool,
}

impl Api {
    /// Looks at the first thousand tagged images. Of a missing repository, the error
    /// [is its absence](Error::is_repository_missing).
    pub async fn images(&self, repository: &Repository) -> Result<Page, Error> {
        // Unless told otherwise, ECR leaves out what it has archived, as if it were not there.
        let filter = DescribeImagesFilter::builder()
            .tag_status(TagStatus::Tagged)
            .image_status(ImageStatusFilter::Any)
            .build();
        let request = self
            .client
            .describe_images()
            .registry_id(&self.account)
            .repository_name(repository.as_str())
            .filter(filter)
            .max_results(IMAGES_MAX);
        let answer = self.call("DescribeImages", repository).make(request.send()).await?;
        Ok(Page::read(&answer))
    }
}

impl Page {
    fn read(answer: &DescribeImagesOutput) -> Self {
        let is_whole = answer.next_token().is_none_or(str::is_empty);
        let mut page = Self { is_whole, ..Self::default() };
        for image in answer.image_details() {
            let stored = stored(image);
            for tag in image.image_tags().iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
                let is_new = !page.tags.contains_key(&tag) && !page.doubtful.contains(&tag);
                if let Some(stored) = stored.filter(|_| is_new) {
                    page.tags.insert(tag, stored);
                } else {
                    // Nothing is under two digests.
                    page.tags.remove(&tag);
                    page.doubtful.insert(tag);
                }
            }
        }
        page
    }

    /// Takes what was written since.
    pub fn wrote(&mut self, tag: &Tag, digest: Digest) {
        self.doubtful.remove(tag);
        self.tags.insert(tag.clone(), digest.into());
    }
}

/// An image as it is there; none of one that cannot be had at once.
fn stored(image: &ImageDetail) -> Option<Stored> {
    let is_active = image.image_status().is_none_or(|status| *status == ImageStatus::Active);
    let digest = image.image_digest()?.parse().ok().filter(|_| is_active)?;
    let pushed_at = image.image_pushed_at();
    Some(Stored {
        digest,
        size: image.image_size_in_bytes().and_then(|size| u64::try_from(size).ok()),
        pushed_at: pushed_at.and_then(|at| Timestamp::new(at.secs(), at.subsec_nanos().cast_signed()).ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::FakeAws;

    async fn page(answer: Value) -> Page {
        let aws = FakeAws::start(move |_, _, _| (200, answer.clone())).await;
        let page = aws.api().images(&"java/jdk".parse().unwrap()).await.unwrap();
        let input = json!({
            "registryId": "123456789012",
            "repositoryName": "java/jdk",
            "maxResults": 1000,
            "filter": {"tagStatus": "TAGGED", "imageStatus": "ANY"},
        });
        assert_eq!(aws.calls(), [("DescribeImages".to_owned(), input)]);
        page
    }

    fn image(content: &str, tags: &[&str]) -> Value {
        json!({"imageDigest": Digest::of(content.as_bytes()), "imageTags": tags,
            "imageSizeInBytes": 7, "imagePushedAt": 1_700_000_000.5})
    }

    fn names(tags: impl IntoIterator<Item = Tag>) -> Vec<String> {
        tags.into_iter().map(|tag| tag.to_string()).collect()
    }

    #[tokio::test]
    async fn each_tag_has_digest_size_and_time_of_its_image() {
        let page =
            page(json!({"imageDetails": [image("one", &["1", "latest"]), image("two", &["2"])]})).await;
        assert_eq!(names(page.tags.keys().cloned()), ["1", "2", "latest"]);
        let expected = Stored {
            digest: Digest::of(b"one"),
            size: Some(7),
            pushed_at: Some("2023-11-14T22:13:20.5Z".parse().unwrap()),
        };
        assert_eq!(page.tags[&"latest".parse().unwrap()], expected);
        assert!(page.is_whole && page.doubtful.is_empty());
    }

    #[tokio::test]
    async fn where_more_follow_it_is_not_all() {
        let answer = json!({"imageDetails": [image("one", &["1"])], "nextToken": "more"});
        assert!(!page(answer).await.is_whole);
    }

    #[tokio::test]
    async fn what_is_not_clear_is_left_to_the_registry() {
        let mut archived = image("old", &["old"]);
        archived["imageStatus"] = "ARCHIVED".into();
        let mut odd = image("odd", &["odd"]);
        odd["imageDigest"] = "sha256:../x".into();
        let moved = [image("one", &["moved", "1"]), image("two", &["moved"]), image("three", &["moved"])];
        let images: Vec<Value> = [archived, odd].into_iter().chain(moved).collect();
        let page = page(json!({"imageDetails": images})).await;
        assert_eq!(names(page.tags.keys().cloned()), ["1"]);
        assert_eq!(names(page.doubtful), ["moved", "odd", "old"]);
    }
}
